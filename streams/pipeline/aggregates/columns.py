"""Columns: which function computes an aggregate column.

A group's state is a flat list: slot 0 the newest event time, then the slots of each column. NULL arguments
are skipped, as SQL does; a sum, average, least or greatest of nothing is NULL.
"""

from __future__ import annotations

from ..expressions import AggregateCall, AggregateFunction
from ..plan import AggregateColumn
from .extremes import least_or_greatest
from .numbers import average, count, counted_total, total


def compile_column(name: str, call: AggregateCall, first_slot: int, *, retracts: bool = False) -> AggregateColumn:
    """The column ``name`` computed by ``call``, its slots from ``first_slot`` on.

    ``retracts``: what was added will be taken back, so that its state must hold what that takes.
    """
    argument = call.argument
    match call.function:
        case AggregateFunction.COUNT:
            return count(name, first_slot, None if argument is None else argument.evaluate)
        case AggregateFunction.SUM if argument is not None:
            return (counted_total if retracts else total)(name, first_slot, argument.evaluate)
        case AggregateFunction.AVG if argument is not None:
            return average(name, first_slot, argument.evaluate)
        case AggregateFunction.MIN | AggregateFunction.MAX if argument is not None:
            is_max = call.function is AggregateFunction.MAX
            return least_or_greatest(name, first_slot, argument, is_max=is_max)
        case _:
            raise ValueError(f"{call.text} has no argument")
