"""Avro: what a reader resolves of a writer's data, as Avro's own checkers say, and as a decoder does."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest

from streams.contracts import compare
from streams.contracts.compatibility import SchemaTextError


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(symbols: str, name: str = "E", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F") -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def mapped(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def linked(kind: str) -> dict[str, Any]:
    return record(field("head", kind), field("tail", ["null", "R"], default=None))


def deep(space: str) -> dict[str, Any]:
    inner = record(field("a", "int"), name="Inner", namespace=space)
    return record(field("f", ["null", array(inner)]))


INT, LONG, FLOAT, DOUBLE = "int", "long", "float", "double"
A, DA = field("a", INT), field("a", INT, default=0)
B, DB = field("b", INT), field("b", INT, default=0)
EMPTY = record()
READS: list[tuple[Any, Any]] = [
    # reader, writer: what Avro's Java and Python checkers accept
    *((kind, kind) for kind in ("null", "boolean", "int", "long", "float", "double", "bytes", "string")),
    (LONG, INT), (FLOAT, INT), (FLOAT, LONG), (DOUBLE, INT), (DOUBLE, LONG), (DOUBLE, FLOAT),
    ("string", "bytes"), ("bytes", "string"),
    (array(INT), array(INT)), (array(LONG), array(INT)), (mapped(INT), mapped(INT)), (mapped(LONG), mapped(INT)),
    (enum("AB"), enum("AB")), (enum("ABC"), enum("AB")),
    ([], []), ([FLOAT], []), ([INT], []), ([LONG], []), (["string"], []), (["bytes"], []),
    ([FLOAT], [INT]), ([FLOAT], [LONG]), ([FLOAT], [INT, LONG]), ([INT], [INT]), ([INT, "string"], ["string", INT]),
    ([LONG], [INT]), ([DOUBLE], [INT]), ([DOUBLE], [LONG]), ([DOUBLE], [FLOAT]), (["string"], ["bytes"]),
    (["bytes"], ["string"]), ([DOUBLE], [INT, FLOAT]),
    (FLOAT, [INT, FLOAT]), (LONG, [INT, LONG]), (DOUBLE, [INT, FLOAT]), (DOUBLE, [INT, LONG, FLOAT, DOUBLE]),
    (FLOAT, [FLOAT]), ([INT], INT), (INT, [INT]),
    (fixed(4), fixed(4)),
    (EMPTY, EMPTY), (EMPTY, record(A)), (record(A), record(A)), (record(DA), record(A)), (record(DA), record(DA)),
    (record(A), record(DA)), (record(field("a", LONG)), record(A)), (record(A), record(A, B)),
    (record(DA), record(A, B)),
    (record(A, DB), record(A)), (record(DA, DB), EMPTY), (record(DA, DB), record(A)), (record(A, B), record(DA, DB)),
    (linked(INT), linked(INT)), (linked(LONG), linked(INT)),
    (record(field("f", enum("AB", default="A"))), record(field("f", enum("ABC", default="A")))),
    (record(field("f", enum("AB", default="B"), default="A")),
     record(field("f", enum("ABC", default="A"), default="B"))),
    (deep("one"), deep("two")), (record(A), record(A, name="ns.R")),
    (record(field("b", INT, aliases=["a"])), record(A, field("c", "string"))),
    (record(A, name="New", aliases=["R"]), record(A, B)),
    (enum("AB", name="New", aliases=["E"]), enum("AB")), ({**fixed(4, "New"), "aliases": ["F"]}, fixed(4)),
    (record(A, name="y.New", aliases=["R"]), record(A, name="y.R")),
    (record(A, name="y.New", aliases=["x.R"]), record(A, name="x.R")),
    (record(field("a", LONG, aliases=["z"]), field("b", INT, aliases=["c"])), record(A, field("c", INT))),
    (record(B, A), record(A, B)), (enum("BA"), enum("AB")), (enum("AB", default="B"), enum("CD")),
    (record(field("r", ["null", record(A, name="In")])), record(field("r", record(A, name="In")))),
    (record(field("r", record(A, DB, name="In"))), record(field("r", record(A, name="In")))),
    (record(field("r", [record(A, name="x.In"), "null"])), record(field("r", ["null", record(A, B, name="y.In")]))),
    (["null", array(LONG)], array(INT)), (mapped(["null", DOUBLE]), mapped(FLOAT)), ([LONG, "string"], [INT, "bytes"]),
    (record(field("d", {"type": INT, "logicalType": "date"})), record(field("d", INT))),
    (record(field("d", LONG)), record(field("d", {"type": LONG, "logicalType": "timestamp-millis"}))),
    (record(field("n", {"type": "array", "items": "R"})), record(field("n", {"type": "array", "items": "R"}), A)),
    (record(A, type="error"), record(A)),
]  # fmt: skip
REFUSES: list[tuple[Any, Any, str, str]] = [
    # reader, writer, code, place in the reader
    (fixed(4), fixed(8), "FIXED_SIZE_MISMATCH", "#/size"),
    (fixed(8), fixed(4), "FIXED_SIZE_MISMATCH", "#/size"),
    (record(DA, field("b", fixed(8))), record(DA, field("b", fixed(4))), "FIXED_SIZE_MISMATCH", "#/fields/b/type/size"),
    (enum("AB"), enum("ABC"), "MISSING_ENUM_SYMBOLS", "#/symbols"),
    (enum("BC"), enum("ABC"), "MISSING_ENUM_SYMBOLS", "#/symbols"),
    (record(field("f", enum("AB"))), record(field("f", enum("ABC"))), "MISSING_ENUM_SYMBOLS",
     "#/fields/f/type/symbols"),
    *(([INT], [INT, other], "MISSING_UNION_BRANCH", "#/1")
      for other in ("string", record(A), enum("AB"), fixed(4), "boolean", array(INT), mapped(INT), "null")),
    *(([INT], [other], "MISSING_UNION_BRANCH", "#/0") for other in (LONG, FLOAT, DOUBLE, "bytes")),
    (["string"], [INT, "string"], "MISSING_UNION_BRANCH", "#/0"),
    ([INT, record(A, name="R1")], [INT, record(A, name="R2")], "MISSING_UNION_BRANCH", "#/1"),
    (record(field("b", [INT])), record(field("b", [INT, "string"])), "MISSING_UNION_BRANCH", "#/fields/b/type/1"),
    ([INT, "string"], [INT, "string", LONG], "MISSING_UNION_BRANCH", "#/2"),
    (enum("AB"), enum("AB", name="Other"), "NAME_MISMATCH", "#/name"),
    (EMPTY, record(name="Other"), "NAME_MISMATCH", "#/name"),
    (fixed(4), fixed(4, name="Other"), "NAME_MISMATCH", "#/name"),
    (record(field("b", enum("AB"))), record(field("b", enum("AB", name="X"))), "NAME_MISMATCH", "#/fields/b/type/name"),
    (record(A), EMPTY, "READER_FIELD_MISSING_DEFAULT_VALUE", "#/fields/a"),
    (record(A, DB), EMPTY, "READER_FIELD_MISSING_DEFAULT_VALUE", "#/fields/a"),
    *((reader, writer, "TYPE_MISMATCH", "#") for reader, writer in [
        ("null", INT), ("null", LONG), ("boolean", INT), (INT, "null"), (INT, "boolean"), (INT, LONG), (INT, FLOAT),
        (INT, DOUBLE), (LONG, FLOAT), (LONG, DOUBLE), (FLOAT, DOUBLE), (DOUBLE, "string"), (fixed(4), "string"),
        ("string", "boolean"), ("string", INT), ("bytes", "null"), ("bytes", INT), (record(A), INT),
        (mapped(INT), array(INT)), (array(INT), mapped(INT)), (INT, enum("AB")), (enum("AB"), INT),
        (FLOAT, [INT, LONG, FLOAT, DOUBLE]), (LONG, [INT, FLOAT]), (INT, [INT, FLOAT]),
        (mapped("string"), array("string")),
    ]),
    (array(INT), array(LONG), "TYPE_MISMATCH", "#/items"),
    (mapped(INT), mapped(LONG), "TYPE_MISMATCH", "#/values"),
    (linked(INT), linked(LONG), "TYPE_MISMATCH", "#/fields/head/type"),
    (record(A, name="y.New", aliases=["R"]), record(A, name="R"), "NAME_MISMATCH", "#/name"),
    (record(A), record(A, name="New", aliases=["R"]), "NAME_MISMATCH", "#/name"),
    (record(A), record(field("b", INT, aliases=["a"])), "READER_FIELD_MISSING_DEFAULT_VALUE", "#/fields/a"),
    (record(field("r", record(A, name="In"))), record(field("r", ["null", record(A, name="In")])), "TYPE_MISMATCH",
     "#/fields/r/type"),
    (record(field("r", ["null", record(A, B, name="In")])), record(field("r", ["null", record(A, name="In")])),
     "MISSING_UNION_BRANCH", "#/fields/r/type/1"),
    (enum("AB", default="A"), enum("AB", name="Other"), "NAME_MISMATCH", "#/name"),
    (["null", INT], ["null", LONG], "MISSING_UNION_BRANCH", "#/1"), (fixed(4), "bytes", "TYPE_MISMATCH", "#"),
    ("bytes", fixed(4), "TYPE_MISMATCH", "#"), ("string", enum("AB"), "TYPE_MISMATCH", "#"),
    (mapped(record(A)), record(A), "TYPE_MISMATCH", "#"), (array([INT]), array(["null", INT]), "MISSING_UNION_BRANCH",
     "#/items/0"),
    (record(field("d", {"type": INT, "logicalType": "date"})), record(field("d", LONG)), "TYPE_MISMATCH",
     "#/fields/d/type"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "writer"), READS)
def test_what_avros_checkers_accept_is_accepted(reader: Any, writer: Any) -> None:
    found = compare(writer, reader, kind="avro")

    assert found.backward
    assert found.bump in ("none", "addition")
    assert compare(reader, writer, kind="avro").forward


@pytest.mark.parametrize(("reader", "writer", "code", "path"), REFUSES)
def test_what_avros_checkers_refuse_is_refused_for_the_same_reason(
    reader: Any, writer: Any, code: str, path: str
) -> None:
    found = compare(writer, reader, kind="avro")

    assert not found.backward
    assert (code, path) in [(one.code, one.path) for one in found.differences if "backward" in one.breaks]


PLAIN = [(reader, writer) for reader, writer in READS if not (isinstance(writer, list) and not writer)]
DATA = {
    "null": None, "boolean": True, "int": 7, "long": 7, "float": 0.5, "double": 0.5, "bytes": b"b", "string": "s",
}  # fmt: skip


def datum_of(schema: Any) -> Any:
    if isinstance(schema, list):
        return datum_of(schema[-1]) if schema[-1] != "R" else None
    if isinstance(schema, str):
        return DATA[schema]
    match schema["type"]:
        case "record":
            return {held["name"]: datum_of(held["type"]) for held in schema["fields"]}
        case "enum":
            return schema["symbols"][-1]
        case "array":
            return [] if schema["items"] == "R" else [datum_of(schema["items"])]
        case "map":
            return {"k": datum_of(schema["values"])}
        case "fixed":
            return b"x" * schema["size"]
        case primitive:
            return DATA[primitive]


def decoded(reader: Any, writer: Any) -> Any:
    """A datum of ``writer`` read with ``reader`` by fastavro."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(json.loads(json.dumps(writer))), datum_of(writer))
    stream.seek(0)
    return fastavro.schemaless_reader(stream, fastavro.parse_schema(writer), fastavro.parse_schema(reader))


@pytest.mark.parametrize(("reader", "writer"), PLAIN)
def test_a_decoder_reads_what_is_called_compatible(reader: Any, writer: Any) -> None:
    decoded(reader, writer)


def test_an_alias_finds_renamed_fields_and_types_in_namespaces() -> None:
    old = record(field("mail", "string"), name="acme.User")
    new = record(field("email", "string", aliases=["mail"]), name="acme.v2.Person", aliases=["acme.User"])

    found = compare(old, new, kind="avro")

    assert (found.backward, found.forward) == (True, False)
    assert [one.code for one in found.differences if "backward" in one.breaks] == []
    assert "FIELD_RENAMED" in [one.code for one in found.differences]
    relative = record(field("mail", "string"), name="Person", namespace="acme", aliases=["User"])
    assert compare(old, relative, kind="avro").backward


def test_decimals_and_times_of_another_scale_or_unit_would_be_wrong_numbers() -> None:
    def money(scale: int) -> Any:
        return {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": scale}

    found = compare(record(field("m", money(2))), record(field("m", money(4))), kind="avro")
    assert [one.code for one in found.differences if one.breaks] == ["DECIMAL_SCALE_MISMATCH"]
    old, new = ({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))
    assert not compare(old, new, kind="avro").backward
    assert compare("long", new, kind="avro").backward


@pytest.mark.parametrize(
    ("old", "new", "bump"),
    [
        (record(A), record(A), "none"),
        (record(A), json.dumps(record(A)), "none"),
        (record(A), record(A, DB), "addition"),
        (record(A), record(A, doc="said"), "addition"),
        (record(A), record(A, B), "model"),
        (enum("AB"), enum("BC"), "revision"),
        (enum("AB"), enum("CD"), "model"),
        (record(field("a", ["null", INT])), record(field("a", ["null", "string"])), "revision"),
        (record(field("a", array(INT))), record(field("a", array("string"))), "revision"),
        (record(A), record(field("a", "string")), "model"),
    ],
)
def test_the_bump_says_what_becomes_of_old_data(old: Any, new: Any, bump: str) -> None:
    assert compare(old, new, kind="avro").bump == bump


def test_names_may_come_from_other_schemas() -> None:
    resources = {"address": record(A, name="acme.Address")}
    old, new = record(field("x", "acme.Address")), record(field("x", ["null", "acme.Address"]))

    assert compare(old, new, kind="avro", resources=resources).backward
    with pytest.raises(SchemaTextError, match="not defined"):
        compare(old, new, kind="avro")


@pytest.mark.parametrize("broken", ["{", {"type": "record", "name": "R"}, {"type": "fixed", "name": "F"}, 7, {"a": 1}])
def test_what_is_no_avro_schema_is_told(broken: Any) -> None:
    with pytest.raises(SchemaTextError):
        compare("int", broken, kind="avro")
