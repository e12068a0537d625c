"""Extremes: the least and the greatest value, kept in JSON view."""

from __future__ import annotations

from operator import itemgetter

from streams.records import ChangeEvent

from ..expressions import Expression, to_json
from ..plan import Accumulator, AggregateColumn


def least_or_greatest(name: str, slot: int, argument: Expression, *, is_max: bool) -> AggregateColumn:
    """The texts of times and dates sort as they do (RFC 3339, UTC, fixed width)."""
    evaluate, kind = argument.evaluate, argument.type

    def keep(state: Accumulator, shown: object) -> None:
        held = state[slot]
        if held is None or (shown > held if is_max else shown < held):  # type: ignore[operator]  # one type
            state[slot] = shown

    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = evaluate(event)
        if value is not None:
            keep(state, to_json(value, kind))

    def merge(into: Accumulator, other: Accumulator) -> None:
        if other[slot] is not None:
            keep(into, other[slot])

    return AggregateColumn(name=name, initial=(None,), update=update, merge=merge, read=itemgetter(slot))
