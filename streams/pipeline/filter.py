"""Filter: does anybody want this change?

In:   events seen for the first time.
Out:  the events that match, each with the full row where the table knows it.
Next: streams.pipeline.members

A column that the source did not send (unchanged TOAST, everything but the key on DELETE) is filled from the
row as it was after the last event that passed. Those values are masked already and stay in ``unsent``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent

from .known import KnownRows
from .plan import RowTable
from .tables import PipelineTables


def keep_matching(
    events: list[ChangeEvent],
    condition: Callable[[ChangeEvent], bool] | None,
    table: RowTable | None,
    tables: PipelineTables,
    ledger: Ledger,
    *,
    is_sound: Callable[[ChangeEvent], bool] | None = None,
) -> list[ChangeEvent]:
    """The events for which ``condition`` is TRUE; FALSE and NULL are filtered.

    ``is_sound``: whether an event will pass what comes next. A row is as the last event left it that did.
    """
    if table is not None and tables.rows is not None:
        kept = _complete_and_keep(events, condition, is_sound, KnownRows(table, tables, events))
    elif condition is not None:
        kept = [event for event in events if condition(event)]
    else:
        return events
    ledger.end(Outcome.FILTERED, len(events) - len(kept))
    return kept


def _complete_and_keep(
    events: Iterable[ChangeEvent],
    condition: Callable[[ChangeEvent], bool] | None,
    is_sound: Callable[[ChangeEvent], bool] | None,
    known: KnownRows,
) -> list[ChangeEvent]:
    kept = []
    for event in events:
        whole = known.complete(event) if event.unsent else event
        if condition is None or condition(whole):
            if is_sound is None or not known.is_wanted or is_sound(whole):
                known.learn(whole)
            kept.append(whole)
    return kept
