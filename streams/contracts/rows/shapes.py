"""Shapes: values that JSON has no type for, in the form that rows have them.

Beside a shape stands what JSON cannot say: ``x-physical-type`` and ``x-unit`` mean what a contract's ``physicalType``
and its custom property ``unit`` mean, which go first where a contract has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..documents import Path

Shape = dict[str, Any]
"""A JSON Schema, which is written into further on."""
PHYSICAL, UNIT = "x-physical-type", "x-unit"

BYTES: Shape = {"type": "string", "contentEncoding": "base64"}
TIMESTAMP: Shape = {"type": "string", "format": "date-time"}
DATE: Shape = {"type": "string", "format": "date"}
TIME: Shape = {"type": "string", "pattern": r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$", PHYSICAL: "time"}
ZONED_TIME: Shape = {"type": "string", PHYSICAL: "time with time zone"}
INTERVAL: Shape = {"type": "string", PHYSICAL: "interval"}
UUID: Shape = {"type": "string", "format": "uuid"}
FLOAT: Shape = {"type": "number", PHYSICAL: "real"}
DOUBLE: Shape = {"type": "number", PHYSICAL: "double precision"}
NANO_TIMESTAMP: Shape = {"type": "integer", PHYSICAL: "timestamp", UNIT: "ns"}
"""Text ends at microseconds."""
NANO_TIME: Shape = {"type": "integer", PHYSICAL: "time", UNIT: "ns"}


class RowsError(ValueError):
    """A schema of which no row can be read, with everything that is wrong and where."""

    def __init__(self, faults: Iterable[tuple[Path, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(message for _, message in self.faults))


def integer(bits: int, *, is_signed: bool = True) -> Shape:
    """Whole numbers of so many bits."""
    half = 1 << (bits - 1)
    low, high = (-half, half - 1) if is_signed else (0, 2 * half - 1)
    return {"type": "integer", "minimum": low, "maximum": high}


def decimal(precision: int | None = None, scale: int = 0) -> Shape:
    """Digits as text, which no reader of JSON rounds; without ``precision``: any number of them.

    >>> decimal(10, 2)["pattern"]
    '^-?[0-9]{1,8}(\\\\.[0-9]{1,2})?$'
    """
    if precision is None:
        return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", PHYSICAL: "numeric"}
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    pattern = f"^-?[0-9]{{1,{max(precision - scale, 1)}}}{fraction}$"
    return {"type": "string", "pattern": pattern, PHYSICAL: f"numeric({precision},{scale})"}


def or_null(shape: Shape) -> Shape:
    """``shape``, or null."""
    if isinstance(shape.get("type"), str):
        words = {"enum": [*shape["enum"], None]} if "enum" in shape else {}
        return {**shape, "type": [shape["type"], "null"], **words}
    return {"anyOf": [*shape["anyOf"], {"type": "null"}]} if "anyOf" in shape else shape
