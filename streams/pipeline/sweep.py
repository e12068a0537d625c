"""Sweep: the rows that a TRUNCATE takes and that no batch has touched yet, so many at each checkpoint.

A row goes from where it is kept, its groups are without it, keyed routes say so, and rows of others follow. Of a row
that a batch touches all that happens before the batch, so that nothing depends on where checkpoints are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from msgspec.structs import replace

from streams.ledger import Ledger
from streams.records import ChangeEvent, Delivery, Operation, SourceRecord
from streams.state.table import Table

from .exchange.send import exchange_events
from .exchange.tell import note_records
from .fitting import route_fitting
from .joining.kept import KeptRows
from .joining.tell import tell_changes
from .joining.versions import end_versions
from .order import Order
from .plan import Plan
from .regroup import regroup_rows
from .set_aside import set_aside
from .tables import PipelineTables, RowChange, encode_key
from .truncating.state import Truncated
from .truncating.tell import KEPT, OUTSIDE, ROWS

ENTRIES_PER_CHECKPOINT = 5_000
"""That are looked at in each keyspace."""


def sweep_truncated(
    plan: Plan, tables: PipelineTables, partition: int, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """At a checkpoint: go on with what has been truncated last; what that leaves."""
    held = tables.truncated.sweeping()
    if held is None:
        return []
    deliveries: list[Delivery] = []
    spaces, left = _keyspaces(tables), {}
    sweeper = _Sweeper(held, plan, tables, partition, ledger, now_ms=now_ms)
    for name, cursor in held.left.items():
        if name not in spaces:  # a rule that is no longer there
            continue
        start = bytes.fromhex(cursor) + b"\0" if cursor else b""
        found = list(islice(spaces[name].scan(start), ENTRIES_PER_CHECKPOINT))
        deliveries += sweeper.take(name, dict(found))
        if len(found) == ENTRIES_PER_CHECKPOINT:
            left[name] = found[-1][0].hex()
    tables.truncated.put(replace(held, left=left, earlier=held.earlier if left else ()))
    return deliveries


def sweep_touched(
    events: Iterable[ChangeEvent], plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """Before a batch: the rows of its ``events`` that a TRUNCATE takes and that have not gone yet go now."""
    held = tables.truncated.sweeping()
    rows = [event for event in events if event.operation is not Operation.TRUNCATE]
    if held is None or not rows:
        return []
    sweeper = _Sweeper(held, plan, tables, rows[0].record.partition, ledger, now_ms=now_ms)
    deliveries: list[Delivery] = []
    for name, key in _keys(plan):
        keys = [encode_key([event.row.get(column) for column in key]) for event in rows]
        found = _keyspaces(tables)[name].get_many(keys)
        deliveries += sweeper.take(name, {at: row for at in keys if (row := found.get(at)) is not None})
    return deliveries


def _keys(plan: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    if plan.rows is not None:
        yield ROWS, plan.rows.key
        if plan.where is not None:
            yield OUTSIDE, plan.rows.key
    if plan.relation is not None:
        yield KEPT, plan.relation.key


def _keyspaces(tables: PipelineTables) -> Mapping[str, Table[Any]]:
    """By name, what may be swept; what is in them has an ``order``."""
    spaces: dict[str, Table[Any]] = {OUTSIDE: tables.outside}
    if tables.rows is not None:
        spaces[ROWS] = tables.rows
    if tables.joining.joined is not None:
        spaces[KEPT] = tables.joining.joined.kept
    return spaces | {f"claims {name}": table for name, table in tables.claims.items()}


class _Sweeper:
    """Takes away what one TRUNCATE takes, in one task."""

    def __init__(
        self, held: Truncated, plan: Plan, tables: PipelineTables, partition: int, ledger: Ledger, *, now_ms: int
    ) -> None:
        self._held = held
        self._plan = plan
        self._tables = tables
        self._partition = partition
        self._ledger = ledger
        self._now_ms = now_ms

    def take(self, name: str, found: Mapping[bytes, Any]) -> list[Delivery]:
        """Of ``found`` in the keyspace of that ``name`` what goes."""
        gone = {key: row for key, row in found.items() if self._held.takes(row.order)}
        if name == KEPT:
            return self._unrelate(gone)
        _keyspaces(self._tables)[name].put_many(dict.fromkeys(gone))
        if name != ROWS:
            return []
        if self._plan.table is not None:
            live = {key: row for key, row in found.items() if key not in gone}
            times_ms = {key: event.event_time_ms for key, event in self._takers(gone)}
            end_versions(times_ms, live, self._held.time_ms, self._plan.table, self._tables)
        changes = [RowChange(event, gone[key].row, None) for key, event in self._takers(gone)]
        return [*tell_changes(changes, self._plan), *self._leave(changes)]

    def _takers(self, gone: Mapping[bytes, Any]) -> Iterator[tuple[bytes, ChangeEvent]]:
        """By key, the TRUNCATE that took the row."""
        events: dict[Order, ChangeEvent] = {}
        for key, row in gone.items():
            taker = self._held.taker_of(row.order) or self._held
            if taker.order not in events:
                nowhere = SourceRecord(self._plan.topic, self._partition, -1, max(taker.time_ms, 0), None, None)
                events[taker.order] = taker.event(nowhere)
            yield key, events[taker.order]

    def _unrelate(self, gone: Mapping[bytes, Any]) -> list[Delivery]:
        """Rows of joins between tables; where nobody keeps the result, routes are told of it from here."""
        joined, relation = self._tables.joining.joined, self._plan.relation
        if joined is None or relation is None or not gone:
            return []
        rows = KeptRows(joined, list(gone), relation, self._partition)
        for key, kept in gone.items():
            rows.put(key, kept, None)
        told = [RowChange(event, gone[key].row, None) for key, event in self._takers(gone) if gone[key].told]
        return [*(self._leave(told) if self._plan.rows is None else ()), *rows.close()]

    def _leave(self, changes: list[RowChange]) -> list[Delivery]:
        """What is left of rows that go: groups without them, and tombstones."""
        if not changes or self._plan.pairing is not None:  # pairs of events are what it publishes, and stay
            return []
        plan, tables, ledger = self._plan, self._tables, Ledger(len(changes))
        events = [replace(held.event, operation=Operation.DELETE, row=held.before or {}) for held in changes]
        _, deliveries = route_fitting(events, plan, ledger)
        regroup_rows(changes, plan.aggregations, tables)
        exchanged = exchange_events([], changes, plan, {}, ledger)
        self._ledger.note_results(ledger)
        if exchanged.deliveries:
            note_records(plan, tables)
        return [*deliveries, *exchanged.deliveries, *set_aside(ledger, plan, now_ms=self._now_ms)]
