"""References: each of two schemas is read with what its own references name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.contracts import compare

AVRO_HOME = {"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]}
JSON_HOME = {"type": "object", "properties": {"owner": {"$ref": "user.json"}}, "additionalProperties": False}
PROTO_HOME = 'syntax = "proto3"; import "user.proto"; message Home { User owner = 1; }'


def avro_user(kind: str) -> str:
    return json.dumps({"type": "record", "name": "User", "fields": [{"name": "id", "type": kind}]})


def proto_user(kind: str) -> str:
    return f'syntax = "proto3"; message User {{ {kind} id = 1; }}'


@pytest.mark.parametrize(
    ("kind", "home", "name", "narrow", "wide", "other"),
    [
        ("avro", AVRO_HOME, "User", avro_user("int"), avro_user("long"), avro_user("string")),
        ("json", JSON_HOME, "user.json", {"type": "integer"}, {"type": "number"}, {"type": "string"}),
        ("protobuf", PROTO_HOME, "user.proto", proto_user("int32"), proto_user("int64"), proto_user("string")),
    ],
)
def test_each_side_is_read_with_its_own_references(
    kind: Any, home: Any, name: str, narrow: Any, wide: Any, other: Any
) -> None:
    def backward(old: Any, new: Any) -> bool:
        named = {"resources": {name: new}, "old_resources": {name: old}}
        return compare(home, home, kind=kind, rules="confluent-strict", **named).backward

    assert backward(narrow, wide)
    assert not backward(narrow, other)
    assert compare(home, home, kind=kind, rules="confluent-strict", resources={name: narrow}).full
