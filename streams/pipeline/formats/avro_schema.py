"""Avro: a registered schema becomes a reader of its records and what their fields mean.

The writer's schema reads; fields are mapped by name afterwards, so a record of any version of it is a row. Logical
types are ours, not the library's: a timestamp beyond the year 9999 is an infinity and no error, a decimal is exact at
any length.
Sources: Avro 1.12's specification; Debezium 3.7 through Confluent's AvroConverter (``connect.name``), real captures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from streams.contracts.registry import RegisteredSchema
from streams.errors import DecodeError

from .connect_schema import named_wire
from .wires import PLAIN, Kind, Wire, bytes_of, decimal_of, float_of, plain_json, single_of

FORMAT = "avro"
_INSIDE = ("type", "items", "values", "fields")
Read = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AvroReader:
    """Reads the records of one schema."""

    read: Read
    """Raises ``DecodeError`` where the bytes are no record of the schema, or more than one."""
    wire: Wire


def compile_avro(schema: RegisteredSchema) -> AvroReader:
    """The reader of a schema's records; raises ``DecodeError`` for a schema that cannot be read with."""
    known: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    try:
        for held in (*schema.references.values(), schema):
            whole = json.loads(held.text)
            parsed = fastavro.parse_schema(whole, named_schemas=known)
            bare = fastavro.parse_schema(_without_logical_types(whole), named_schemas=plain)
    except (SchemaParseException, UnknownType, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DecodeError(FORMAT, "its registered schema is no Avro schema") from None
    wires = _Wires(known)
    wire = wires.of(parsed)
    if wires.hangs:
        # The library reads recursive types on the C stack, and arrays of nothing without an end.
        raise DecodeError(FORMAT, "its schema is recursive, or has arrays whose items take no bytes")
    return AvroReader(read=_reader_of(bare), wire=wire)


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical_types(held) for held in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_logical_types(held) if name in _INSIDE else held
        for name, held in schema.items()
        if name != "logicalType"
    }


def _reader_of(schema: Any) -> Read:
    read_record = fastavro.schemaless_reader

    def read(body: bytes) -> object:
        stream = BytesIO(body)
        try:
            held: object = read_record(stream, schema, None)
        except (ValueError, LookupError, EOFError, TypeError, OverflowError, MemoryError, RecursionError) as error:
            raise DecodeError(FORMAT, f"not a record of its schema ({type(error).__name__})") from None
        if stream.tell() != len(body):
            raise DecodeError(FORMAT, "not a record of its schema (bytes are left over)")
        return held

    return read


class _Wires:
    """What the values of a parsed schema mean; ``hangs``: there is a type that must not be read."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known
        self._open: set[str] = set()
        self.hangs = False

    def of(self, schema: Any) -> Wire:
        if isinstance(schema, list):
            return self._of_union([held for held in schema if held != "null"])
        if isinstance(schema, str):
            return self._of_name(schema)
        if isinstance(schema["type"], (dict, list)):
            return self.of(schema["type"])
        name = str(schema.get("name", ""))
        if schema["type"] in ("record", "error"):
            return self._of_record(name, schema)
        return _annotated(schema) or self._of_type(schema)

    def _of_union(self, branches: list[Any]) -> Wire:
        wires = [self.of(branch) for branch in branches]
        if len(wires) == 1:
            return wires[0]
        return Wire(kind=Kind.PLAIN, read=plain_json)  # which branch it was is not told

    def _of_name(self, name: str) -> Wire:
        if name in self._open:
            self.hangs = True
            return PLAIN
        if name in self._known:
            return self.of(self._known[name])
        return self._of_type({"type": name})

    def _of_record(self, name: str, schema: Mapping[str, Any]) -> Wire:
        self._open.add(name)
        fields = {str(field["name"]): self.of(field["type"]) for field in schema["fields"]}
        self._open.discard(name)
        return _annotated(schema) or Wire(kind=Kind.OBJECT, fields=fields)

    def _of_type(self, schema: Mapping[str, Any]) -> Wire:
        match schema["type"]:
            case "array":
                items = self.of(schema["items"])
                self.hangs = self.hangs or not self._takes_bytes(schema["items"])
                return Wire(kind=Kind.ARRAY, items=items)
            case "map":
                return Wire(kind=Kind.MAP, items=self.of(schema["values"]))
            case "bytes" | "fixed":
                return Wire(kind=Kind.BYTES)
            case "float":
                return Wire(kind=Kind.FLOAT, read=single_of)
            case "double":
                return Wire(kind=Kind.FLOAT, read=float_of)
            case _:
                return PLAIN

    def _takes_bytes(self, schema: Any) -> bool:
        if isinstance(schema, str):
            return schema != "null" and (schema not in self._known or self._takes_bytes(self._known[schema]))
        if isinstance(schema, list):
            return True
        if isinstance(schema["type"], (dict, list)):
            return self._takes_bytes(schema["type"])
        if schema["type"] in ("record", "error"):
            return any(self._takes_bytes(field["type"]) for field in schema["fields"])
        return bool(schema["type"] != "null" and schema.get("size", 1) != 0)


def _annotated(schema: Mapping[str, Any]) -> Wire | None:
    """By Connect's name, else by Avro's own logical type."""
    named = named_wire(schema.get("connect.name"), schema.get("connect.parameters"))
    if named is not None:
        return named
    match schema.get("logicalType"), schema["type"]:
        case "decimal", "bytes" | "fixed":
            scale = schema.get("scale", 0)
            return Wire(kind=Kind.DECIMAL, read=lambda value: decimal_of(bytes_of(value), scale))
        case "uuid", "fixed":
            return Wire(kind=Kind.PLAIN, read=lambda value: str(UUID(bytes=bytes_of(value))))
        case "date", "int":
            return Wire(kind=Kind.DATE)
        case "time-millis", "int":
            return Wire(kind=Kind.TIME, unit="ms")
        case "time-micros", "long":
            return Wire(kind=Kind.TIME, unit="us")
        case str() as name, "long" if name.removeprefix("local-") in _TIMESTAMPS:
            return Wire(kind=Kind.TIMESTAMP, unit=_TIMESTAMPS[name.removeprefix("local-")])
        case "duration", "fixed":
            return Wire(kind=Kind.INTERVAL, read=_duration)
        case _:
            return None


_TIMESTAMPS = {"timestamp-millis": "ms", "timestamp-micros": "us", "timestamp-nanos": "ns"}
_DURATION_BYTES = 12


def _duration(value: object) -> object:
    """Months, days and milliseconds, little-endian."""
    held = bytes_of(value)
    if len(held) != _DURATION_BYTES:
        raise ValueError("no duration")
    months, days, milliseconds = (int.from_bytes(held[at : at + 4], "little") for at in (0, 4, 8))
    return f"P{months}M{days}DT{milliseconds // 1000}.{milliseconds % 1000:03}S"
