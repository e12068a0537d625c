"""Columns: which function computes an aggregate column.

A group's state is a flat list: slot 0 the newest event time, then the slots of each column. NULL arguments
are skipped, as SQL does; a sum, average, least or greatest of nothing is NULL.
"""

from __future__ import annotations

from decimal import Decimal

from ..expressions import AggregateCall, AggregateFunction, Expression
from ..plan import AggregateColumn
from .extremes import first_or_last, least_or_greatest, value_by
from .lists import joined, listed
from .numbers import average, count, counted_total, total

AF = AggregateFunction


def compile_column(name: str, call: AggregateCall, first_slot: int, *, retracts: bool = False) -> AggregateColumn:
    """The column ``name`` computed by ``call``, its slots from ``first_slot`` on.

    ``retracts``: what was added will be taken back, so that its state must hold what that takes.
    """
    if call.argument is None:
        return count(name, first_slot, None)
    if call.function in (AF.COUNT, AF.SUM, AF.AVG):
        return _of_numbers(name, call, call.argument, first_slot, retracts)
    return _of_values(name, call, call.argument, first_slot)


def _of_numbers(name: str, call: AggregateCall, argument: Expression, slot: int, retracts: bool) -> AggregateColumn:
    if call.function is AF.COUNT:
        return count(name, slot, argument.evaluate)
    if call.function is AF.AVG:
        return average(name, slot, argument.evaluate)
    return (counted_total if retracts else total)(name, slot, argument.evaluate)


def _of_values(name: str, call: AggregateCall, argument: Expression, slot: int) -> AggregateColumn:
    match call.function:
        case AF.MIN | AF.MAX:
            return least_or_greatest(name, slot, argument, is_max=call.function is AF.MAX)
        case AF.FIRST | AF.LAST:
            return first_or_last(name, slot, argument, is_last=call.function is AF.LAST)
        case AF.ARG_MIN | AF.ARG_MAX if call.by is not None:
            return value_by(name, slot, argument, call.by, is_max=call.function is AF.ARG_MAX)
        case AF.APPROX_COUNT_DISTINCT | AF.APPROX_QUANTILE:
            return _estimated(name, call, argument, slot)
        case AF.STRING_AGG:
            return joined(name, slot, argument, str(call.option))
        case AF.LIST if isinstance(call.option, int):
            return listed(name, slot, argument, call.option)
        case _:
            raise ValueError(f"{call.text} is computed otherwise")


def _estimated(name: str, call: AggregateCall, argument: Expression, slot: int) -> AggregateColumn:
    # The libraries of estimates bring numpy: 24 MB of a worker that asks for none.
    from .sketches import distinct_estimate, quantile

    if isinstance(call.option, Decimal):
        return quantile(name, slot, argument, call.option)
    return distinct_estimate(name, slot, argument)
