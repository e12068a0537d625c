"""Extremes: the least and the greatest, the first and the last value, kept in JSON view.

NULL arguments are skipped. Of equal places ``arg_min`` and ``arg_max`` take the least value, ``first`` the event
that came first and ``last`` the one that came last.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from streams.records import ChangeEvent

from ..expressions import Expression, to_json
from ..plan import Accumulator, AggregateColumn, Evaluate
from .sortable import sort_key


def shown(argument: Expression) -> Evaluate:
    """The value of ``argument`` in JSON view."""
    evaluate, kind = argument.evaluate, argument.type

    def show(event: ChangeEvent) -> object:
        value = evaluate(event)
        return None if value is None else to_json(value, kind)

    return show


def least_or_greatest(name: str, slot: int, argument: Expression, *, is_max: bool) -> AggregateColumn:
    """The texts of times and dates sort as they do (RFC 3339, UTC, fixed width)."""
    show = shown(argument)

    def keep(state: Accumulator, value: object) -> None:
        held = state[slot]
        if held is None or (value > held if is_max else value < held):  # type: ignore[operator]  # one type
            state[slot] = value

    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = show(event)
        if value is not None:
            keep(state, value)

    def merge(into: Accumulator, other: Accumulator) -> None:
        if other[slot] is not None:
            keep(into, other[slot])

    return AggregateColumn(name=name, initial=(None,), update=update, merge=merge, read=itemgetter(slot))


Wins = Callable[[object, object, object, object], bool]
"""(place and value that come, place and value that are held): whether what comes takes the place."""


def value_by(name: str, slot: int, argument: Expression, by: Expression, *, is_max: bool) -> AggregateColumn:
    """The value where ``by`` is least or greatest."""

    def wins(place: object, value: object, held: object, held_value: object) -> bool:
        if place == held:
            return sort_key(value) < sort_key(held_value)
        return bool(place > held if is_max else place < held)  # type: ignore[operator]  # one type

    return _placed(name, slot, shown(argument), shown(by), wins)


def first_or_last(name: str, slot: int, argument: Expression, *, is_last: bool) -> AggregateColumn:
    """The value with the least or the greatest event time."""

    def wins(place: object, value: object, held: object, held_value: object) -> bool:
        return bool(place >= held if is_last else place < held)  # type: ignore[operator]  # ms

    return _placed(name, slot, shown(argument), lambda event: event.event_time_ms, wins)


def _placed(name: str, slot: int, show: Evaluate, place_of: Evaluate, wins: Wins) -> AggregateColumn:
    def keep(state: Accumulator, place: object, value: object) -> None:
        held = state[slot]
        if held is None or wins(place, value, held, state[slot + 1]):
            state[slot], state[slot + 1] = place, value

    def update(state: Accumulator, event: ChangeEvent) -> None:
        value, place = show(event), place_of(event)
        if value is not None and place is not None:
            keep(state, place, value)

    def merge(into: Accumulator, other: Accumulator) -> None:
        if other[slot] is not None:
            keep(into, other[slot], other[slot + 1])

    return AggregateColumn(name=name, initial=(None, None), update=update, merge=merge, read=itemgetter(slot + 1))
