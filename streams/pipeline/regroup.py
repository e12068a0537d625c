"""Regroup: each row leaves the group it was in, and enters the one it is in now.

In:   what became of each row.
Out:  groups of the rows that are there, whatever their times.
Next: streams.pipeline.exchange.send
"""

from __future__ import annotations

from .aggregates.partials import add_partials, partials_of_rows
from .plan import Aggregation
from .tables import PipelineTables, RowChange


def regroup_rows(changes: list[RowChange], aggregations: tuple[Aggregation, ...], tables: PipelineTables) -> None:
    """Take what each row was out of its group, and put what it is now into its group."""
    for aggregation in aggregations if changes else ():
        if aggregation.is_of_rows:
            add_partials(partials_of_rows(changes, aggregation), aggregation, tables)
