"""Rows: columns of an aggregate over the rows that are there. Whatever was added can be taken away again.

A state starts with nothing, and so does what a batch adds to it and takes away: both are of one kind, and the second
may be less than nothing until it is merged into the first. Numbers are shown in their shortest form: a sum does not
tell how many zeros there once were behind its point.
"""

from __future__ import annotations

from decimal import Context, Decimal

from streams.records import ChangeEvent

from ..expressions import AggregateCall, AggregateFunction, Expression, ExpressionError
from ..group import canonical
from ..plan import Accumulator, AggregateColumn, Evaluate
from .columns import compile_column
from .extremes import shown
from .lists import MOST_JOINED, joiner
from .multisets import Multiset, distinct_count, first_values
from .numbers import count

AF = AggregateFunction
_AVERAGE = Context(prec=28)
_REFUSED = {
    AF.FIRST: "rows come in no order: write arg_min(x, y), the x where y is least",
    AF.LAST: "rows come in no order: write arg_max(x, y), the x where y is greatest",
    AF.APPROX_COUNT_DISTINCT: "its sketch cannot take a value back: write count(distinct x), which is exact",
}


def compile_row_column(
    name: str, call: AggregateCall, slot: int, number: int
) -> tuple[AggregateColumn, Multiset | None]:
    """The column, its slots from ``slot`` on; ``number``: of its multiset, if it needs one.

    Raises ``ExpressionError`` for what cannot be computed of rows.
    """
    if call.function in _REFUSED:
        raise ExpressionError(f"{call.text}: over: rows cannot; {_REFUSED[call.function]}")
    if call.argument is None or (call.function is AF.COUNT and not call.is_distinct):
        return count(name, slot, None if call.argument is None else call.argument.evaluate), None
    if call.function in (AF.SUM, AF.AVG):
        return _total(name, slot, call.argument.evaluate, is_mean=call.function is AF.AVG), None
    if call.function is AF.APPROX_QUANTILE:
        return compile_column(name, call, slot), None
    return _of_values(name, call, call.argument, slot, number)


def _total(name: str, slot: int, argument: Evaluate, *, is_mean: bool) -> AggregateColumn:
    """The sum of the values and how many they are."""

    def step(state: Accumulator, event: ChangeEvent, by: int) -> None:
        value = argument(event)
        if value is not None:
            state[slot] += by * value  # type: ignore[operator]  # ints and decimals
            state[slot + 1] += by  # type: ignore[operator]

    def merge(into: Accumulator, other: Accumulator) -> None:
        into[slot] += other[slot]  # type: ignore[operator]
        into[slot + 1] += other[slot + 1]  # type: ignore[operator]

    def read(state: Accumulator) -> object:
        held, values = state[slot], state[slot + 1]
        if not values:
            return None
        return canonical(_AVERAGE.divide(_decimal(held), _decimal(values)) if is_mean else held)

    return AggregateColumn(
        name=name,
        initial=(0, 0),
        update=lambda state, event: step(state, event, 1),
        retract=lambda state, event: step(state, event, -1),
        merge=merge,
        read=read,
    )


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)  # type: ignore[arg-type]  # an int


def _of_values(
    name: str, call: AggregateCall, argument: Expression, slot: int, number: int
) -> tuple[AggregateColumn, Multiset | None]:
    if call.function is AF.COUNT:
        return distinct_count(name, slot, argument, number)
    multiset = Multiset(
        name=name,
        number=number,
        slot=slot,
        most=_most(call),
        show=shown(argument),
        place=None if call.by is None else shown(call.by),
        is_descending=call.function in (AF.MAX, AF.ARG_MAX),
    )
    match call.function:
        case AF.LIST:
            return first_values(name, multiset, lambda values: values or None)
        case AF.STRING_AGG:
            return first_values(name, multiset, joiner(str(call.option)))
        case _:
            return first_values(name, multiset, lambda values: values[0] if values else None)


def _most(call: AggregateCall) -> int:
    if call.function is AF.LIST and isinstance(call.option, int):
        return call.option
    return MOST_JOINED if call.function is AF.STRING_AGG else 1

