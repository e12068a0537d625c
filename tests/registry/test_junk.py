"""Junk: whatever is sent as a schema is taken or refused by name; nothing else happens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.registry import registering
from streams.registry.catalog import Catalog
from streams.registry.model import Contents
from streams.registry.refusals import RefusalError
from streams.registry.requests import read_draft
from streams.registry.search import Index
from streams.registry.web.schemas import SERIALIZED, version_facts

AVRO = {
    "type": "record", "name": "User", "namespace": "a.b", "fields": [
        {"name": "id", "type": ["null", "long"], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A"]}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}},
        {"name": "more", "type": {"type": "map", "values": {"type": "array", "items": "User"}}},
    ],
}  # fmt: skip
JSON = {
    "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
    "properties": {"a": {"type": ["string", "null"], "maxLength": 3}, "b": {"$ref": "#/definitions/x"},
                   "c": {"oneOf": [{"type": "integer"}, {"const": 1}]}},
    "definitions": {"x": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": {"type": "integer"},
}  # fmt: skip
PROTOBUF = """syntax = "proto3" ; package p ; import "google/protobuf/timestamp.proto" ;
 message M { optional int64 id = 1 ; repeated N n = 2 ; map<string, N> m = 3 ; oneof o { string a = 4 ; N b = 5 ; }
 message N { int32 x = 1 [ deprecated = true ] ; } enum E { A = 0 ; } E e = 6 ; reserved 7 ; google.protobuf.Timestamp
 t = 8 ; } service S { rpc X ( M ) returns ( M ) ; }"""
WORDS = ["type", "fields", "$ref", "name", "properties", "enum", "const", "default", "$id", "allOf", "items", "$defs",
         "confluent:tags", "aliases", "namespace"]  # fmt: skip
JUNK = st.sampled_from([None, True, 0, 1.5, 10**30, "", "record", "int", "a.b", [], {}, [[]], {"type": []}])
TOKENS = ["{", "}", "=", "0", "-1", "99999999999", '"', "message", "enum", ";", "/*", "[default = 3]", "group"]


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with some of it gone, and junk in places."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JUNK)
    if isinstance(value, dict):
        kept = {name: draw(damaged(held)) for name, held in value.items() if draw(st.integers(0, 19))}
        return kept | ({draw(st.sampled_from(WORDS)): draw(JUNK)} if not draw(st.integers(0, 9)) else {})
    return [draw(damaged(held)) for held in value] if isinstance(value, list) else value


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["AVRO", "JSON", "PROTOBUF"]))
    if kind != "PROTOBUF":
        return {"schema": json.dumps(draw(damaged(AVRO if kind == "AVRO" else JSON))), "schemaType": kind}
    words = PROTOBUF.split(" ")
    for _ in range(draw(st.integers(0, 3))):
        words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from([*TOKENS, ""]))
    return {"schema": " ".join(words), "schemaType": kind}


def avro(**schema: Any) -> dict[str, Any]:
    return {"schema": json.dumps(schema), "schemaType": "AVRO"}


def json_(**schema: Any) -> dict[str, Any]:
    return {"schema": json.dumps(JSON | schema), "schemaType": "JSON"}


@example([avro(type="string", fields=["id"])], False)
@example([json_(), json_(**{"$defs": 1.5, "required": ["b"]})], False)
@settings(max_examples=150, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=4), st.booleans())
def test_junk_is_taken_or_refused(sent: list[dict[str, Any]], normalize: bool) -> None:
    catalog = Catalog(Contents())
    for request in sent:
        try:
            draft = registering.prepare(catalog, read_draft(request), normalize=normalize)
            found = registering.register(catalog, f"s-{request['schemaType']}", draft)
        except RefusalError:
            continue
        if found.change is not None:
            catalog.apply(found.change)
        assert registering.register(catalog, f"s-{request['schemaType']}", draft).schema == found.schema
        Index({}).entry_of(catalog, found.version)
        json.dumps(version_facts(catalog, found.version, SERIALIZED))
