"""Connect's schemas as JSON (``schemas.enable=true``): what each field of a record means.

Sources: Kafka Connect 4.3 JsonConverter; Debezium 3.7, semantic types; real captures of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .wires import (
    PLAIN,
    Kind,
    Wire,
    bits_of,
    bytes_of,
    decimal_of,
    float_of,
    variable_decimal,
)

_TIME, _CONNECT, _DATA = "io.debezium.time.", "org.apache.kafka.connect.data.", "io.debezium.data."

WIRES: Mapping[str, Wire] = {
    _DATA + "VariableScaleDecimal": Wire(kind=Kind.DECIMAL, read=variable_decimal),
    _DATA + "Json": Wire(kind=Kind.JSON),
    _TIME + "Date": Wire(kind=Kind.DATE),
    _TIME + "IsoDate": Wire(kind=Kind.DATE),
    _CONNECT + "Date": Wire(kind=Kind.DATE),
    _TIME + "Time": Wire(kind=Kind.TIME, unit="ms"),
    _TIME + "MicroTime": Wire(kind=Kind.TIME, unit="us"),
    _TIME + "NanoTime": Wire(kind=Kind.TIME, unit="ns"),
    _TIME + "IsoTime": Wire(kind=Kind.TIME),
    _CONNECT + "Time": Wire(kind=Kind.TIME, unit="ms"),
    _TIME + "ZonedTime": Wire(kind=Kind.ZONED_TIME),
    _TIME + "Timestamp": Wire(kind=Kind.TIMESTAMP, unit="ms"),
    _TIME + "MicroTimestamp": Wire(kind=Kind.TIMESTAMP, unit="us"),
    _TIME + "NanoTimestamp": Wire(kind=Kind.TIMESTAMP, unit="ns"),
    _TIME + "IsoTimestamp": Wire(kind=Kind.TIMESTAMP),
    _TIME + "ZonedTimestamp": Wire(kind=Kind.TIMESTAMP),
    _CONNECT + "Timestamp": Wire(kind=Kind.TIMESTAMP, unit="ms"),
    _TIME + "MicroDuration": Wire(kind=Kind.INTERVAL),
    _TIME + "Interval": Wire(kind=Kind.INTERVAL),
}
"""By semantic name: values that mean the same in JSON and in Avro."""


def named_wire(name: object, parameters: object) -> Wire | None:
    """The wire of a semantic type, in JSON or Avro; ``None`` for a name that says nothing of the form."""
    held = parameters if isinstance(parameters, Mapping) else {}
    if name == _CONNECT + "Decimal":
        scale = _whole(held.get("scale", 0))
        return Wire(kind=Kind.DECIMAL, read=lambda value: decimal_of(bytes_of(value), scale))
    if name == _DATA + "Bits":
        length = _whole(held.get("length", 1))
        return Wire(kind=Kind.BITS, read=lambda value: bits_of(bytes_of(value), length))
    return WIRES.get(name) if isinstance(name, str) else None


def _whole(parameter: object) -> int | None:
    """``None`` for what is no count: values of such a schema are not read, and their contract tells."""
    text = str(parameter)
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < len(str(1 << 31)) + 1 else None


def connect_wire(schema: Any) -> Wire:
    """What the values of a Connect schema mean; a schema that is none says nothing."""
    if not isinstance(schema, Mapping):
        return PLAIN
    named = named_wire(schema.get("name"), schema.get("parameters"))
    if named is not None:
        return named
    match schema.get("type"):
        case "struct":
            return Wire(kind=Kind.OBJECT, fields=field_wires(schema))
        case "array":
            return Wire(kind=Kind.ARRAY, items=connect_wire(schema.get("items")))
        case "map":
            return Wire(kind=Kind.MAP, items=connect_wire(schema.get("values")))
        case "bytes":
            return Wire(kind=Kind.BYTES, read=bytes_of)
        case "float" | "double":
            return Wire(kind=Kind.FLOAT, read=float_of)
        case _:
            return PLAIN


def field_wires(schema: Any) -> Mapping[str, Wire]:
    """By name, the fields of a struct."""
    fields = schema.get("fields") if isinstance(schema, Mapping) else None
    return {
        str(held.get("field")): connect_wire(held)
        for held in (fields if isinstance(fields, list) else ())
        if isinstance(held, Mapping)
    }
