"""JSON with a schema: the same JSON as without a registry, framed, and a JSON Schema of it.

Any column may be null, as in the old row of a DELETE, and may be Debezium's placeholder where PostgreSQL did not send
it. Formats are told and not asserted: a timestamp may be ``infinity``.
"""

from __future__ import annotations

import json
from typing import Any

from streams.contracts.framing import frame_prefix
from streams.contracts.model import ColumnType
from streams.contracts.registry import SchemaKind

from ..options import CaptureError
from ..outgoing.envelope import UNAVAILABLE, Envelope, Image, TableShape, TableTarget, encode_json, key_of
from ..postgres.facts import JSON, JSONB, ColumnFacts
from .registered import Register

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[ColumnType, dict[str, Any]] = {
    ColumnType.BOOLEAN: {"type": "boolean"},
    ColumnType.INTEGER: {"type": "integer"},
    ColumnType.DOUBLE: {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    ColumnType.BYTES: {"type": "string", "contentEncoding": "base64"},
    ColumnType.UUID: {"type": "string", "format": "uuid"},
}
_SOURCE = {
    "version": "string", "connector": "string", "name": "string", "ts_ms": "integer", "snapshot": "string",
    "db": "string", "sequence": "string", "ts_us": "integer", "ts_ns": "integer", "schema": "string",
    "table": "string", "txId": "integer", "lsn": "integer", "xmin": "integer", "origin": "string",
    "origin_lsn": "integer",
}  # fmt: skip
_TRANSACTION = {"id": "string", "total_order": "integer", "data_collection_order": "integer"}


class JsonCodec:
    """One version of a table for one topic."""

    def __init__(
        self, topic: str, target: TableTarget, shape: TableShape, columns: tuple[ColumnFacts, ...], *,
        prefix: str, register: Register,
    ) -> None:  # fmt: skip
        self._target = target
        name = f"{prefix}.{shape.relation.schema}.{shape.relation.table}"
        registered = register(f"{topic}-value", SchemaKind.JSON, envelope_schema(name, columns))
        self._value_prefix = frame_prefix(registered.id or 0)
        self._key_prefix = b""
        if target.key:
            registered = register(f"{topic}-key", SchemaKind.JSON, key_schema(name, target.key, columns))
            self._key_prefix = frame_prefix(registered.id or 0)

    def key(self, row: Image) -> bytes:
        """See ``Codec``."""
        key = key_of(self._target, row)
        if key is None:
            raise CaptureError(f"table {self._target.table} has lost the columns of its key; start again")
        return self._key_prefix + key

    def value(self, envelope: Envelope) -> bytes:
        """See ``Codec``."""
        return self._value_prefix + encode_json(envelope)


def envelope_schema(name: str, columns: tuple[ColumnFacts, ...]) -> str:
    """Of a table's envelopes."""
    row = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/row"}]}
    properties = {
        "before": row,
        "after": row,
        "source": _record(_SOURCE),
        "transaction": {"anyOf": [{"type": "null"}, _record(_TRANSACTION)]},
        "op": {"enum": ["r", "c", "u", "d", "t", "m"]},
        **{name: {"type": "integer"} for name in ("ts_ms", "ts_us", "ts_ns")},
    }
    rows = {fact.name: {"anyOf": [{"type": "null"}, *_kinds(fact)]} for fact in columns}
    return json.dumps(
        {
            "$schema": DRAFT, "title": f"{name}.Envelope", "type": "object", "properties": properties,
            "required": ["op", "source", "ts_ms"],
            "$defs": {"row": {"type": "object", "properties": rows}},
        }
    )  # fmt: skip


def key_schema(name: str, key: tuple[str, ...], columns: tuple[ColumnFacts, ...]) -> str:
    """Of a table's keys."""
    by_name = {fact.name: fact for fact in columns}
    properties = {
        column: {"anyOf": [{"type": "null"}, *_kinds(by_name[column])]} for column in key if column in by_name
    }
    return json.dumps({"$schema": DRAFT, "title": f"{name}.Key", "type": "object", "properties": properties})


def _record(fields: dict[str, str]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": [kind, "null"]} for name, kind in fields.items()}}


def _kinds(fact: ColumnFacts) -> list[dict[str, Any]]:
    """What a column can be besides null; the placeholder is text."""
    if fact.element_oid is not None:
        # Elements of types that the capture does not know come as PostgreSQL's text of the whole array.
        return [{"type": "array"}, {"type": "string"}]
    kind = _TYPES.get(fact.column.type)
    if kind is None:
        kind = {"type": "string"}
        if fact.type_oid in (JSON, JSONB):
            kind = {"type": "string", "contentMediaType": "application/json"}
        if fact.labels:
            return [{"enum": list(fact.labels)}, {"const": UNAVAILABLE}]
    return [kind] if kind.get("type") == "string" else [kind, {"const": UNAVAILABLE}]
