"""Avro: a record's fields as the columns of a row.

A field with a default may be absent, as in Avro's resolution: whoever wrote before there was such a field has none. No
default is filled in. Source: Avro 1.12's specification; Debezium 3.7 and Kafka Connect 4.3, ``connect.name``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from ..documents import Path
from .shapes import (
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTERVAL,
    NANO_TIME,
    NANO_TIMESTAMP,
    PHYSICAL,
    TIME,
    TIMESTAMP,
    UUID,
    ZONED_TIME,
    RowsError,
    Shape,
    decimal,
    integer,
    or_null,
)

_TIME, _CONNECT, _DATA = "io.debezium.time.", "org.apache.kafka.connect.data.", "io.debezium.data."
_BY_NAME: Mapping[str, Shape] = {
    **dict.fromkeys((_TIME + "Date", _TIME + "IsoDate", _CONNECT + "Date"), DATE),
    **dict.fromkeys((_TIME + "Time", _TIME + "MicroTime", _TIME + "IsoTime", _CONNECT + "Time"), TIME),
    **dict.fromkeys((_TIME + "Timestamp", _TIME + "MicroTimestamp", _TIME + "IsoTimestamp", _TIME + "ZonedTimestamp",
                     _CONNECT + "Timestamp"), TIMESTAMP),
    **dict.fromkeys((_TIME + "MicroDuration", _TIME + "Interval"), INTERVAL),
    _TIME + "NanoTime": NANO_TIME,
    _TIME + "NanoTimestamp": NANO_TIMESTAMP,
    _TIME + "ZonedTime": ZONED_TIME,
    _DATA + "VariableScaleDecimal": decimal(),
    _DATA + "Bits": {**BYTES, PHYSICAL: "bit varying"},
    _DATA + "Uuid": UUID,
    _DATA + "Json": {"type": "string", PHYSICAL: "jsonb"},
}  # fmt: skip
"""By the name that Connect gives a type."""
_BY_LOGICAL: Mapping[tuple[str, str], Shape] = {
    ("uuid", "string"): UUID,
    ("uuid", "fixed"): UUID,
    ("date", "int"): DATE,
    ("time-millis", "int"): TIME,
    ("time-micros", "long"): TIME,
    ("timestamp-millis", "long"): TIMESTAMP,
    ("timestamp-micros", "long"): TIMESTAMP,
    ("timestamp-nanos", "long"): NANO_TIMESTAMP,
    ("local-timestamp-millis", "long"): TIMESTAMP,
    ("local-timestamp-micros", "long"): TIMESTAMP,
    ("local-timestamp-nanos", "long"): NANO_TIMESTAMP,
    ("duration", "fixed"): INTERVAL,
}
_PLAIN: Mapping[str, Shape] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "int": integer(32),
    "long": integer(64),
    "float": FLOAT,
    "double": DOUBLE,
    "bytes": BYTES,
    "string": {"type": "string"},
}
_DEFAULTS = {"boolean": bool, "integer": int, "string": str}


def avro_rows(text: str) -> Shape:
    """The JSON Schema of the rows; raises ``RowsError``."""
    named: dict[str, Any] = {}
    try:
        value = json.loads(text)
        parsed = fastavro.parse_schema(value, named_schemas=named)
    except json.JSONDecodeError as error:
        raise RowsError([((), f"no valid JSON: {error.msg} (line {error.lineno})")]) from None
    except UnknownType as error:
        message = f"the type {error.name} is not defined in this file; a contract holds all of its types"
        raise RowsError([((), message)]) from None
    except SchemaParseException as error:
        raise RowsError([((), f"no Avro schema: {error}")]) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RowsError([((), "no Avro schema")]) from None
    if not isinstance(parsed, dict) or parsed.get("type") not in ("record", "error"):
        raise RowsError([(("type",), 'a row is a record: write "type": "record"')])
    reader = _Reader(named)
    shape = reader.record(parsed, ())
    if reader.faults:
        raise RowsError(reader.faults)
    return shape


class _Reader:
    """Reads a parsed schema; what is wrong is in ``faults``."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._open: list[str] = []
        self.faults: list[tuple[Path, str]] = []

    def record(self, schema: Mapping[str, Any], path: Path, *, is_plain: bool = False) -> Shape:
        """An object with its fields; ``is_plain``: without what logical types mean."""
        self._open.append(schema["name"])
        properties: Shape = {}
        for place, field in enumerate(schema["fields"]):
            inner: Path = (*path, "fields", place)
            self.faults += _field_faults(field, properties, inner)
            shape = self.of(field["type"], (*inner, "type"), is_plain=is_plain)
            properties[field["name"]] = {**_said(field, shape), **shape}
        self._open.pop()
        required = [field["name"] for field in schema["fields"] if "default" not in field]
        told = {"description": schema["doc"]} if isinstance(schema.get("doc"), str) else {}
        return {"type": "object", "properties": properties, **({"required": required} if required else {}), **told}

    def of(self, schema: Any, path: Path, *, is_plain: bool = False) -> Shape:
        """What a value of ``schema`` can be."""
        if isinstance(schema, list):
            return self._union(schema, path, is_plain=is_plain)
        if isinstance(schema, str):
            return self._of_name(schema, path, is_plain=is_plain)
        if isinstance(schema["type"], dict | list):
            return self.of(schema["type"], (*path, "type"), is_plain=is_plain)
        meant = None if is_plain else _meant(schema)
        if meant is not None:
            return dict(meant)
        if schema["type"] in ("record", "error"):
            return self.record(schema, path, is_plain=is_plain)
        return self._of_type(schema, path, is_plain=is_plain)

    def _of_name(self, name: str, path: Path, *, is_plain: bool) -> Shape:
        if name in self._open:
            self.faults.append((path, f"{name} holds itself; rows of such a type are not read"))
            return {}
        return self.of(self._named.get(name, {"type": name}), path, is_plain=is_plain)

    def _union(self, branches: list[Any], path: Path, *, is_plain: bool) -> Shape:
        """Of several branches it is not told which one a value was: their values are what they are on the wire."""
        others = [(place, branch) for place, branch in enumerate(branches) if branch != "null"]
        if not others:
            return {"type": "null"}
        is_plain = is_plain or len(others) > 1
        shapes = [self.of(branch, (*path, place), is_plain=is_plain) for place, branch in others]
        shape = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
        return shape if len(others) == len(branches) else or_null(shape)

    def _of_type(self, schema: Mapping[str, Any], path: Path, *, is_plain: bool) -> Shape:
        match schema["type"]:
            case "array":
                if schema["items"] == "null":
                    self.faults.append(((*path, "items"), "items that take no bytes are not read"))
                return {"type": "array", "items": self.of(schema["items"], (*path, "items"), is_plain=is_plain)}
            case "map":
                values = self.of(schema["values"], (*path, "values"), is_plain=is_plain)
                return {"type": "object", "additionalProperties": values}
            case "fixed":
                length = -(-schema["size"] // 3) * 4
                return {**BYTES, "minLength": length, "maxLength": length}
            case "enum":
                # With a default, words that only a newer writer has are no mistake.
                words = {} if "default" in schema else {"enum": list(schema["symbols"])}
                return {"type": "string", **words}
            case kind:
                return dict(_PLAIN[kind])


def _field_faults(field: Mapping[str, Any], known: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    if field["name"] in known:
        yield (*path, "name"), f"there is a field {field['name']!r} already"
    if field.get("aliases"):
        message = "an alias of a field is not followed: its rows would lack the column; keep the name, or migrate"
        yield (*path, "aliases"), message


def _meant(schema: Mapping[str, Any]) -> Shape | None:
    """By Connect's name, else by Avro's own logical type."""
    name, logical, kind = schema.get("connect.name"), schema.get("logicalType"), schema["type"]
    if isinstance(name, str) and name in _BY_NAME:
        return _BY_NAME[name]
    if logical == "decimal" and kind in ("bytes", "fixed"):
        return decimal(schema.get("precision"), schema.get("scale", 0))
    return _BY_LOGICAL.get((logical, kind)) if isinstance(logical, str) else None


def _said(field: Mapping[str, Any], shape: Shape) -> Shape:
    """What a field says for people: words, and a default where JSON has it as it is."""
    said: Shape = {"description": field["doc"]} if isinstance(field.get("doc"), str) else {}
    kinds = shape.get("type")
    kind = kinds if isinstance(kinds, str) else next((one for one in kinds or () if one != "null"), "")
    default, wanted = field.get("default"), _DEFAULTS.get(kind)
    is_plain = not shape.keys() & {"format", "contentEncoding", "pattern", PHYSICAL}
    if wanted is not None and type(default) is wanted and is_plain:
        said["default"] = default
    return said
