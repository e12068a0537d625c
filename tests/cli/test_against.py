"""``streams contracts check --against``: real data against a contract, told by path and code and never by value."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command
from tests.contracts.builders import a_folder
from tests.testing.test_plugin import FILES

GOOD = {"id": 1, "state": "new"}
ROWS = [GOOD, {"id": 0, "state": "SECRET"}, {"id": 2, "state": "SECRET", "tags": [1]}, {**GOOD, "total": 100}]


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    return a_folder(tmp_path / "schemas", FILES)


def check(dataset: str, against: object, schemas: Path, *more: str) -> Result:
    arguments = ["check", dataset, "--against", str(against), "--schemas", str(schemas), *more]
    return CliRunner().invoke(command, arguments)


def lines(folder: Path, rows: list[object]) -> Path:
    file = folder / "sent.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


@contextmanager
def served(content: bytes, status: int = 200) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/orders?token=SECRET"
    finally:
        server.shutdown()
        server.server_close()


def test_causes_are_counted_by_path_and_code(schemas: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"

    result = check("com.acme/orders", lines(tmp_path, ROWS), schemas, "--output", "json", "--junit", str(report))

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "contract": "com.acme/orders/1-0-1", "against": str(tmp_path / "sent.jsonl"), "format": "json",
        "records": 4, "rows": 4, "failed": 3,
        "causes": [
            {"code": "enum", "path": "state", "rows": 2}, {"code": "minimum", "path": "id", "rows": 1},
            {"code": "consistency.small", "path": "total", "rows": 1},
        ],
    }  # fmt: skip
    (case,) = Xml.parse(report).getroot().iter("testcase")
    assert case.get("name") == "com.acme/orders/1-0-1"
    assert "enum: 2 of 4 rows" in (next(case.iter("failure")).text or "")
    assert "SECRET" not in result.output + report.read_text()


def test_what_honours_the_contract_is_fine(schemas: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    result = check("orders/1-0-0", lines(tmp_path, [GOOD] * 3), schemas, "--junit", str(report))

    assert result.exit_code == 0
    assert "3 rows in 3 records (json): all honour com.acme/orders/1-0-0" in result.output
    assert Xml.parse(report).getroot().find("testsuite").get("failures") == "0"  # type: ignore[union-attr]


def test_events_are_read_as_they_look(schemas: Path, tmp_path: Path) -> None:
    change = {"op": "c", "before": None, "after": {"id": 0, "state": "new"}, "source": {"ts_ms": 1}}
    gone = {"op": "d", "before": GOOD, "after": None, "source": {"ts_ms": 1}}

    result = check("orders", lines(tmp_path, [change, gone]), schemas)

    assert result.exit_code == 1
    assert "1 rows in 2 records (debezium-json): 1 do not honour" in result.output


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([GOOD, {"id": 0, "state": "new"}]).encode(),
        b'{"id": 1, "state": "new"}\n{"id": 0, "state": "new"}\n',
        json.dumps({"id": 0, "state": "new"}, indent=2).encode(),
    ],
)
def test_an_address_may_answer_an_array_lines_or_an_object(schemas: Path, content: bytes) -> None:
    with served(content) as url:
        result = check("orders", url, schemas, "--output", "json")

    told = json.loads(result.stdout)
    assert (result.exit_code, told["failed"], told["causes"]) == (1, 1, [{"code": "minimum", "path": "id", "rows": 1}])
    assert "SECRET" not in result.output


def test_nothing_to_check_is_no_proof(schemas: Path, tmp_path: Path) -> None:
    result = check("orders", lines(tmp_path, []), schemas)

    assert result.exit_code == 1
    assert "nothing was checked" in result.output


def test_wrong_use_is_told_with_code_2(schemas: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, [GOOD])
    with served(b"", 503) as url:
        results = [
            check("nothing", file, schemas), check("orders/2-0-0", file, schemas), check("orders", "absent", schemas),
            check("orders", url, schemas), check("orders", "http://127.0.0.1:9/", schemas),
            check("orders", file, schemas, "--format", "avro"),
            CliRunner().invoke(command, ["check", "orders", "--schemas", str(schemas)]),
        ]  # fmt: skip
    codes = [2 if type(result.exception).__name__ == "ConfigurationError" else result.exit_code for result in results]
    assert codes == [2] * 7
    assert "the address answers 503" in results[3].output
