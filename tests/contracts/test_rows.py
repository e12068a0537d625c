"""Rows of Avro and Protobuf schemas: contracts like those of JSON Schemas, and everything that cannot be one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.contracts import ColumnType, Contract, load_contracts, read_contracts
from streams.contracts.rows import RowsError, rows_of

from .builders import a_contract, a_folder, a_schema

THINGS, AVRO, PROTOBUF = "com.acme/things", "com.acme/things/avro/1-0-0", "com.acme/things/protobuf/1-0-0"
KEY = "{name: id, logicalType: integer, primaryKey: true, required: true}"
LONG = {"type": "integer", "minimum": -(1 << 63), "maximum": (1 << 63) - 1}
TIME = {"type": "string", "pattern": r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$", "x-physical-type": "time"}
PROTO = """syntax = "proto3";
package acme;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Thing {
  int64 id = 1;
  optional string note = 2;
  google.protobuf.Timestamp at = 3;
  repeated Line lines = 4;
  map<string, uint32> counts = 5;
  State state = 6;
  oneof paid { string card = 7; bytes cash = 8; }
  google.protobuf.DoubleValue ratio = 9;
  Thing inside = 10;
  message Line { string sku = 1; }
  enum State { OPEN = 0; PAID = 1; }
}
"""


def avro(*fields: Mapping[str, Any], **more: Any) -> str:
    """A record with the column id and ``fields``, as text with a line for each part."""
    record = {"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "long"}, *fields], **more}
    return json.dumps(record, indent=1)


def shapes(text: str, kind: str = "avro") -> Mapping[str, Any]:
    """The columns that rows of the schema have."""
    described = {"vendor": "com.acme", "name": "things", "format": kind, "version": "1-0-0"}
    properties: Mapping[str, Any] = rows_of(text, described)["properties"]
    return properties


def field(kind: Any, **more: Any) -> Mapping[str, Any]:
    return shapes(avro({"name": "x", "type": kind, **more}))["x"]  # type: ignore[no-any-return]  # JSON


def newest(root: Path, files: Mapping[str, str], subject: str = "iglu:com.acme/things/avro") -> Contract:
    return load_contracts(a_folder(root, files)).resolve(f"{subject}/*-*-*").newest


def problems_of(root: Path, files: Mapping[str, str]) -> list[str]:
    return [str(problem) for problem in read_contracts(a_folder(root, files)).problems]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("long", LONG),
        ("double", {"type": "number", "x-physical-type": "double precision"}),
        (["null", "string"], {"type": ["string", "null"]}),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
         {"type": "string", "pattern": r"^-?[0-9]{1,2}(\.[0-9]{1,2})?$", "x-physical-type": "numeric(4,2)"}),
        ({"type": "long", "logicalType": "timestamp-micros"}, {"type": "string", "format": "date-time"}),
        ({"type": "long", "connect.name": "io.debezium.time.MicroTime"}, TIME),
        ({"type": "long", "logicalType": "timestamp-nanos"},
         {"type": "integer", "x-physical-type": "timestamp", "x-unit": "ns"}),
        ({"type": "fixed", "name": "F", "size": 4},
         {"type": "string", "contentEncoding": "base64", "minLength": 8, "maxLength": 8}),
        (["null", {"type": "enum", "name": "E", "symbols": ["A"]}], {"type": ["string", "null"], "enum": ["A", None]}),
        ({"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}, {"type": "string"}),
        ({"type": "map", "values": "boolean"}, {"type": "object", "additionalProperties": {"type": "boolean"}}),
        # Which branch it was is not told, so a moment is the number that it is on the wire.
        (["null", "string", {"type": "long", "logicalType": "timestamp-micros"}],
         {"anyOf": [{"type": "string"}, LONG, {"type": "null"}]}),
    ],
)  # fmt: skip
def test_a_type_of_avro_is_the_json_that_its_reader_gives(kind: Any, shape: Mapping[str, Any]) -> None:
    assert field(kind) == shape


def test_a_contract_in_avro_has_columns_a_key_and_a_validator(tmp_path: Path) -> None:
    text = avro({"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}},
                {"name": "note", "type": ["null", "string"], "default": None, "doc": "For people"})  # fmt: skip
    contract = newest(tmp_path, {AVRO: text, f"{THINGS}/contract.yaml": a_contract(KEY)})

    assert (contract.uri, contract.format, contract.key) == ("iglu:com.acme/things/avro/1-0-0", "avro", ("id",))
    assert contract.text == text
    assert [(one.type, one.nullable, one.scale) for one in contract.columns.values()] == [
        (ColumnType.INTEGER, False, None), (ColumnType.DECIMAL, False, 2), (ColumnType.TEXT, True, None)
    ]  # fmt: skip
    is_valid = contract.validator.is_valid
    assert is_valid({"id": 1, "amount": "12.50"})
    assert is_valid({"id": -(1 << 63), "amount": "1", "note": None, "more": 1})
    refused: list[object] = [{"amount": "1"}, {"id": 1 << 63, "amount": "1"}]
    assert not any(map(is_valid, [*refused, {"id": 1, "amount": "123"}, {"id": 1, "amount": "1.234"}]))


def test_a_contract_in_protobuf_requires_what_the_contract_does_and_nothing_else(tmp_path: Path) -> None:
    files = {PROTOBUF: PROTO, f"{THINGS}/contract.yaml": a_contract(KEY)}
    contract = newest(tmp_path, files, "iglu:com.acme/things/protobuf")

    assert contract.schema["required"] == ["id"]
    assert shapes(PROTO, "protobuf") == {
        "id": LONG,
        "note": {"type": ["string", "null"]},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 4294967295}},
        "state": {"type": "string", "enum": ["OPEN", "PAID"]},
        "card": {"type": ["string", "null"]},
        "cash": {"type": ["string", "null"], "contentEncoding": "base64"},
        "ratio": {"type": ["number", "null"], "x-physical-type": "double precision"},
        "inside": {"type": ["object", "null"]},
    }


def test_a_name_means_the_first_format_and_the_others_are_found_by_theirs(tmp_path: Path) -> None:
    files = {f"{THINGS}/jsonschema/1-0-0": a_schema(), AVRO: avro(), PROTOBUF: PROTO}
    contracts = load_contracts(a_folder(tmp_path, files))

    assert [*contracts.families] == ["iglu:com.acme/things/jsonschema"]
    assert sorted(contracts.beside) == ["iglu:com.acme/things/avro", "iglu:com.acme/things/protobuf"]
    assert contracts.resolve("iglu:com.acme/things/avro/1-*-*").newest.text == avro()
    assert contracts.subject_of("com.acme/things") == "iglu:com.acme/things/jsonschema"


def test_every_mistake_is_told_with_its_file_its_line_and_its_place(tmp_path: Path) -> None:
    own = {"type": "record", "name": "Own", "fields": [{"name": "o", "type": ["null", "Own"]}]}
    proto = 'syntax = "proto3";\nimport "google/protobuf/any.proto";\nmessage A {\n google.protobuf.Any what = 7;\n}\n'
    files = {
        "com.acme/a/avro/1-0-0": avro({"name": "id", "type": "int"}, {"name": "b", "type": "int", "aliases": ["c"]},
                                      {"name": "o", "type": own}),
        "com.acme/b/avro/1-0-0": avro({"name": "b", "type": "other.Thing"}),
        "com.acme/c/avro/1-0-0": '{"type": "enum", "name": "E", "symbols": []}',
        "com.acme/d/avro/1-0-0": "{",
        "com.acme/e/avro/first": avro(),
        "com.acme/f/protobuf/1-0-0": proto,
        "com.acme/g/protobuf/1-0-0": 'syntax = "proto3"; import "x.proto"; message A { X x = 1; }',
        "com.acme/h/protobuf/1-0-0": 'syntax = "proto3"; enum E { A = 0; }',
        "com.acme/i/protobuf/1-0-0": "message A {",
        "com.acme/j/protobuf/1-0-0": 'syntax = "proto3"; message A { int32 n = 1; }',
        "com.acme/j/contract.yaml": a_contract("{name: n, logicalType: string}", name="j"),
    }  # fmt: skip

    told = problems_of(tmp_path, files)
    assert [" ".join(one.split()[:6]) for one in sorted(told)] == [
        "com.acme/a/avro/1-0-0:10: fields[1].name: there is a field",
        "com.acme/a/avro/1-0-0:16: fields[2].aliases: an alias of a",
        "com.acme/a/avro/1-0-0:30: fields[3].type.fields[0].type[1]: Own holds itself; rows",
        "com.acme/b/avro/1-0-0: the type other.Thing is not",
        "com.acme/c/avro/1-0-0:1: type: a row is a",
        "com.acme/d/avro/1-0-0:1: no valid JSON: Expecting property",
        "com.acme/e/avro/first: the name must be a",
        "com.acme/f/protobuf/1-0-0:4: A.what.7: google.protobuf.Any does not say",
        "com.acme/g/protobuf/1-0-0:1: Depends on file 'x.proto', but",
        "com.acme/h/protobuf/1-0-0:1: no message; a row is",
        "com.acme/i/protobuf/1-0-0:1: is no Protobuf: more is",
        "com.acme/j/contract.yaml:10: schema[0].properties[0].logicalType: string, but in com.acme/j/protobuf/1-0-0",
    ]


def test_a_schema_that_cannot_be_read_holds_nobody_else_up() -> None:
    for text in ("[]", '"string"', '{"type": "record"}', '{"type": "record", "name": 1, "fields": 2}'):
        with pytest.raises(RowsError):
            shapes(text)
