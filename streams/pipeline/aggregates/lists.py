"""Lists: values one after another as they came, up to a bound; what comes behind it is left out."""

from __future__ import annotations

from collections.abc import Callable

from streams.records import ChangeEvent

from ..expressions import Expression
from ..plan import Accumulator, AggregateColumn
from .extremes import shown

MOST_JOINED = 1_000
"""Texts that ``string_agg`` joins."""


def listed(name: str, slot: int, argument: Expression, most: int) -> AggregateColumn:
    """The first ``most`` values in JSON view; NULL where there are none."""
    return _kept(name, slot, argument, most, lambda values: values or None)


def joined(name: str, slot: int, argument: Expression, separator: str) -> AggregateColumn:
    """The first ``MOST_JOINED`` texts with ``separator`` between them; NULL where there are none."""
    return _kept(name, slot, argument, MOST_JOINED, joiner(separator))


def joiner(separator: str) -> Callable[[list[object]], object]:
    """How texts become one."""
    return lambda values: separator.join(map(str, values)) if values else None


def _kept(
    name: str, slot: int, argument: Expression, most: int, present: Callable[[list[object]], object]
) -> AggregateColumn:
    show = shown(argument)

    def update(state: Accumulator, event: ChangeEvent) -> None:
        held = state[slot]
        if len(held) < most and (value := show(event)) is not None:  # type: ignore[arg-type]  # a list
            state[slot] = [*held, value]  # type: ignore[misc]

    def merge(into: Accumulator, other: Accumulator) -> None:
        into[slot] = [*into[slot], *other[slot]][:most]  # type: ignore[misc]

    def read(state: Accumulator) -> object:
        return present(state[slot])  # type: ignore[arg-type]

    return AggregateColumn(name=name, initial=([],), update=update, merge=merge, read=read)
