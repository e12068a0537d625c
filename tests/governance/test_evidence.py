"""Evidence: real records held against a candidate, counted by what is wrong with them and never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command
from tests.contracts.builders import a_folder, a_schema
from tests.pipeline.builders import COLUMNS, a_change, a_pipeline, written

SHORT = {**COLUMNS, "code": {"type": "string", "maxLength": 3}}
NUMBER = {**COLUMNS, "price": {"type": ["number", "null"]}}


def a_candidate(root: Path, columns: dict[str, object]) -> Path:
    a_folder(root, {"draft.json": a_schema("orders", "1-1-0", properties=columns, required=("id", "code"))})
    return root / "draft.json"


def run(root: Path, columns: dict[str, object], *arguments: object) -> Result:
    schemas = written(root / "schemas", a_pipeline())
    named = ["compare", "com.acme/orders/1-0-0", a_candidate(root, columns), "--schemas", schemas, *arguments]
    return CliRunner().invoke(command, list(map(str, named)))


def evidence(root: Path, columns: dict[str, object], *arguments: object) -> dict[str, Any]:
    result = run(root, columns, *arguments, "--output", "json")
    found: dict[str, Any] = json.loads(result.stdout)["records"]
    return found


def a_file(root: Path, *rows: object) -> Path:
    a_folder(root, {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    return root / "rows.jsonl"


ROWS = [{"id": 1, "code": "A"}, {"id": 2, "code": "secret"}, {"id": 3, "code": 5}, {"id": "x"}]


def test_rows_of_a_file_are_counted_by_code_and_path(tmp_path: Path) -> None:
    assert evidence(tmp_path, SHORT, "--records", a_file(tmp_path, *ROWS)) == {
        "records": 4,
        "judged": 4,
        "failed": 3,
        "failed_before": 2,
        "causes": [
            {"code": "maxLength", "path": "code", "rows": 1},
            {"code": "type", "path": "code", "rows": 1},
            {"code": "required", "path": "code", "rows": 1},
            {"code": "type", "path": "id", "rows": 1},
        ],
    }


def test_an_array_is_the_same_as_lines(tmp_path: Path) -> None:
    a_folder(tmp_path, {"rows.json": json.dumps(ROWS, indent=2)})

    found = evidence(tmp_path, SHORT, "--records", tmp_path / "rows.json")

    assert (found["judged"], found["failed"]) == (4, 3)


def test_changes_are_read_by_their_format_and_deletes_are_no_rows(tmp_path: Path) -> None:
    changes = [a_change(1, code="long"), a_change(1, op="d"), a_change(2, code="A", price="1.5000")]
    file = a_file(tmp_path, *(json.loads(change.value or b"") for change in changes))

    found = evidence(tmp_path, SHORT, "--records", file, "--format", "debezium-json")

    assert (found["records"], found["judged"], found["failed"]) == (3, 2, 1)
    assert evidence(tmp_path, NUMBER, "--records", file, "--format", "debezium-json")["failed"] == 0


def test_what_cannot_be_read_fails_and_is_told_by_its_reason(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": 1, "code": "A"}\n\nno json\n')

    found = evidence(tmp_path, SHORT, "--records", tmp_path / "rows.jsonl")

    assert (found["records"], found["causes"]) == (2, [{"code": "decode_failed", "path": "", "rows": 1}])


def test_the_exit_code_is_of_the_mode_and_of_what_would_newly_fail(tmp_path: Path) -> None:
    fine, failing = [{"id": 1, "code": "A"}, {"id": "x"}], [{"id": 1, "code": "long"}]

    assert run(tmp_path, SHORT, "--mode", "none", "--records", a_file(tmp_path, *fine)).exit_code == 0
    assert run(tmp_path, SHORT, "--mode", "none", "--records", a_file(tmp_path, *failing)).exit_code == 1
    assert run(tmp_path, SHORT, "--records", a_file(tmp_path, *fine)).exit_code == 1


def test_no_value_of_a_row_is_shown(tmp_path: Path) -> None:
    rows = [{"id": 1, "code": "very secret"}, {"id": "secret", "secret": {"secret": 1}}]

    told = run(tmp_path, {**SHORT, "note": {"type": "object", "additionalProperties": False}}, "--mode", "none",
               "--records", a_file(tmp_path, *rows, {"id": 3, "code": "A", "note": {"secret": 1}})).output  # fmt: skip

    assert "3 of 3 would fail" in told
    assert "secret" not in told


def test_a_run_is_gone_on_from_where_it_was(tmp_path: Path) -> None:
    resume = tmp_path / "resume.json"
    asked = ("--records", a_file(tmp_path, *ROWS), "--resume", resume)
    first = evidence(tmp_path, SHORT, *asked)
    assert evidence(tmp_path, SHORT, *asked) == first

    a_file(tmp_path, *ROWS, {"id": 9, "code": "long"})
    found = evidence(tmp_path, SHORT, *asked)

    assert (found["records"], found["failed"]) == (5, first["failed"] + 1)
    assert "secret" not in resume.read_text()


@pytest.mark.parametrize("text", ["", "[]", '{"of": "x"}', '{"of": "x", "tally": {}, "place": {}}'])
def test_a_resume_file_of_something_else_is_wrong_use(tmp_path: Path, text: str) -> None:
    (tmp_path / "resume.json").write_text(text)

    result = run(tmp_path, SHORT, "--records", a_file(tmp_path, *ROWS), "--resume", tmp_path / "resume.json")

    assert result.exit_code == 2
    assert (tmp_path / "resume.json").read_text() == text


def test_records_are_held_against_avro_as_well_and_registered_formats_need_a_registry(tmp_path: Path) -> None:
    record = '{"type": "record", "name": "t", "fields": []}'
    a_folder(tmp_path, {"a.avsc": record, "b.avsc": record, "c.avsc": record.replace("[]", '[{"name": "no"}]')})
    avro = ["compare", f"{tmp_path}/a.avsc", f"{tmp_path}/b.avsc", "--records", str(a_file(tmp_path, *ROWS))]

    assert CliRunner().invoke(command, avro).exit_code == 0
    assert CliRunner().invoke(command, [*avro[:2], f"{tmp_path}/c.avsc", *avro[3:]]).exit_code == 2
    failed = run(tmp_path, SHORT, "--records", a_file(tmp_path, *ROWS), "--format", "avro").exception
    assert "STREAMS_REGISTRY" in str(failed)
