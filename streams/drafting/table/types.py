"""Types: what JSON a column's type becomes, as the capture writes it.

A draft admits what the type does, but for what JSON Schema has no form for: NaN, infinite times, years beyond 9999.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.capture.postgres.facts import (
    BIT,
    BPCHAR,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    JSON,
    JSONB,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UUID,
    VARBIT,
    VARCHAR,
    ColumnFacts,
)
from streams.capture.postgres.types import element_of
from streams.contracts.model import ColumnType

from ..model import Shape, or_null

_CLOCK = r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_SHAPES: Mapping[int, Shape] = {
    FLOAT4: {"type": "number"},
    FLOAT8: {"type": "number"},
    BYTEA: {"type": "string", "contentEncoding": "base64"},
    UUID: {"type": "string", "format": "uuid"},
    DATE: {"type": "string", "format": "date"},
    TIME: {"type": "string", "pattern": f"{_CLOCK}$"},
    TIMETZ: {"type": "string", "pattern": f"{_CLOCK}Z$"},
    TIMESTAMP: {"type": "string", "format": "date-time"},
    TIMESTAMPTZ: {"type": "string", "format": "date-time"},
    JSON: {"type": "string", "contentMediaType": "application/json"},
    JSONB: {"type": "string", "contentMediaType": "application/json"},
    BIT: {"type": "string", "pattern": "^[01]+$"},
    VARBIT: {"type": "string", "pattern": "^[01]*$"},
}
_LOGICAL: Mapping[ColumnType, str] = {
    ColumnType.BOOLEAN: "boolean",
    ColumnType.INTEGER: "integer",
    ColumnType.DECIMAL: "number",
    ColumnType.DOUBLE: "number",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.DATE: "date",
    ColumnType.TIME: "time",
}
_HEADER = 4
"""A typmod counts the four bytes in front of a value."""


def shape_of(fact: ColumnFacts, dimensions: int = 1) -> Shape:
    """The JSON Schema of a column's values, without null; ``dimensions``: of an array, as it was declared."""
    element = element_of(fact.type_oid)
    if element is not None:
        items = or_null(shape_of(ColumnFacts(name=fact.name, type_oid=element, typmod=fact.typmod)))
        for _ in range(1, dimensions):
            items = {"type": "array", "items": items}
        return {"type": "array", "items": items}
    if fact.element_oid is not None:  # the capture tells arrays of other types as PostgreSQL's text of them
        return {"type": "string"}
    if fact.labels:
        return {"type": "string", "enum": list(fact.labels)}
    if fact.type_oid == NUMERIC:
        return {"type": "string", "pattern": decimal_pattern(fact.sizes)}
    if fact.type_oid in (VARCHAR, BPCHAR) and fact.typmod > _HEADER:
        return {"type": "string", "maxLength": fact.typmod - _HEADER}
    kind = {ColumnType.BOOLEAN: "boolean", ColumnType.INTEGER: "integer"}.get(fact.column.type, "string")
    return dict(_SHAPES.get(fact.type_oid, {"type": kind}))


def decimal_pattern(sizes: tuple[int, int] | None, *, is_signed: bool = True) -> str:
    """Of a decimal's text; ``sizes``: (precision, scale).

    >>> decimal_pattern((12, 2))
    '^-?[0-9]{1,10}\\\\.[0-9]{2}$'
    """
    sign = "-?" if is_signed else ""
    if sizes is None:
        return rf"^{sign}[0-9]+(\.[0-9]+)?$"
    precision, scale = sizes
    whole = max(precision - scale, 1)
    tail = rf"\.[0-9]{{{scale}}}" if scale > 0 else ""
    return f"^{sign}[0-9]{{1,{whole}}}{tail}$"


def logical_of(fact: ColumnFacts) -> str:
    """ODCS's word for it."""
    if fact.element_oid is not None:
        return "array" if element_of(fact.type_oid) is not None else "string"
    return _LOGICAL.get(fact.column.type, "string")
