"""``streams contracts export``: what is printed, what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from streams.cli.contracts import command
from tests.contracts.builders import a_folder

SCHEMAS = Path(__file__).parents[2] / "schemas"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["export", "--schemas", str(SCHEMAS), *map(str, arguments)])


def test_one_dataset_is_printed_by_any_of_its_names() -> None:
    first = run("orders", "--as", "typescript")

    assert first.exit_code == 0, first.output
    assert "export interface Orders {" in first.output
    assert run("com.acme.shop/orders", "--as", "typescript").output == first.output
    assert run("iglu:com.acme.shop/orders/jsonschema/1-0-0", "--as", "typescript").output == first.output


def test_the_whole_folder_goes_to_a_folder(tmp_path: Path) -> None:
    result = run("--as", "protobuf", "--out", tmp_path / "protos")

    assert result.exit_code == 0, result.output
    written = sorted(place.relative_to(tmp_path / "protos").as_posix() for place in tmp_path.rglob("*.proto"))
    assert len(written) == 5
    assert "com/acme/shop/orders/v1/orders.proto" in written
    assert [Path(line).exists() for line in result.output.splitlines()] == [True] * 5


def test_a_file_is_written_where_a_file_is_named(tmp_path: Path) -> None:
    result = run("orders", "--as", "avro", "--out", tmp_path / "orders.avsc")

    assert result.output.strip() == str(tmp_path / "orders.avsc")
    assert json.loads((tmp_path / "orders.avsc").read_text())["name"] == "orders"


def test_what_is_written_in_a_language_is_exported_as_it_is_written(tmp_path: Path) -> None:
    record = '{"type": "record", "name": "Thing", "fields": [ {"name": "id", "type": "long"} ]}\n'
    proto = 'syntax = "proto3";\nmessage Cart { optional int64 id = 3; }\n'
    folder = a_folder(tmp_path, {"com.acme/things/avro/1-0-0": record, "com.acme/carts/protobuf/1-0-0": proto})

    texts = [run(*asked, "--schemas", folder).output for asked in (
        ("things", "--as", "avro"), ("carts", "--as", "protobuf"), ("carts", "--as", "typescript"),
        ("iglu:com.acme/things/avro/1-0-0", "--as", "sql"),
    )]  # fmt: skip

    assert texts[:2] == [record, proto]
    assert "id?: number | null;" in texts[2]
    assert '"id" bigint NOT NULL' in texts[3]


def test_programs_get_path_and_text() -> None:
    (held,) = json.loads(run("orders", "--as", "sql", "--dialect", "bigquery", "--output", "json").output)

    assert held["path"] == "com.acme.shop/orders.sql"
    assert "INT64" in held["text"]


def test_what_cannot_be_is_told() -> None:
    for arguments, said in (
        (("--as", "avro"), "these are 5 files: --out DIR, or name a dataset"),
        (("nonsense", "--as", "avro"), "'nonsense' is no dataset; there are:"),
        (("com.acme.shop/orders/9-0-0", "--as", "avro"), "no contract iglu:com.acme.shop/orders/jsonschema/9-0-0"),
        (("orders",), "Missing option '--as'"),
    ):
        result = run(*arguments)
        assert (result.exit_code, said in " ".join(result.output.split())) == (2, True), result.output
