"""Numbers: at the limits of a schema, and beside them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import ceil, floor
from typing import Any

from .dice import Dice

_USUAL = (0, 1, -1, 2, 7, 10, 100, 12345, -100, 2**31, 2**53)
_BROKEN = (0.5, -0.25, 1.5, 99.75)


def number_for(schema: Mapping[str, Any], dice: Dice, *, is_whole: bool) -> int | float:
    """A number that may be valid under ``schema``."""
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf")
    if step:
        return _multiple(Decimal(str(step)), least, most, dice)
    beside = 1 if is_whole or dice.below(2) else 0.25
    near = [value for limit, side in ((least, 1), (most, -1)) if limit is not None
            for value in (limit, limit + side * beside)]  # fmt: skip
    if least is not None and most is not None:
        near.append((least + most) // 2 if is_whole and isinstance(least + most, int) else (least + most) / 2)
    fitting = [value for value in (*_USUAL, *(() if is_whole else _BROKEN))
               if (least is None or value >= least) and (most is None or value <= most)]  # fmt: skip
    chosen = dice.one_of(near if near and (not fitting or dice.below(3)) else fitting)
    return _whole(chosen, most) if is_whole else chosen


def _whole(value: float, most: float | None) -> int:
    rounded = ceil(value)
    return rounded if most is None or rounded <= most else floor(value)


def _multiple(step: Decimal, least: Any, most: Any, dice: Dice) -> int | float:
    start = Decimal(0)
    if least is not None:
        start = step * ceil(Decimal(str(least)) / step)
    elif most is not None:
        start = step * floor(Decimal(str(most)) / step)
    value = start + step * dice.below(5) * (-1 if least is None and (most is not None or dice.below(2)) else 1)
    return int(value) if value == value.to_integral_value() else float(value)
