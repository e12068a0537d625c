"""Accumulators: count, sum, avg, min and max over changes, exact.

A group's state is a flat list: slot 0 the newest event time, then the slots of each column. NULL arguments
are skipped, as SQL does; a sum, average, least or greatest of nothing is NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from operator import itemgetter

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .expressions import AggregateCall, AggregateFunction, to_json
from .plan import Accumulator, AggregateColumn, Evaluate

EXACT_SUMS = Context(prec=150_000)
"""What updates run in. PostgreSQL's numeric has up to 131,072 digits before the point and 16,383 behind it."""
_AVERAGE = Context(prec=28)

Update = Callable[[Accumulator, ChangeEvent], None]


def compile_column(name: str, call: AggregateCall, first_slot: int) -> AggregateColumn:
    """The column ``name`` computed by ``call``, its slots from ``first_slot`` on."""
    slot = first_slot
    argument = None if call.argument is None else call.argument.evaluate
    match call.function:
        case AggregateFunction.COUNT:
            return AggregateColumn(name=name, initial=(0,), update=_count(slot, argument), read=itemgetter(slot))
        case AggregateFunction.SUM if argument is not None:
            return AggregateColumn(name=name, initial=(None,), update=_sum(slot, argument), read=itemgetter(slot))
        case AggregateFunction.AVG if argument is not None:
            return AggregateColumn(name=name, initial=(None, 0), update=_average(slot, argument), read=_mean(slot))
        case AggregateFunction.MIN | AggregateFunction.MAX if argument is not None and call.argument is not None:
            update = _extreme(slot, argument, call.argument.type, is_max=call.function is AggregateFunction.MAX)
            return AggregateColumn(name=name, initial=(None,), update=update, read=itemgetter(slot))
        case _:
            raise ValueError(f"{call.text} has no argument")


def _count(slot: int, argument: Evaluate | None) -> Update:
    def count_all(state: Accumulator, event: ChangeEvent) -> None:
        state[slot] += 1  # type: ignore[operator]  # a count's slot holds an int

    if argument is None:
        return count_all

    def count_known(state: Accumulator, event: ChangeEvent) -> None:
        if argument(event) is not None:
            state[slot] += 1  # type: ignore[operator]

    return count_known


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)  # type: ignore[arg-type]  # an int


def _sum(slot: int, argument: Evaluate) -> Update:
    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = argument(event)
        if value is not None:
            total = state[slot]
            state[slot] = (0 if total is None else total) + value  # type: ignore[operator]  # ints and decimals

    return update


def _average(slot: int, argument: Evaluate) -> Update:
    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = argument(event)
        if value is not None:
            total = state[slot]
            state[slot] = (0 if total is None else total) + value  # type: ignore[operator]
            state[slot + 1] += 1  # type: ignore[operator]

    return update


def _mean(slot: int) -> Callable[[Accumulator], object]:
    def read(state: Accumulator) -> object:
        total, count = state[slot], state[slot + 1]
        return None if total is None else _AVERAGE.divide(_decimal(total), _decimal(count))

    return read


def _extreme(slot: int, argument: Evaluate, kind: ColumnType, *, is_max: bool) -> Update:
    """Kept in JSON view, whose texts of times and dates sort as they do (RFC 3339, UTC, fixed width)."""

    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = argument(event)
        if value is None:
            return
        held, shown = state[slot], to_json(value, kind)
        if held is None or (shown > held if is_max else shown < held):  # type: ignore[operator]  # one type
            state[slot] = shown

    return update
