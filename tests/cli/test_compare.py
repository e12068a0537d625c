"""``streams contracts compare``: exit codes, text and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command
from tests.contracts.builders import a_folder

SCHEMAS = Path(__file__).parents[2] / "schemas"
SELF = {"vendor": "v", "name": "n", "format": "jsonschema", "version": "1-0-2"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["compare", *map(str, arguments)])


def a_file(folder: Path, name: str, held: Any) -> Path:
    path = folder / name
    path.write_text(held if isinstance(held, str) else json.dumps(held), "utf-8")
    return path


def a_row(kind: str, **more: Any) -> dict[str, Any]:
    return {"self": SELF, "type": "object", "properties": {"a": {"type": kind}, **more}, "required": ["a"]}


def test_a_compatible_change_is_told_with_the_next_version(tmp_path: Path) -> None:
    old, new = a_file(tmp_path, "old", a_row("integer")), a_file(tmp_path, "new", a_row("number"))

    result = run(old, new)

    assert result.exit_code == 0, result.output
    assert "new reads old data: yes   old reads new data: no" in result.output
    assert "bump: addition (1-0-3, or 1.0.3)" in result.output
    assert "backward: holds" in result.output


def test_a_break_is_shown_by_a_document_and_ends_with_1(tmp_path: Path) -> None:
    old, new = a_file(tmp_path, "old", a_row("number")), a_file(tmp_path, "new", a_row("integer"))

    result = run(old, new, "--output", "json")

    assert result.exit_code == 1
    told = json.loads(result.output)
    assert (told["compatible"], told["backward"], told["forward"], told["full"], told["bump"]) == (
        False, False, True, False, "revision",
    )  # fmt: skip
    (difference,) = told["differences"]
    assert (difference["code"], difference["path"], difference["breaks"]) == (
        "TYPE_NARROWED", "#/properties/a", ["backward"],
    )  # fmt: skip
    assert difference["witness"]["a"] % 1 != 0
    assert run(old, new, "--mode", "forward").exit_code == 0
    assert run(old, new, "--mode", "full").exit_code == 1


def test_a_transitive_mode_asks_every_version(tmp_path: Path) -> None:
    first, second = a_file(tmp_path, "1", a_row("string")), a_file(tmp_path, "2", a_row("integer"))
    third = a_file(tmp_path, "3", a_row("number"))

    assert run(first, second, third).exit_code == 0
    result = run(first, second, third, "--mode", "backward_transitive", "--output", "json")
    assert result.exit_code == 1
    assert [held["backward"] for held in json.loads(result.output)["compared"]] == [True, False]


def test_rules_are_chosen(tmp_path: Path) -> None:
    old, new = a_file(tmp_path, "old", a_row("string")), a_file(tmp_path, "new", a_row("string", b={"type": "string"}))

    by_rules = ("proof", "confluent-strict", "confluent-lenient", "karapace")
    assert [run(old, new, "--rules", rules).exit_code for rules in by_rules] == [0, 1, 0, 1]


def test_avro_and_protobuf_are_known_by_name_or_content(tmp_path: Path) -> None:
    record = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    wider = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
    assert run(a_file(tmp_path, "a", record), a_file(tmp_path, "b", wider)).exit_code == 0
    assert run(a_file(tmp_path, "b.avsc", '"long"'), a_file(tmp_path, "a.avsc", '"int"')).exit_code == 1
    proto = 'syntax = "proto3"; message M {{ {} a = 1; }}'
    result = run(a_file(tmp_path, "p", proto.format("int32")), a_file(tmp_path, "q", proto.format("string")))
    assert result.exit_code == 1
    assert "FIELD_SCALAR_KIND_CHANGED" in result.output


@pytest.mark.parametrize(
    ("name", "broken", "told"),
    [
        ("row", b'{"properties": {"a": {"type": "strnig"}}}', "properties.a.type"), ("row", b"{bad", "JSON"),
        ("row", b"\x00\xff", "UTF-8"), ("row", b"{" * 100_000, "cannot compare"), ("row", b"", "cannot compare"),
        ("m.proto", b'syntax = "proto3"; message M {', "before the end"), ("r.avsc", b'{"type": "record"}', "name"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_read_is_named_with_the_place(
    tmp_path: Path, name: str, broken: bytes, told: str
) -> None:
    file = tmp_path / name
    file.write_bytes(broken)

    result = run(str(file), str(file))

    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert str(file) in " ".join(result.output.split())
    assert told in result.output


def test_versions_of_the_folder_have_names() -> None:
    name = "com.acme.shop/orders/1-0-0"

    result = run(name, name, "--schemas", SCHEMAS)

    assert result.exit_code == 0, result.output
    assert "bump: none" in result.output


def test_versions_in_avro_are_compared_as_avro_and_rows_are_held_against_them(tmp_path: Path) -> None:
    record = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "%s"}]}'
    files = {f"com.acme/things/avro/1-{place}-0": record % kind for place, kind in enumerate(("long", "int"))}
    old, new = (f"com.acme/things/1-{place}-0" for place in (0, 1))
    rows = a_file(tmp_path, "rows.json", [{"a": 1}, {"a": 1 << 40}, {"a": "x"}])

    result = run(old, new, "--schemas", a_folder(tmp_path / "schemas", files), "--records", rows, "--output", "json")

    assert result.exit_code == 1, result.output
    told = json.loads(result.output)
    assert (told["kind"], told["backward"], told["schemaver"]) == ("avro", False, "2-0-0")
    assert (told["records"]["records"], told["records"]["failed"], told["records"]["failed_before"]) == (3, 2, 1)


def test_wrong_use_ends_with_2(tmp_path: Path) -> None:
    broken = a_file(tmp_path, "x.json", '{"type": "strange"}')

    assert run(broken).exit_code == 2
    assert run(broken, broken).exit_code == 2
    result = run("nowhere", broken, "--schemas", SCHEMAS)
    assert (result.exit_code, "nowhere is no file" in result.output) == (2, True)
