"""Avro: rows as records whose decimals, moments and identities are Avro's own; what is absent is null.

Source: Avro 1.12's specification. What no Avro type says without loss (unions, anything, a decimal of unknown scale) is
text: JSON, or the decimal's digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from streams.contracts.model import ColumnType

from .names import identifier, namespace, unique, vendor_and_name
from .types import Kind, Member, Model, Type

AvroType = Any
"""An Avro schema as JSON."""
LARGEST_DECIMAL = 38
"""Digits of a decimal of which only the scale is known; what engines that read Avro can hold."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INT = 1 << 31
_STAMPS = {"s": "timestamp-millis", "ms": "timestamp-millis", "us": "timestamp-micros", "ns": "timestamp-nanos"}


def to_avro(model: Model) -> str:
    """The schema of the row."""
    return json.dumps(avro_schema(model), indent=2, ensure_ascii=False) + "\n"


def avro_schema(model: Model) -> dict[str, Any]:
    """The same as a value."""
    vendor, name = vendor_and_name(model.contract)
    schema = _Writer(model).record(model.row.name)
    about = {"type": "record", "name": identifier(name), "namespace": namespace(vendor)}
    return about | {part: held for part, held in schema.items() if part not in about} | {"contract": model.contract.uri}


class _Writer:
    """Writes a model; a named type is written where it first stands, and is its name afterwards."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._names = {name: name for name in model.records}
        self._names[model.row.name] = identifier(vendor_and_name(model.contract)[1])
        self._written = {model.row.name}
        self._taken = set(self._names.values())

    def record(self, name: str) -> dict[str, Any]:
        record = self._model.records[name]
        taken: set[str] = set()
        fields = []
        for member in record.members:
            own = unique(identifier(member.name), taken)
            taken.add(own)
            fields.append(self._field(member, own, name))
        said = {"doc": record.description} if record.description else {}
        return {"type": "record", "name": self._names[name], **said, "fields": fields}

    def _field(self, member: Member, own: str, holder: str) -> dict[str, Any]:
        kind = self.type_of(member.type, f"{holder}{identifier(member.name).title().replace('_', '')}")
        field: dict[str, Any] = {"name": own}
        if member.description:
            field["doc"] = member.description
        if not member.may_lack:
            field["type"] = kind
        elif _is_default(member.default, kind):
            field |= {"type": [kind, "null"], "default": member.default}
        else:
            field |= {"type": ["null", kind], "default": None}
        if own != member.name:
            field["column"] = member.name
        return field | ({"classification": member.classification} if member.classification else {})

    def type_of(self, held: Type, name: str) -> AvroType:
        match held.kind:
            case Kind.RECORD:
                if held.record in self._written:
                    return self._names[held.record]
                self._written.add(held.record)
                return self.record(held.record)
            case Kind.ARRAY:
                return {"type": "array", "items": self._inside(held.items, f"{name}Item")}
            case Kind.MAP:
                return {"type": "map", "values": self._inside(held.items, f"{name}Value")}
            case Kind.UNION | Kind.ANY:
                return {"type": "string", "content": "json"}
            case Kind.BOOLEAN:
                return "boolean"
            case _:
                return self._scalar(held, name)

    def _inside(self, held: Type | None, name: str) -> AvroType:
        if held is None or held.kind is Kind.ANY:
            return ["null", {"type": "string", "content": "json"}]
        kind = self.type_of(held, name)
        return ["null", kind] if held.is_nullable else kind

    def _scalar(self, held: Type, name: str) -> AvroType:
        if (logical := logical_type(held)) is not None:
            return logical
        if held.kind is Kind.NUMBER:
            return "double" if held.meaning is ColumnType.DOUBLE else {"type": "string", "content": "decimal"}
        if held.kind is Kind.INTEGER:
            return "int" if is_int32(held.rules) else "long"
        if held.words and all(_NAME.fullmatch(word) for word in held.words):
            own = unique(name, self._taken)
            self._taken.add(own)
            return {"type": "enum", "name": own, "symbols": list(dict.fromkeys(held.words))}
        return "string"


def logical_type(held: Type) -> AvroType | None:
    """The type of what is more than text or a number; ``None`` where it is no more."""
    is_number = held.kind is Kind.INTEGER
    match held.meaning:
        case ColumnType.DECIMAL if held.scale is not None:
            precision = max(held.precision or LARGEST_DECIMAL, held.scale, 1)
            return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": held.scale}
        case ColumnType.TIMESTAMP if is_number or held.kind is Kind.TEXT:
            return {"type": "long", "logicalType": _STAMPS[(held.unit or "ms") if is_number else "us"]}
        case ColumnType.DATE if is_number or held.kind is Kind.TEXT:
            return {"type": "int", "logicalType": "date"}
        case ColumnType.TIME if is_number:
            is_ms = held.unit == "ms"
            return {"type": "int" if is_ms else "long", "logicalType": "time-millis" if is_ms else "time-micros"}
        case ColumnType.UUID if held.kind is Kind.TEXT:
            return {"type": "string", "logicalType": "uuid"}
        case ColumnType.BYTES if held.kind is Kind.TEXT:
            return "bytes"
        case _:
            return None


def is_int32(rules: Mapping[str, object]) -> bool:
    """Whether the schema itself bounds an integer to 32 bits."""
    low, high = (rules.get(name) for name in ("minimum", "maximum"))
    return isinstance(low, int) and isinstance(high, int) and low >= -_INT and high < _INT


def _is_default(value: object, kind: AvroType) -> bool:
    """Whether ``value`` can stand as the default of ``kind``."""
    if isinstance(kind, dict) and kind.get("type") == "enum":
        return value in kind["symbols"]
    checks = {"boolean": bool, "int": int, "long": int, "string": str}
    wanted = checks.get(kind) if isinstance(kind, str) else None
    return wanted is not None and type(value) is wanted
