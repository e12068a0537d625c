"""Functions that expressions may call: one table, name by name, each with its result's type.

All are PostgreSQL's and pure. An argument that is NULL makes the result NULL unless the table says otherwise.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from streams.contracts.model import ColumnType


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One SQL function."""

    call: Callable[..., object]
    type: ColumnType | None
    """Of the result; ``None``: of the first argument."""
    arguments: tuple[int, int]
    """Fewest and most arguments."""
    skips_null: bool = False
    """It sees NULL arguments and decides itself."""


def _left(text: str, count: int) -> str:
    return text[:count] if count >= 0 else text[: max(0, len(text) + count)]


def _right(text: str, count: int) -> str:
    if count >= 0:
        return text[max(0, len(text) - count) :]
    return text[-count:]


def _substring(text: str, start: int, count: int | None = None) -> str:
    first = start - 1
    last = len(text) if count is None else first + count
    return text[max(0, first) : max(0, last)]


def _round(value: Decimal | int, digits: int = 0) -> Decimal | int:
    if isinstance(value, int) and digits >= 0:
        return value
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _whole(rounding: str) -> Callable[[Decimal | int], Decimal | int]:
    return lambda value: value if isinstance(value, int) else value.quantize(Decimal(1), rounding)


def _concat(*values: object) -> str:
    return "".join(str(value) for value in values if value is not None)


def _extreme(choose: Callable[[list[object]], object]) -> Callable[..., object]:
    def call(*values: object) -> object:
        known = [value for value in values if value is not None]
        return choose(known) if known else None

    return call


def _date_trunc(unit: str, moment: datetime) -> datetime | None:
    fields = ("year", "month", "day", "hour", "minute", "second")
    if unit.lower() not in fields:
        return None
    kept = fields.index(unit.lower())
    start = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
    reset = {field: start[field] for field in fields[kept + 1 :]}
    return datetime(
        **{**{field: getattr(moment, field) for field in fields}, **reset}, tzinfo=moment.tzinfo
    )


def _power(base: Decimal | int, exponent: Decimal | int) -> Decimal | int:
    return base**exponent


def _sqrt(value: Decimal | int) -> Decimal:
    return Decimal(value).sqrt()


FUNCTIONS: Mapping[str, Function] = {
    "lower": Function(call=str.lower, type=ColumnType.TEXT, arguments=(1, 1)),
    "upper": Function(call=str.upper, type=ColumnType.TEXT, arguments=(1, 1)),
    "length": Function(call=len, type=ColumnType.INTEGER, arguments=(1, 1)),
    "trim": Function(call=str.strip, type=ColumnType.TEXT, arguments=(1, 2)),
    "btrim": Function(call=str.strip, type=ColumnType.TEXT, arguments=(1, 2)),
    "ltrim": Function(call=str.lstrip, type=ColumnType.TEXT, arguments=(1, 2)),
    "rtrim": Function(call=str.rstrip, type=ColumnType.TEXT, arguments=(1, 2)),
    "left": Function(call=_left, type=ColumnType.TEXT, arguments=(2, 2)),
    "right": Function(call=_right, type=ColumnType.TEXT, arguments=(2, 2)),
    "substring": Function(call=_substring, type=ColumnType.TEXT, arguments=(2, 3)),
    "replace": Function(call=str.replace, type=ColumnType.TEXT, arguments=(3, 3)),
    "concat": Function(call=_concat, type=ColumnType.TEXT, arguments=(1, 99), skips_null=True),
    "reverse": Function(call=lambda text: text[::-1], type=ColumnType.TEXT, arguments=(1, 1)),
    "md5": Function(
        call=lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        type=ColumnType.TEXT,
        arguments=(1, 1),
    ),
    "regexp_like": Function(
        call=lambda text, pattern: re.search(pattern, text) is not None, type=ColumnType.BOOLEAN, arguments=(2, 2)
    ),
    "starts_with": Function(call=str.startswith, type=ColumnType.BOOLEAN, arguments=(2, 2)),
    "abs": Function(call=abs, type=None, arguments=(1, 1)),
    "round": Function(call=_round, type=ColumnType.DECIMAL, arguments=(1, 2)),
    "floor": Function(call=_whole(ROUND_FLOOR), type=ColumnType.DECIMAL, arguments=(1, 1)),
    "ceil": Function(call=_whole(ROUND_CEILING), type=ColumnType.DECIMAL, arguments=(1, 1)),
    "sign": Function(call=lambda value: int(math.copysign(1, value)) if value else 0,
                     type=ColumnType.INTEGER, arguments=(1, 1)),
    "power": Function(call=_power, type=ColumnType.DECIMAL, arguments=(2, 2)),
    "sqrt": Function(call=_sqrt, type=ColumnType.DECIMAL, arguments=(1, 1)),
    "greatest": Function(call=_extreme(max), type=None, arguments=(1, 99), skips_null=True),  # type: ignore[arg-type]
    "least": Function(call=_extreme(min), type=None, arguments=(1, 99), skips_null=True),  # type: ignore[arg-type]
    "date_trunc": Function(call=_date_trunc, type=ColumnType.TIMESTAMP, arguments=(2, 2)),
}
