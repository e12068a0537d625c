"""Numbers: count, sum and average, exact. What was added can be taken away again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from operator import itemgetter

from streams.records import ChangeEvent

from ..plan import Accumulator, AggregateColumn, Evaluate

EXACT_SUMS = Context(prec=150_000)
"""What updates run in. PostgreSQL's numeric has up to 131,072 digits before the point and 16,383 behind it."""
_AVERAGE = Context(prec=28)

Change = Callable[[Accumulator, ChangeEvent], None]


def count(name: str, slot: int, argument: Evaluate | None) -> AggregateColumn:
    """How many events there are, or how many have a value."""
    update, retract = (_step(slot, argument, by) for by in (1, -1))

    def merge(into: Accumulator, other: Accumulator) -> None:
        into[slot] += other[slot]  # type: ignore[operator]  # ints

    return AggregateColumn(name=name, initial=(0,), update=update, retract=retract, merge=merge, read=itemgetter(slot))


def _step(slot: int, argument: Evaluate | None, by: int) -> Change:
    def step(state: Accumulator, event: ChangeEvent) -> None:
        state[slot] += by  # type: ignore[operator]  # a count's slot holds an int

    if argument is None:
        return step

    def step_if_known(state: Accumulator, event: ChangeEvent) -> None:
        if argument(event) is not None:
            state[slot] += by  # type: ignore[operator]

    return step_if_known


def total(name: str, slot: int, argument: Evaluate) -> AggregateColumn:
    """The sum. It cannot be taken back: whether values are left that add up to nothing is not known of a sum alone."""

    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = argument(event)
        if value is not None:
            held = state[slot]
            state[slot] = (0 if held is None else held) + value  # type: ignore[operator]  # ints and decimals

    def merge(into: Accumulator, other: Accumulator) -> None:
        _add(into, slot, other[slot])

    return AggregateColumn(name=name, initial=(None,), update=update, merge=merge, read=itemgetter(slot))


def counted_total(name: str, slot: int, argument: Evaluate) -> AggregateColumn:
    """The sum with the number of its values: NULL again when the last of them is taken back."""
    return _counted(name, slot, argument, itemgetter(slot))


def average(name: str, slot: int, argument: Evaluate) -> AggregateColumn:
    """The average to 28 significant digits, of an exact sum."""

    def mean(state: Accumulator) -> object:
        held, values = state[slot], state[slot + 1]
        return None if held is None else _AVERAGE.divide(_decimal(held), _decimal(values))

    return _counted(name, slot, argument, mean)


def _counted(name: str, slot: int, argument: Evaluate, read: Callable[[Accumulator], object]) -> AggregateColumn:
    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = argument(event)
        if value is not None:
            held = state[slot]
            state[slot] = (0 if held is None else held) + value  # type: ignore[operator]
            state[slot + 1] += 1  # type: ignore[operator]

    def retract(state: Accumulator, event: ChangeEvent) -> None:
        value = argument(event)
        if value is not None:
            state[slot + 1] -= 1  # type: ignore[operator]
            state[slot] = state[slot] - value if state[slot + 1] else None  # type: ignore[operator]

    def merge(into: Accumulator, other: Accumulator) -> None:
        _add(into, slot, other[slot])
        into[slot + 1] += other[slot + 1]  # type: ignore[operator]

    return AggregateColumn(name=name, initial=(None, 0), update=update, retract=retract, merge=merge, read=read)


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)  # type: ignore[arg-type]  # an int


def _add(state: Accumulator, slot: int, value: object) -> None:
    if value is not None:
        held = state[slot]
        state[slot] = value if held is None else held + value  # type: ignore[operator]  # ints and decimals
