"""Avro bytes: ours are fastavro's, for every schema and value that capture makes."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.serialize.avro_bytes import compile_writer, long_bytes

LONGS = st.integers(-(1 << 63), (1 << 63) - 1)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=200),
    "bytes": st.binary(max_size=200),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": LONGS,
    "boolean": st.booleans(),
    "float": st.floats(width=32),
    "double": st.floats(),
}


@st.composite
def typed(draw: st.DrawFn, path: str = "") -> tuple[Any, st.SearchStrategy[Any]]:
    """(schema, its values); ``path`` makes names that no other record has."""
    compound = () if len(path) > 2 else ("array", "record", "optional", "defaulted")
    kind = draw(st.sampled_from([*PRIMITIVES, *compound]))
    if kind in PRIMITIVES:
        schema: Any = kind if draw(st.booleans()) else {"type": kind, "connect.name": "x.Y"}
        return schema, PRIMITIVES[kind]
    if kind == "record":
        fields = [draw(typed(f"{path}{place}")) for place in range(draw(st.integers(0, 3)))]
        names = [f"f{place}" for place in range(len(fields))]
        held = [{"name": field, "type": inner} for field, (inner, _) in zip(names, fields, strict=True)]
        values = st.fixed_dictionaries({field: value for field, (_, value) in zip(names, fields, strict=True)})
        return {"type": "record", "name": f"R{path}", "fields": held}, values
    inner, values = draw(typed(f"{path}0"))
    if kind == "array":
        return {"type": "array", "items": inner}, st.lists(values, max_size=4)
    if isinstance(inner, list):  # no union of unions
        return inner, values
    return (["null", inner] if kind == "optional" else [inner, "null"]), st.none() | values


@given(st.data())
def test_bytes_are_those_of_fastavro(data: st.DataObject) -> None:
    schema, values = data.draw(typed())
    value = data.draw(values)
    out = BytesIO()

    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), value)

    assert compile_writer(schema)(value) == out.getvalue()


@given(LONGS)
def test_a_number_is_read_as_it_was_written(number: int) -> None:
    assert fastavro.schemaless_reader(BytesIO(long_bytes(number)), "long", None) == number


def test_a_record_is_written_again_by_its_name() -> None:
    row = {"type": "record", "name": "Row", "fields": [{"name": "id", "type": "int"}]}
    fields = [{"name": "before", "type": ["null", row]}, {"name": "after", "type": ["null", "Row"]}]

    write = compile_writer({"type": "record", "name": "Envelope", "fields": fields})

    assert write({"before": {"id": 1}, "after": {"id": 2}}) == b"\x02\x02\x02\x04"


def test_another_union_is_refused() -> None:
    with pytest.raises(ValueError, match="null and one type"):
        compile_writer(["int", "string"])
