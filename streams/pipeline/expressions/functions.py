"""Functions that expressions may call: one table, name by name, with the types they take and give.

All are PostgreSQL's and pure. A NULL argument makes the result NULL unless the table says otherwise, and so does
an argument that the function cannot take. ``date_trunc`` and ``extract``, whose first word is a unit, are in
``streams.pipeline.expressions.moments``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from streams.contracts.model import ColumnType

from .operators import DIVISION, EXACT, NUMERIC
from .patterns import regexp_pattern
from .typed import text_of

Kinds = frozenset[ColumnType]

TEXT: Kinds = frozenset({ColumnType.TEXT})
WHOLE: Kinds = frozenset({ColumnType.INTEGER})
NUMBER: Kinds = NUMERIC
SCALAR: Kinds = frozenset(ColumnType) - {ColumnType.OBJECT, ColumnType.ARRAY, ColumnType.BYTES}
ORDERED: Kinds = SCALAR - {ColumnType.BOOLEAN}

MANY = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One SQL function."""

    call: Callable[..., object]
    takes: tuple[Kinds, ...]
    """Types of each argument; of the last one, too, where there may be ``MANY``."""
    gives: ColumnType | None
    """``None``: the type that all arguments share."""
    fewest: int | None = None
    """Arguments that it needs; ``None``: all that it takes."""
    most: int | None = None
    sees_null: bool = False
    """It gets NULL arguments and decides itself."""

    @property
    def arguments(self) -> tuple[int, int]:
        """Fewest and most arguments."""
        return (
            len(self.takes) if self.fewest is None else self.fewest,
            len(self.takes) if self.most is None else self.most,
        )


def _left(text: str, count: int) -> str:
    return text[:count] if count >= 0 else text[: max(0, len(text) + count)]


def _right(text: str, count: int) -> str:
    if count >= 0:
        return text[max(0, len(text) - count) :]
    return text[-count:]


def _substring(text: str, start: int, count: int | None = None) -> str | None:
    first = start - 1
    last = len(text) if count is None else first + count
    if count is not None and count < 0:
        return None
    return text[max(0, first) : max(0, last)]


def _replace(text: str, part: str, new: str) -> str:
    return text.replace(part, new) if part else text


def round_to(value: Decimal | int, digits: int = 0) -> Decimal | int:
    """Half away from zero, as PostgreSQL rounds a numeric; to tens and hundreds where ``digits`` is negative."""
    if isinstance(value, int) and digits >= 0:
        return value
    if digits >= 0:
        return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, EXACT)
    step = Decimal(10) ** -digits
    return EXACT.multiply(EXACT.divide(Decimal(value), step).to_integral_value(ROUND_HALF_UP), step)


def _whole(rounding: str) -> Callable[[Decimal | int], Decimal | int]:
    return lambda value: value if isinstance(value, int) else value.to_integral_value(rounding)


def _absolute(value: Decimal | int) -> Decimal | int:
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


def _concat(*values: object) -> str:
    """A boolean is a letter here, as PostgreSQL prints it; a cast writes it out."""
    return "".join(_printed(value) for value in values if value is not None)


def _printed(value: object) -> str:
    return str(value)[0].lower() if isinstance(value, bool) else text_of(value)


def _extreme(choose: Callable[[list[object]], object]) -> Callable[..., object]:
    def call(*values: object) -> object:
        known = [value for value in values if value is not None]
        return choose(known) if known else None

    return call


def _matches(text: str, pattern: str) -> bool | None:
    compiled = regexp_pattern(pattern, is_caseless=False)
    return None if compiled is None else compiled.search(text) is not None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _power(base: Decimal | int, exponent: Decimal | int) -> Decimal | None:
    if base == 0 and exponent <= 0:
        return Decimal(1) if exponent == 0 else None
    return DIVISION.power(Decimal(base), Decimal(exponent))


def _of_text(call: Callable[..., object], gives: ColumnType = ColumnType.TEXT) -> Function:
    return Function(call=call, takes=(TEXT,), gives=gives)


def _trimmed(strip: Callable[[str, str], str]) -> Function:
    """PostgreSQL trims spaces, and nothing else, unless told what."""
    return Function(
        call=lambda text, characters=" ": strip(text, characters), takes=(TEXT, TEXT), gives=ColumnType.TEXT, fewest=1
    )


_TRIMMED = _trimmed(str.strip)

FUNCTIONS: Mapping[str, Function] = {
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "length": _of_text(len, ColumnType.INTEGER),
    "reverse": _of_text(lambda text: text[::-1]),
    "md5": _of_text(_md5),
    "trim": _TRIMMED,
    "btrim": _TRIMMED,
    "ltrim": _trimmed(str.lstrip),
    "rtrim": _trimmed(str.rstrip),
    "left": Function(call=_left, takes=(TEXT, WHOLE), gives=ColumnType.TEXT),
    "right": Function(call=_right, takes=(TEXT, WHOLE), gives=ColumnType.TEXT),
    "substring": Function(call=_substring, takes=(TEXT, WHOLE, WHOLE), gives=ColumnType.TEXT, fewest=2),
    "replace": Function(call=_replace, takes=(TEXT, TEXT, TEXT), gives=ColumnType.TEXT),
    "concat": Function(
        call=_concat, takes=(SCALAR,), gives=ColumnType.TEXT, fewest=1, most=MANY, sees_null=True
    ),
    "strpos": Function(call=lambda text, part: text.find(part) + 1, takes=(TEXT, TEXT), gives=ColumnType.INTEGER),
    "starts_with": Function(call=str.startswith, takes=(TEXT, TEXT), gives=ColumnType.BOOLEAN),
    "regexp_like": Function(call=_matches, takes=(TEXT, TEXT), gives=ColumnType.BOOLEAN),
    "abs": Function(call=_absolute, takes=(NUMBER,), gives=None),
    "round": Function(call=round_to, takes=(NUMBER, WHOLE), gives=ColumnType.DECIMAL, fewest=1),
    "floor": Function(call=_whole(ROUND_FLOOR), takes=(NUMBER,), gives=ColumnType.DECIMAL),
    "ceil": Function(call=_whole(ROUND_CEILING), takes=(NUMBER,), gives=ColumnType.DECIMAL),
    "sign": Function(call=lambda value: (value > 0) - (value < 0), takes=(NUMBER,), gives=ColumnType.INTEGER),
    "power": Function(call=_power, takes=(NUMBER, NUMBER), gives=ColumnType.DECIMAL),
    "sqrt": Function(call=lambda value: DIVISION.sqrt(Decimal(value)), takes=(NUMBER,), gives=ColumnType.DECIMAL),
    "greatest": Function(
        call=_extreme(max), takes=(ORDERED,), gives=None, fewest=1, most=MANY, sees_null=True  # type: ignore[arg-type]
    ),
    "least": Function(
        call=_extreme(min), takes=(ORDERED,), gives=None, fewest=1, most=MANY, sees_null=True  # type: ignore[arg-type]
    ),
}
