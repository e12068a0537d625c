"""Gates: what may not be published is refused, each mistake with its file, line and path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.bump import bump_command
from streams.cli.check import check
from streams.contracts import load_contracts
from streams.contracts.exports import export_dataset
from streams.governance.migrations import read_migration
from tests.contracts.builders import a_contract, a_folder

from .builders import ID, MIGRATION, PLACE, TEXT, a_version, commit, committed, findings, git, told, versions

FIRST = a_version("1-0-0")
ROW = {"id": 1, "first": "Ada", "last": "Byron"}
NAMES = {"first": TEXT, "last": TEXT}
SPLIT = a_version("1-0-0", required=("id", "first", "last"), **NAMES, examples=[ROW])
WHOLE = a_version("2-0-0", required=("id", "name"), name=TEXT, additionalProperties=False)
UP = "up: {name: \"first || ' ' || last\"}\n"
DOWN = "down:\n  first: left(name, strpos(name, ' ') - 1)\n  last: substring(name, strpos(name, ' ') + 1)\n"


def a_history(root: Path, **texts: str) -> Path:
    return a_folder(root, versions(**texts))


def test_versions_that_say_what_changed_are_fine(tmp_path: Path) -> None:
    folder = a_history(tmp_path, v1_0_0=FIRST, v1_0_1=a_version("1-0-1", note=TEXT))

    assert told(findings(folder)) == []


def test_a_version_that_says_less_than_the_change_is_refused(tmp_path: Path) -> None:
    folder = a_history(tmp_path, v1_0_0=FIRST, v1_0_1=a_version("1-0-1", required=("id", "note"), note=TEXT))

    wrong, missing = findings(folder).problems
    assert (wrong.file, wrong.line, wrong.path) == (f"{PLACE}/1-0-1", 7, "self.version")
    assert wrong.message == (
        "wrong bump: 1-0-0 to 1-0-1 says addition, the change is a model"
        " (REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/note); it would be 2-0-0"
    )
    assert missing.message.startswith("rows of 1-0-0 are refused")


def test_a_version_that_says_more_than_the_change_needs_a_migration_that_says_why(tmp_path: Path) -> None:
    folder = a_history(tmp_path, v1_0_0=FIRST, v2_0_0=a_version("2-0-0", note=TEXT))

    assert told(findings(folder)) == [(f"{PLACE}/2-0-0", 7, "self.version", "wrong bump: 1-0-0")]

    a_folder(folder, {f"{MIGRATION}/2-0-0.yaml": "up: {id: id * 100}\ndown: {id: id / 100}\nexamples: [{id: 7}]\n"})
    assert told(findings(folder)) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["v1_0_1"], ["1-0-1"]),
        (["v1_0_0", "v1_0_2"], ["1-0-2"]),
        (["v1_0_0", "v1_0_1", "v1_2_0"], ["1-2-0"]),
        (["v1_0_0", "v3_0_0"], ["3-0-0"]),
        (["v1_0_0", "v1_1_1"], ["1-1-1"]),
        (["v1_0_0", "v1_0_1", "v1_0_2"], []),
    ],
)
def test_a_gap_is_refused(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    texts = {
        name: a_version(name[1:].replace("_", "-"), **{f"c{place}": TEXT for place in range(index)})
        for index, name in enumerate(names)
    }

    found = findings(a_history(tmp_path, **texts)).problems

    assert [one.file.rpartition("/")[2] for one in found if one.message.startswith("a gap")] == expected
    assert all((one.line, one.path) == (7, "self.version") for one in found)


def test_avro_and_protobuf_are_held_to_their_own_rules(tmp_path: Path) -> None:
    record = '{"type": "record", "name": "thing", "fields": [%s]}'
    proto = 'syntax = "proto3";\nmessage Thing {\n  %s id = 1;\n}\n'
    files = {
        **versions(v1_0_0=FIRST),
        "com.acme/things/avro/1-0-0": record % '{"name": "id", "type": "long"}',
        "com.acme/things/avro/1-0-1": record % '{"name": "id", "type": "string"}',
        "com.acme/things/protobuf/1-0-0": proto % "int64",
        "com.acme/things/protobuf/1-0-1": proto % "string",
    }

    assert sorted((one.file, one.message[:10]) for one in findings(a_folder(tmp_path, files)).problems) == [
        ("com.acme/things/avro/1-0-1", "wrong bump"),
        ("com.acme/things/protobuf/1-0-1", "wrong bump"),
    ]


def test_an_edit_of_a_version_that_git_has_is_refused_where_it_differs(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(v1_0_0=FIRST))
    a_folder(folder, versions(v1_0_0=a_version("1-0-0", note=TEXT)))

    (problem,) = findings(folder, base="main").problems

    assert (problem.file, problem.line, problem.path) == (f"{PLACE}/1-0-0", 14, "properties.note")
    assert "a published version never changes" in problem.message
    assert told(findings(folder)) == []


def test_a_version_that_git_has_may_not_go(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(v1_0_0=FIRST, v1_0_1=a_version("1-0-1", note=TEXT)))
    (folder / PLACE / "1-0-1").unlink()

    assert told(findings(folder, base="main")) == [(f"{PLACE}/1-0-1", None, "", "is published in")]


def test_what_came_to_the_base_behind_the_fork_is_not_missed_and_not_taken_twice(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(v1_0_0=FIRST))
    git(tmp_path, "switch", "--create", "mine")
    git(tmp_path, "switch", "main")
    a_folder(folder, versions(v1_0_1=a_version("1-0-1", theirs=TEXT)))
    commit(tmp_path)
    git(tmp_path, "switch", "mine")

    assert told(findings(folder, base="main")) == []

    a_folder(folder, versions(v1_0_1=a_version("1-0-1", mine=TEXT)))
    assert told(findings(folder, base="main")) == [(f"{PLACE}/1-0-1", 14, "properties.mine", "a published version")]


def test_what_is_published_under_a_wrong_number_is_a_warning(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(v1_0_0=FIRST, v1_0_2=a_version("1-0-2", note=TEXT)))

    found = findings(folder, base="main")

    assert (found.problems, [one.message[:5] for one in found.warnings]) == ((), ["a gap"])
    assert [one.message[:5] for one in findings(folder).problems] == ["a gap"]


def test_without_git_the_recorded_checksums_tell_an_edit_a_loss_and_what_is_not_recorded(tmp_path: Path) -> None:
    folder = a_history(tmp_path, v1_0_0=FIRST, v1_0_1=a_version("1-0-1", note=TEXT))
    lines = f"{'0' * 64}  {PLACE}/1-0-0\n{'1' * 64}  {PLACE}/1-1-0\nnonsense\n"
    (folder / "published.sha256").write_text(lines)

    assert told(findings(folder)) == [
        ("published.sha256", 3, "", "no checksum and"),
        (f"{PLACE}/1-0-0", 1, "", "a published version"),
        ("published.sha256", 2, "", f"{PLACE}/1-1-0 is published"),
        (f"{PLACE}/1-0-1", 1, "", "not in published.sha256,"),
    ]


def test_a_breaking_change_without_a_migration_is_refused(tmp_path: Path) -> None:
    (problem,) = findings(a_history(tmp_path, v1_0_0=SPLIT, v2_0_0=WHOLE)).problems

    assert (problem.file, problem.line) == (f"{PLACE}/2-0-0", 1)
    assert problem.message.startswith("rows of 1-0-0 are refused")
    assert "com.acme/things/migrations/2-0-0.yaml" in problem.message


def a_migration(root: Path, text: str) -> Path:
    return a_folder(root, {**versions(v1_0_0=SPLIT, v2_0_0=WHOLE), f"{MIGRATION}/2-0-0.yaml": text})


def test_a_migration_that_the_old_examples_pass_both_ways_opens_the_gate(tmp_path: Path) -> None:
    assert told(findings(a_migration(tmp_path, UP + DOWN))) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOWN, [(1, "up.name", "example 1 of")]),
        (UP, [(1, "down.first", "example 1 of"), (1, "down.last", "example 1 of")]),
        (UP + "down: {first: nam, last: name}", [(2, "down.first", "of a row")]),
        ("up: {title: first}\n" + DOWN, [(1, "up.title", "2-0-0 has no")]),
        (UP + DOWN + "examples:\n  - {id: x}\n", [(6, "examples[0]", "examples[0] is no")]),
        (UP + DOWN + "upp: {}", [(5, "upp", "unknown key 'upp';")]),
        ("up: [", [(1, "", "no valid YAML:")]),
    ],
)
def test_a_migration_that_does_not_hold_is_refused_where_it_does_not(
    tmp_path: Path, text: str, expected: list[tuple[int, str, str]]
) -> None:
    found = told(findings(a_migration(tmp_path, text)))

    assert found == [(f"{MIGRATION}/2-0-0.yaml", *place) for place in expected]
    assert "Ada" not in str(findings(a_migration(tmp_path, text)).problems)


def test_a_row_that_shows_the_break_and_does_not_pass_is_a_warning(tmp_path: Path) -> None:
    files = {
        **versions(
            v1_0_0=a_version("1-0-0", required=("id", "name"), name=TEXT, examples=[{"id": 1, "name": "Ada"}]),
            v1_1_0=a_version("1-1-0", required=("id", "name"), name={**TEXT, "maxLength": 9}),
        ),
        f"{MIGRATION}/1-1-0.yaml": "up: {name: name}",
    }

    found = findings(a_folder(tmp_path, files))
    assert [(one.line, one.path) for one in (*found.problems, *found.warnings)] == [(1, "up.name")]
    assert found.problems == ()

    a_folder(tmp_path, {f"{MIGRATION}/1-1-0.yaml": 'up: {name: "left(name, 9)"}'})
    assert findings(tmp_path).warnings == ()


def test_a_migration_without_any_row_to_try_is_refused(tmp_path: Path) -> None:
    bare = a_version("1-0-0", required=("id", "first", "last"), **NAMES)
    files = {**versions(v1_0_0=bare, v2_0_0=WHOLE), f"{MIGRATION}/2-0-0.yaml": UP + DOWN}

    assert [one.message[:16] for one in findings(a_folder(tmp_path, files)).problems] == ["no row to try it"]


def test_a_migration_to_no_version_is_refused(tmp_path: Path) -> None:
    files = {**versions(v1_0_0=FIRST), f"{MIGRATION}/1-0-0.yaml": "", f"{MIGRATION}/next.yaml": ""}

    assert told(findings(a_folder(tmp_path, files))) == [
        (f"{MIGRATION}/1-0-0.yaml", None, "", "there is no"),
        (f"{MIGRATION}/next.yaml", None, "", "a migration is"),
    ]


CONTRACT = "com.acme/things/contract.yaml"
KEYED = a_contract("{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("version: 1.0.0", "version: 1.0.0  # a comment"), []),
        (("status: active", "status: deprecated"), ["1.0.1"]),
        (("primaryKey: true", "primaryKey: false"), ["2.0.0"]),
        (("version: 1.0.0\nstatus: active", "version: 1.0.1\nstatus: deprecated"), []),
    ],
)
def test_a_contract_that_changed_has_a_new_version(
    tmp_path: Path, change: tuple[str, str], expected: list[str]
) -> None:
    folder = committed(tmp_path, {**versions(v1_0_0=FIRST), CONTRACT: KEYED})
    a_folder(folder, {CONTRACT: KEYED.replace(*change)})

    found = findings(folder, base="main").problems

    assert [one.message.rpartition("write ")[2] for one in found] == expected
    assert {(one.file, one.line, one.path) for one in found} <= {(CONTRACT, 4, "version")}


def test_a_new_schema_is_a_new_version_of_its_contract(tmp_path: Path) -> None:
    folder = committed(tmp_path, {**versions(v1_0_0=FIRST), CONTRACT: KEYED})
    a_folder(folder, versions(v1_0_1=a_version("1-0-1", note=TEXT)))

    assert told(findings(folder, base="main")) == [(CONTRACT, 4, "version", "1.0.0 says too")]


def test_a_dataset_without_json_schemas_is_migrated_in_the_format_it_has(tmp_path: Path) -> None:
    record = '{"type": "record", "name": "thing", "fields": [{"name": "id", "type": "long"}, %s]}'
    files = {
        "com.acme/things/avro/1-0-0": record % '{"name": "n", "type": "string"}',
        "com.acme/things/avro/2-0-0": record % '{"name": "n", "type": "int"}',
    }
    folder = a_folder(tmp_path, files)
    (problem,) = findings(folder).problems
    assert (problem.file, "how they become rows of this version" in problem.message) == (
        "com.acme/things/avro/2-0-0", True
    )  # fmt: skip

    migration = "up: {n: cast(n as integer)}\ndown: {n: cast(n as text)}\nexamples: [{id: 1, n: '%s'}]\n"
    a_folder(folder, {f"{MIGRATION}/2-0-0.yaml": migration % "7"})
    assert findings(folder).problems == ()
    a_folder(folder, {f"{MIGRATION}/2-0-0.yaml": migration % (1 << 40)})
    assert [one.path for one in findings(folder).problems] == ["up.n"]


def proto_numbers(folder: Path, version: str) -> dict[str, str]:
    """By name the numbers of the fields that the exported version has."""
    contracts = load_contracts(folder)
    contract = contracts.resolve(f"iglu:com.acme/things/jsonschema/{version}").newest
    return dict(re.findall(r" (\w+) = (\d+) ", export_dataset(contract, contracts, "protobuf").text))


def test_an_older_version_that_comes_late_shifts_no_number_that_is_published(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(
        v1_0_0=FIRST, v1_0_1=a_version("1-0-1", a=TEXT), v2_0_0=a_version("2-0-0", required=("id", "b"), a=TEXT, b=TEXT)
    ) | {f"{MIGRATION}/2-0-0.yaml": "up: {b: \"'x'\"}\nexamples: [{id: 1}]\n"})  # fmt: skip
    before = proto_numbers(folder, "2-0-0")
    assert before == {"id": "1", "a": "2", "b": "3"}

    a_folder(folder, versions(v1_0_2=a_version("1-0-2", a=TEXT, late=TEXT)))
    (problem,) = findings(folder, base="main").problems
    assert (problem.file, "shifts the Protobuf numbers of Things.b (string)" in problem.message) == (
        f"{PLACE}/1-0-2", True
    )  # fmt: skip
    assert proto_numbers(folder, "2-0-0")["b"] == "4"  # as it would be

    recorded = CliRunner().invoke(check, ["--schemas", str(folder), "--record", "--base", "main"])
    assert recorded.exit_code == 0, recorded.output
    assert findings(folder, base="main").problems == ()
    assert (proto_numbers(folder, "2-0-0"), proto_numbers(folder, "1-0-2")["late"]) == (before, "4")

    commit(folder.parent)
    text = (folder / "com.acme/things/numbers.yaml").read_text()
    a_folder(folder, {"com.acme/things/numbers.yaml": text.replace("3: b", "9: b")})
    (problem,) = findings(folder, base="main").problems
    assert problem.message == "Things.b (string) has the number 3 in main, and a number never changes"

    more = a_version("2-0-0", required=("id", "b"), a=TEXT, b=TEXT, more=TEXT)
    a_folder(folder, {"com.acme/things/numbers.yaml": text, "com.acme/things/draft.json": more})
    bumped = CliRunner().invoke(bump_command, ["com.acme/things", "--schemas", str(folder)])
    assert bumped.exit_code == 0, bumped.output
    assert proto_numbers(folder, "2-0-1") == {**before, "more": "5"}
    assert not [one for one in findings(folder).problems if "numbers" in one.file]


def an_object(**columns: object) -> dict[str, object]:
    return {"type": "object", "properties": columns, "additionalProperties": False}


def test_columns_inside_of_objects_and_lists_are_migrated_by_name(tmp_path: Path) -> None:
    old = {
        "city": TEXT, "zip": TEXT, "who": an_object(first=TEXT, last=TEXT, age=ID),
        "lines": {"type": "array", "items": an_object(sku=TEXT, price={"type": "string"}, was=TEXT)},
    }  # fmt: skip
    new = {
        "at": an_object(city=TEXT, zip=TEXT), "who": an_object(name=TEXT, age=ID),
        "lines": {"type": "array", "items": an_object(code=TEXT, cents=ID)},
    }  # fmt: skip
    rows = [
        {"id": 1, "city": "Ulm", "who": {"first": "Ada", "last": "Byron", "age": 3},
         "lines": [{"sku": "a", "price": "1.50", "was": "x"}, {}]},
        {"id": 2},
    ]  # fmt: skip
    up = (
        "up:\n  at.city: city\n  at.zip: zip\n  who.name: who.first || ' ' || who.last\n  lines[].code: sku\n"
        "  lines[].cents: cast(cast(price as numeric) * 100 as integer)\n"
    )
    down = (
        "down:\n  city: at.city\n  zip: at.zip\n  who.first: left(who.name, strpos(who.name, ' ') - 1)\n"
        "  who.last: substring(who.name, strpos(who.name, ' ') + 1)\n  lines[].sku: code\n"
        "  lines[].price: cast(round(cast(cents as numeric) / 100, 2) as text)\n"
    )
    files = versions(
        v1_0_0=a_version("1-0-0", examples=rows, **old), v2_0_0=a_version("2-0-0", **new)
    ) | {f"{MIGRATION}/2-0-0.yaml": up + down}  # fmt: skip
    folder = a_folder(tmp_path, files)
    assert findings(folder).problems == ()

    first, last = (load_contracts(folder).resolve(f"iglu:{PLACE}/{one}").newest for one in ("1-0-0", "2-0-0"))
    migration = read_migration(up + down, "", first, last, [])
    assert migration is not None
    assert [migration.up(row) for row in rows] == [
        {"id": 1, "at": {"city": "Ulm"}, "who": {"name": "Ada Byron", "age": 3},
         "lines": [{"code": "a", "cents": 150}, {}]},
        {"id": 2},
    ]  # fmt: skip
    assert migration.down(migration.up(rows[0])) == {
        "id": 1, "city": "Ulm", "who": {"first": "Ada", "last": "Byron", "age": 3},
        "lines": [{"sku": "a", "price": "1.50"}, {}],
    }  # fmt: skip

    wrong = "up: {at.town: city, 'lines[].code': city, who.name.x: city}\n"
    a_folder(folder, {f"{MIGRATION}/2-0-0.yaml": wrong + down})
    assert sorted(told(findings(folder))) == [
        (f"{MIGRATION}/2-0-0.yaml", 1, "up.at.town", "2-0-0 has no"),
        (f"{MIGRATION}/2-0-0.yaml", 1, "up.lines[].code", "of a row"),
        (f"{MIGRATION}/2-0-0.yaml", 1, "up.who.name.x", "2-0-0 has no"),
    ]
