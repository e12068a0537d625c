"""Loading a folder: what it becomes, and every mistake in it at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.contracts import Contracts, UnknownContractError, load_contracts, read_contracts
from streams.contracts.drafts import IGLU_META_SCHEMA
from streams.errors import ConfigurationError

from .builders import ROW, a_contract, a_folder, a_schema

SCHEMA = "com.acme/things/jsonschema/1-0-0"
CONTRACT = "com.acme/things/contract.yaml"
KEY = "{name: id, logicalType: integer, primaryKey: true}"
PLAIN = "{name: note, logicalType: string}"


def load(root: Path, files: Mapping[str, str | bytes]) -> Contracts:
    return load_contracts(a_folder(root, files))


def problems_of(root: Path, files: Mapping[str, str | bytes]) -> list[str]:
    """Every mistake, as a person reads it."""
    return [str(problem) for problem in read_contracts(a_folder(root, files)).problems]


# -- what a good folder becomes


def test_versions_stand_oldest_first_and_by_number(tmp_path: Path) -> None:
    versions = ("1-0-0", "1-0-1", "1-0-2", "1-0-10", "2-0-0")
    files = {f"com.acme/things/jsonschema/{version}": a_schema(version=version) for version in versions}

    contracts = load(tmp_path, files)

    family = contracts.resolve("iglu:com.acme/things/jsonschema/1-*-*")
    assert [contract.version for contract in family.versions] == ["1-0-0", "1-0-1", "1-0-2", "1-0-10"]
    assert family.newest.uri == "iglu:com.acme/things/jsonschema/1-0-10"
    assert family.version("1-0-1") is not None
    assert family.version("2-0-0") is None


def test_a_schema_alone_is_a_contract_with_defaults(tmp_path: Path) -> None:
    newest = load(tmp_path, {SCHEMA: a_schema()}).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest

    assert (newest.key, newest.is_closed, set(newest.columns)) == ((), False, {"id", "note"})


def test_pipelines_are_read_and_left_to_others(tmp_path: Path) -> None:
    contracts = load(tmp_path, {SCHEMA: a_schema(), "pipelines/things.yaml": "anything: [at all"})

    assert contracts.pipeline_texts == {"pipelines/things.yaml": "anything: [at all"}


def test_schemas_of_other_datasets_can_be_referred_to(tmp_path: Path) -> None:
    files = {
        SCHEMA: a_schema(properties={"home": {"$ref": "iglu:com.acme/address/jsonschema/1-0-0"}}, required=["home"]),
        "com.acme/address/jsonschema/1-0-0": a_schema("address", properties={"city": {"type": "string"}}, required=[]),
    }

    newest = load(tmp_path, files).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest

    assert [violation.path for violation in newest.validator.violations({"home": {"city": 1}})] == ["home.city"]


def test_iglus_own_meta_schema_is_accepted(tmp_path: Path) -> None:
    described = json.loads(a_schema()) | {"$schema": IGLU_META_SCHEMA}

    newest = load(tmp_path, {SCHEMA: json.dumps(described)}).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest

    assert newest.validator.is_valid({"id": 1})


def test_an_unknown_contract_says_what_there_is(tmp_path: Path) -> None:
    contracts = load(tmp_path, {SCHEMA: a_schema()})

    with pytest.raises(UnknownContractError, match=r"there are: iglu:com\.acme/things/jsonschema/1-0-0"):
        contracts.resolve("iglu:com.acme/things/jsonschema/2-*-*")
    with pytest.raises(UnknownContractError, match=r"there are: iglu:com\.acme/things/jsonschema"):
        contracts.resolve("iglu:com.acme/thing/jsonschema/1-*-*")


# -- columns that were not sent


def test_without_a_column_it_is_neither_required_nor_checked(tmp_path: Path) -> None:
    newest = load(tmp_path, {SCHEMA: a_schema()}).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest
    validator = newest.validator_without(frozenset({"id"}))

    assert validator.is_valid({"note": "x"})
    assert validator.is_valid({"id": "no number", "note": "x"})
    assert [violation.path for violation in validator.violations({"note": 1})] == ["note"]
    assert newest.validator_without(frozenset({"id"})) is validator
    assert not newest.validator.is_valid({"note": "x"})


def test_without_a_column_a_closed_schema_still_knows_it(tmp_path: Path) -> None:
    files = {SCHEMA: a_schema(additionalProperties=False)}
    newest = load(tmp_path, files).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest

    assert newest.is_closed
    assert newest.validator_without(frozenset({"note"})).is_valid({"id": 1, "note": 1})
    assert not newest.validator_without(frozenset({"note"})).is_valid({"id": 1, "more": 1})


# -- mistakes


def test_ten_broken_files_are_reported_at_once(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "com.acme/json/jsonschema/1-0-0": '{"type": "object",\n "properties": }',
        "com.acme/bytes/jsonschema/1-0-0": b"\xff\xfe",
        "com.acme/list/jsonschema/1-0-0": "[]",
        "com.acme/moved/jsonschema/1-0-1": a_schema("moved", "1-0-0"),
        "com.acme/shape/jsonschema/1-0-0": a_schema("shape", properties={"id": {"type": "int"}}),
        "com.acme/lost/jsonschema/1-0-0": a_schema("lost", properties={"id": {"$ref": "#/$defs/nowhere"}}),
        "com.acme/named/jsonschema/1-0-0.json": a_schema("named"),
        "com.acme/empty/contract.yaml": a_contract(name="empty"),
        "com.acme/yaml/jsonschema/1-0-0": a_schema("yaml"),
        "com.acme/yaml/contract.yaml": "apiVersion: v3.1.0\nkind: [DataContract\n",
        "com.acme/terms/jsonschema/1-0-0": a_schema("terms"),
        "com.acme/terms/contract.yaml": a_contract("{name: nobody, logicalType: string}", name="terms"),
    }

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, files)

    assert sorted(map(str, caught.value.problems)) == [
        "com.acme/bytes/jsonschema/1-0-0: not UTF-8 text",
        "com.acme/empty: no schema; put one in jsonschema/1-0-0 in this folder, or in avro/1-0-0 or protobuf/1-0-0",
        "com.acme/json/jsonschema/1-0-0:2: no valid JSON: Expecting value",
        "com.acme/list/jsonschema/1-0-0: a schema of rows must be a JSON object",
        "com.acme/lost/jsonschema/1-0-0: a $ref leads nowhere: Pointer '/$defs/nowhere' does not exist",
        "com.acme/moved/jsonschema/1-0-1:7: self.version: is not '1-0-1', as the file's place says;"
        " a published schema is never moved or renamed",
        "com.acme/named/jsonschema/1-0-0.json: the name must be a version,"
        " MODEL-REVISION-ADDITION such as 1-0-0, without extension",
        "com.acme/shape/jsonschema/1-0-0:12: properties.id.type: has none of the shapes that the schema allows"
        " (JSON Schema, 2020-12)",
        "com.acme/terms/contract.yaml:10: schema[0].properties[0]: the schema com.acme/terms/jsonschema/1-0-0"
        " has no property 'nobody'; add it there in a new version, or remove it here",
        "com.acme/yaml/contract.yaml:3: no valid YAML: expected ',' or ']', but got '<stream end>'",
    ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("{name: note, primaryKey: true}",), ":10: schema[0].properties[0]: key column 'note' may be null"),
        ((KEY, KEY), ":11: schema[0].properties[1].name: column 'id' is there already; remove one"),
        (("{name: id, primaryKey: yes please}",), ":10: schema[0].properties[0].primaryKey: must be boolean"),
        (("{name: id, logicaltype: integer}",), ":10: schema[0].properties[0].logicaltype: ODCS 3.1 has no such field"),
        (("{name: id, logicalType: boolean}",), ":10: schema[0].properties[0].logicalType: boolean, but in com.acme"),
        (("{name: note, required: true}",), ":10: schema[0].properties[0].required: 'note' is not required in"),
        ((KEY, "{name: note, physicalType: 7}"), ":11: schema[0].properties[1].physicalType: must be string"),
        (
            ("{name: id, customProperties: [{property: unit, value: minutes}]}",),
            ":10: schema[0].properties[0].customProperties[0].value: unit is one of: s, ms, us, ns, days",
        ),
        (
            ("{name: id, customProperties: [{property: scale, value: two}]}",),
            ":10: schema[0].properties[0].customProperties[0].value: scale is the number of digits",
        ),
        (
            ("{name: deep, logicalType: object, properties: [{name: deeper}]}",),
            ":10: schema[0].properties[0].properties[0]: the schema com.acme/things/jsonschema/1-0-0 has no property",
        ),
    ],
)
def test_a_mistake_in_a_contract_is_told_with_its_line(tmp_path: Path, columns: tuple[str, ...], expected: str) -> None:
    schema = a_schema(properties={**ROW, "deep": {"type": "object"}})

    found = problems_of(tmp_path, {SCHEMA: schema, CONTRACT: a_contract(*columns)})

    assert [problem[: len(CONTRACT + expected)] for problem in found] == [CONTRACT + expected]


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("com.acme/contract.yaml", "", "com.acme/contract.yaml: not known here; expected a folder com.acme/<name>"),
        ("readme.txt", "", "readme.txt: not known here; contracts are in <vendor>/<name>/, pipelines in pipelines/"),
        ("com.acme/things/contract.yml", "", "com.acme/things/contract.yml: not known here; expected contract.yaml"),
        ("pipelines/things.json", "", "pipelines/things.json: a pipeline is a .yaml file"),
        (CONTRACT, "- a list", f"{CONTRACT}: a contract is a mapping; start with apiVersion: v3.1.0"),
        (CONTRACT, "a: 1\na: 2", f"{CONTRACT}:2: no valid YAML: found duplicate key"),
        (CONTRACT, "a: \x00", f"{CONTRACT}: no valid YAML: it holds control characters"),
        (CONTRACT, "[" * 10_000, f"{CONTRACT}: nested too deep"),
        (CONTRACT, a_contract(KEY, more="owner: me"), f"{CONTRACT}:11: owner: ODCS 3.1 has no such field here"),
        (SCHEMA, a_schema(type="array"), f"{SCHEMA}:9: type: a row is an object"),
        (SCHEMA, '{"self": {}, "self": {}}', f"{SCHEMA}: 'self' twice in one object; only the last would count"),
        (SCHEMA, "[" * 100_000, f"{SCHEMA}: nested too deep"),
    ],
)
def test_a_mistake_in_a_file_is_told(tmp_path: Path, file: str, content: str, expected: str) -> None:
    found = problems_of(tmp_path, {SCHEMA: a_schema(), file: content})

    assert any(problem.startswith(expected) for problem in found), found


def test_two_contracts_with_one_id_are_refused(tmp_path: Path) -> None:
    files = {
        SCHEMA: a_schema(),
        CONTRACT: a_contract(KEY, name="things"),
        "com.acme/other/jsonschema/1-0-0": a_schema("other"),
        "com.acme/other/contract.yaml": a_contract(KEY, name="things"),
    }

    assert problems_of(tmp_path, files) == [
        "com.acme/things/contract.yaml:3: id: com.acme/other/contract.yaml has this id already; give it its own"
    ]


def test_two_columns_at_one_place_of_the_key_are_refused(tmp_path: Path) -> None:
    schema = a_schema(properties={"a": {"type": "integer"}, "b": {"type": "integer"}}, required=["a", "b"])
    contract = a_contract("{name: a, primaryKey: true}", "{name: b, primaryKey: true}")

    (problem,) = problems_of(tmp_path, {SCHEMA: schema, CONTRACT: contract})

    assert "'a' has position 1 in the key, too; number them from 1" in problem


def test_a_missing_folder_says_which_setting_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder; set STREAMS_SCHEMAS"):
        load_contracts(tmp_path / "nowhere")


def test_a_dataset_with_a_broken_file_has_no_version(tmp_path: Path) -> None:
    contracts = read_contracts(a_folder(tmp_path, {SCHEMA: a_schema(), CONTRACT: "a: [", "com.b/x/jsonschema/1": ""}))

    assert contracts.families == {}
    assert contracts.broken == {"iglu:com.acme/things/jsonschema", "iglu:com.b/x/jsonschema"}
