"""Spoil: one place of a valid row changed so that it may break a rule by a hair; whoever asks checks what it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from streams.contracts.model import Column, ColumnType
from streams.quality.rules import Complete, Length, NotFuture, OneOf, Range, Rule

from . import moments
from .values import in_json

Row = dict[str, object]
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE})
_OTHER_TYPES: tuple[object, ...] = ("text", True, 7, Decimal("0.5"), [], {}, None)
"""A number where a text should be may be a moment to a source: it comes late."""
_FAR = 9_007_199_254_740_991
"""No key of anybody: the largest integer that JSON readers agree on."""
_DAY_MS = 86_400_000
_PAIRS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row with one place changed."""

    row: Row
    path: str


def spoil_schema(row: Row, schema: Mapping[str, Any]) -> Iterator[Change]:
    """Rows that may break one keyword of ``schema``, at any depth of its properties."""
    for path, changed in _objects(row, schema, ""):
        yield Change(row=changed, path=path)


def _objects(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Row]]:
    """``value`` with one property left out, changed or added."""
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        yield f"{path}{name}", {held: kept for held, kept in value.items() if held != name}
    if schema.get("additionalProperties") is False:
        yield path, {**value, "unexpected": 1}
    for name, shape in properties.items():
        if isinstance(shape, Mapping):
            for spoiled in _values(value.get(name), shape):
                yield f"{path}{name}", {**value, name: spoiled}


def _values(value: Any, shape: Mapping[str, Any]) -> Iterator[object]:
    """What may break one keyword of ``shape``, the nearest to ``value`` first."""
    if isinstance(value, Mapping):
        yield from (changed for _, changed in _objects(value, shape, ""))
    if isinstance(value, list):
        yield from _lists(value, shape)
    if isinstance(value, str):
        yield from _texts(value, shape)
    yield from _bounds(shape)
    yield from _OTHER_TYPES


def _lists(value: list[Any], shape: Mapping[str, Any]) -> Iterator[object]:
    items = shape.get("items")
    if value and isinstance(items, Mapping):
        yield from ([spoiled, *value[1:]] for spoiled in _values(value[0], items))
    if "minItems" in shape and shape["minItems"] > 0:
        yield value[: shape["minItems"] - 1]
    if value:
        yield [*value, value[0]]
        missing = max(0, int(shape.get("maxItems", 0)) + 1 - len(value))
        yield [*value, *(_another(value[0], number) for number in range(missing))]


def _another(item: object, number: int) -> object:
    """An item of the same type that is not there yet."""
    return item + number + 1_000 if isinstance(item, int | Decimal) else f"{item}{number}"


def _texts(value: str, shape: Mapping[str, Any]) -> Iterator[str]:
    if "enum" in shape or "const" in shape:
        yield from (f"{value}_", value.upper(), f" {value}")
    if "minLength" in shape and shape["minLength"] > 0:
        yield (value or "x")[:1] * (shape["minLength"] - 1)
    if "maxLength" in shape:
        yield value + (value or "x")[-1:] * (shape["maxLength"] + 1 - len(value))
    yield from spoil_text(value)


def spoil_text(value: str) -> Iterator[str]:
    """Texts like ``value`` that are no longer of its pattern or format."""
    yield from (f"{value}~", value[:-1], value[1:], f"~{value}", value.swapcase(), value.replace("@", " at "))
    yield from (value.replace("-", "/"), value.replace("-", ""), value.replace(".", ""), value.replace("T", " "))
    for digit in range(10):
        yield value.replace(str(digit), "9" if digit != 9 else "x", 1)
    yield from ("", "~", " ", "2024-02-30", "2024-02-30T00:00:00Z", "25:00:00Z", "nobody", "http//nowhere", "0" * 40)


def _bounds(shape: Mapping[str, Any]) -> Iterator[object]:
    """Just outside of what numbers may be."""
    is_whole = shape.get("type") == "integer" or "integer" in (shape.get("type") or ())
    step = Decimal(str(shape.get("multipleOf", 1 if is_whole else "0.01")))
    for keyword, side in (("minimum", -1), ("exclusiveMinimum", 0), ("maximum", 1), ("exclusiveMaximum", 0)):
        if isinstance(bound := shape.get(keyword), int | float | Decimal) and not isinstance(bound, bool):
            spoiled = Decimal(str(bound)) + side * step
            yield int(spoiled) if spoiled == spoiled.to_integral_value() else spoiled
    if "multipleOf" in shape:
        yield Decimal(str(shape["multipleOf"])) / 2


def spoil_rule(
    rule: Rule, row: Row, columns: Mapping[str, Column], reads: Iterable[str], *, at_ms: int
) -> Iterator[Change]:
    """Rows that may break a rule of quality. Of a condition nothing is known but the columns that it reads."""
    if len(rule.columns) == 1:
        column = columns[rule.columns[0]]
        for value in _against(rule, row.get(column.name), column, at_ms):
            yield Change(row={**row, column.name: value}, path=column.name)
        return
    names = [name for name in reads if name in columns]
    choices = [[row.get(name), *_extremes(row.get(name), columns[name], at_ms)] for name in names]
    for count, values in enumerate(product(*choices)):
        if count > _PAIRS:
            return
        yield Change(row={**row, **dict(zip(names, values, strict=True))}, path="+".join(sorted(names)))


def _against(rule: Rule, value: object, column: Column, at_ms: int) -> Iterator[object]:
    match rule.kind:
        case Complete(missing=missing):
            yield from (*missing, None)
        case Range(low=low, high=high):
            yield from _outside(low, high, column)
        case NotFuture(tolerance_ms=tolerance_ms):
            yield from (moments.spelled(at_ms + tolerance_ms + days * _DAY_MS, column) for days in (1, 3))
        case Length(least=least, most=most):
            text = value if isinstance(value, str) and value else "x"
            yield from (text[:1] * max(least - 1, 0), text + text[-1:] * ((most or len(text)) + 1 - len(text)))
        case OneOf():
            yield from _extremes(value, column, at_ms)
        case _:
            yield from spoil_text(str(value)) if isinstance(value, str) else _extremes(value, column, at_ms)


def _outside(low: str | None, high: str | None, column: Column) -> Iterator[object]:
    for bound, side in ((low, -1), (high, 1)):
        if bound is None:
            continue
        if column.type in _NUMBERS and bound.count("-") < 2:
            step = Decimal(1).scaleb(-(column.scale or 0))
            yield in_json(Decimal(bound) + side * step, column)
        else:
            yield moments.spelled(moments.read(bound) + side * 2 * _DAY_MS, column)


def _extremes(value: object, column: Column, at_ms: int) -> Sequence[object]:
    """Values of the column's type that are far from ``value``."""
    if column.type in moments.KINDS:
        return [moments.spelled(at_ms + days * _DAY_MS, column) for days in (-4_000, -1, 1, 4_000)]
    if column.type in _NUMBERS:
        found = [Decimal(held) for held in (-1_000_000, -1, 0, 1, 1_000_000)]
        return [in_json(round(held, column.scale or 0), column) for held in found]
    if column.type is ColumnType.BOOLEAN:
        return [value is not True]
    return [None, "", "nowhere", f"{value}_", str(value).upper()]


def dangling_key(column: Column) -> object:
    """A key that no row has."""
    if column.type in _NUMBERS:
        return in_json(Decimal(_FAR), column)
    return "00000000-0000-4000-8000-000000000000" if column.type is ColumnType.UUID else "nobody-has-this-key"
