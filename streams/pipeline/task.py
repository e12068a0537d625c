"""A task: one partition of a sub-topology, its state and its place in the source.

In:   batches of the partition's records, one after another.
Out:  deliveries for the open transaction; at each checkpoint window results, changelog records and offsets.
Next: streams.worker (Kafka commits, then ``commit``) or streams.testing (the same, in memory)

No clock, no Kafka, no threads: whoever drives a task brings them. The order of calls is
``process``* → ``prepare_checkpoint`` → (Kafka commits) → ``commit``, or ``abort`` at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import chain

from streams.ledger import Ledger
from streams.records import Delivery, RecordBatch
from streams.state.changelog import (
    MARKER_KEY,
    ChangelogRun,
    Marker,
    changelog_topic,
    encode_marker,
    read_marker,
)
from streams.state.overlay import Changes, Entry
from streams.state.stores.base import Store

from .ahead import Ahead
from .close import close_windows, force_idle
from .exchange.clocks import force_clocks
from .exchange.tell import note_records, note_silence, tell_downstream
from .findings import judge_freshness, publish_findings
from .follow import process_partners
from .forget import Forgetter
from .guard import isolate
from .lookups.plan import NO_ANSWERS, Answers
from .lookups.rounds import process_round
from .neighbours import open_all
from .pairing.idle import pass_time
from .pairs import end_pairs
from .plan import Plan
from .process import PipelineResult
from .results import BatchResult, Checkpoint
from .retries.tables import Waiting
from .rules.plan import Stage
from .stepped_over import count_stepped_over, without_stepped_over
from .sweep import sweep_truncated
from .tables import PipelineTables, state_changelog
from .topology import SubTopology
from .transactional.tell import timely_topics
from .walk import NOBODYS_FAULT, discard, keep, walk_of
from .walk_again import is_return, walk_again


class Task:
    """One partition of a sub-topology; ``store`` has been restored to the committed state."""

    def __init__(self, sub: SubTopology, partition: int, store: Store, *, partitions: int = 1) -> None:
        self.sub = sub
        self.partition = partition
        self.store = store
        self._app = sub.plans[0].app
        self._tables = open_all(sub.plans, store, partitions=partitions)
        self._forgetters = {plan.name: Forgetter(plan) for plan in sub.plans}
        self._marker = read_marker(store)
        self._ahead = Ahead(sub, self._marker)
        self._positions = {topic: self._marker.sources.get(topic, 0) for topic in sub.source_topics}
        self._plans = {topic: sub.plans_of(topic) for topic in sub.source_topics}
        self._asking = {topic for topic, plans in self._plans.items() if any(map(_asks, plans))}
        """Inputs of which a batch may have to wait, as if it had never come: for look-ups or for a registry."""
        self._prepared: Checkpoint | None = None
        self._last_record_ms: dict[str, int] = {}
        """By input: the wall clock when it last brought something, or was behind."""
        self.pending_bytes = 0
        """Bytes of the records processed since the last checkpoint: what bounds the overlay."""

    # -- where it is

    def position(self, topic: str) -> int:
        """The next offset of ``topic`` to process."""
        return self._positions[topic]

    def positions(self) -> Mapping[str, int]:
        """By input, the next offset to process."""
        return dict(self._positions)

    def committed_position(self, topic: str) -> int:
        """Where ``abort`` goes back to."""
        return self._marker.sources.get(topic, 0)

    def start_at(self, topic: str, offset: int) -> None:
        """Begin ``topic`` at its committed offset; a task with state must agree with it, the caller sees to that."""
        self._positions[topic] = offset
        sources = {**self._marker.sources, topic: offset}
        self._marker = replace(self._marker, sources=sources, fingerprint=self.sub.fingerprint)

    @property
    def is_touched(self) -> bool:
        """There is something to commit."""
        moved = any(self._positions[topic] != self.committed_position(topic) for topic in self._positions)
        held = self._tables.values()
        return moved or any(tables.is_unfinished or any(table.is_dirty for table in tables.all) for tables in held)

    def watermarks(self) -> Mapping[str, int | None]:
        """By pipeline the largest event time seen, ms."""
        return {name: tables.current_progress().watermark for name, tables in self._tables.items()}

    def waiting(self) -> Mapping[str, Waiting]:
        """By pipeline that tries again, how much of it waits."""
        held = ((plan.pipeline, self._tables[plan.name].retries) for plan in self.sub.plans)
        return {name: tables.current() for name, tables in held if tables is not None}

    def full_topics(self) -> frozenset[str]:
        """Sources of which no more should come before some of what is parked has gone."""
        held = ((plan.topic, self._tables[plan.name].retries) for plan in self.sub.plans)
        return frozenset(topic for topic, tables in held if tables is not None and tables.is_full)

    def ended(self) -> Mapping[str, int]:
        """By topic of transactions the place of the source's log before which all have ended, as far as is known."""
        waiting = ((plan.transactional, plan.name) for plan in self.sub.plans)
        return {said.topic: self._tables[name].current_progress().ended for said, name in waiting if said is not None}

    @property
    def is_stage(self) -> bool:
        """It reads what another stage of a pipeline has sent."""
        return any(plan.settles or plan.receives or plan.stands_for for plan in self.sub.plans)

    def standings(self) -> list[tuple[Stage, PipelineTables]]:
        """Stages of rules about several rows, with their state."""
        return [(plan.settles, self._tables[plan.name]) for plan in self.sub.plans if plan.settles is not None]

    # -- batches

    def process(self, batch: RecordBatch, *, now_ms: int, answers: Answers = NO_ANSWERS) -> BatchResult:
        """Carry ``batch`` through every pipeline that reads it; ``now_ms``: the wall clock, ms since the epoch.

        Raises ``UnansweredError`` where ``answers`` of look-ups are missing, ``RegistryUnavailableError`` where a
        schema is; nothing has been changed then.
        """
        plans, tables = self._plans[batch.topic], self._tables
        shares = self._ahead.shares(without_stepped_over(batch), plans)
        if batch.topic in self._asking:
            results = process_round(
                shares, tables, answers, lambda share, plan: self._process(share, plan, tables[plan.name], now_ms)
            )
        else:
            results = {plan.pipeline: self._process(share, plan, tables[plan.name], now_ms) for plan, share in shares}
        if batch.stepped_over:
            count_stepped_over(batch, self._ahead.shares(batch, plans), results)
        self._positions[batch.topic] = batch.next_offset
        self._last_record_ms[batch.topic] = now_ms
        self.pending_bytes += sum([record.size for record in batch.records]) + 64 * len(batch.records)
        first = plans[0]
        is_retry = is_return(first, batch.topic)
        return BatchResult(
            topic=first.topic if is_retry else batch.topic,
            source="retry" if is_retry else "topic",
            deliveries=list(chain.from_iterable(result.deliveries for result in results.values())),
            ledgers={name: result.ledger for name, result in results.items()},
            released={name: result.released for name, result in results.items() if result.released.size},
            commit_times_ms=tuple(time for result in results.values() for time in result.commit_times_ms),
        )

    def _process(self, batch: RecordBatch, plan: Plan, tables: PipelineTables, now_ms: int) -> PipelineResult:
        if not batch.records:
            return PipelineResult(deliveries=[], ledger=Ledger(0))
        if is_return(plan, batch.topic):
            return walk_again(batch, plan, tables, now_ms=now_ms)
        try:
            result = walk_of(plan, batch.topic)(batch, plan, tables, now_ms=now_ms)
        except NOBODYS_FAULT:
            raise
        except Exception:
            # A bug, or a result too large to publish: undo the batch and find the record that does it.
            discard(tables)
            result = isolate(batch, plan, tables, now_ms=now_ms)
        note_records(plan, tables)
        keep(tables)
        return result

    def advance_clock(self, *, now_ms: int, caught_up: Collection[str]) -> None:
        """Wall clock passes: the windows of an input that is caught up and silent close in the end.

        ``caught_up``: the source topics of which nothing waits.
        """
        for topic in self._positions:
            if topic not in caught_up or topic not in self._last_record_ms:
                self._last_record_ms[topic] = now_ms
        for plan in self.sub.plans:
            tables = self._tables[plan.name]
            since_ms = max(self._last_record_ms[topic] for topic in timely_topics(plan))
            if plan.receives is None:
                force_idle(plan.aggregations, tables, now_ms - since_ms)
                note_silence(plan, tables, since_ms=since_ms, now_ms=now_ms)
            elif plan.topic in caught_up:
                force_clocks(plan, tables, now_ms=now_ms)
            if plan.settles is not None and plan.topic in caught_up:
                judge_freshness(plan.settles, tables, now_ms=now_ms)
            if tables.pairing is not None:
                pass_time(plan, tables, self._last_record_ms, now_ms=now_ms, caught_up=caught_up)
            keep(tables)

    # -- checkpoints

    def prepare_checkpoint(self) -> Checkpoint:
        """What this checkpoint publishes and stores; nothing is final before ``commit``.

        Changelog records have the wall clock as their timestamp: brokers roll and compact segments by it.
        """
        changelog, stored = list[ChangelogRun](), Changes(entries=[], records=[])
        ledgers = {plan.pipeline: Ledger(0) for plan in self.sub.plans}
        newest_ms = max(self._last_record_ms.values(), default=0)
        deliveries = self._go_on(ledgers, newest_ms)
        for plan in self.sub.plans:
            tables = self._tables[plan.name]
            deliveries += close_windows(plan.aggregations, tables)
            deliveries += end_pairs(plan, tables, ledgers[plan.pipeline], now_ms=newest_ms)
            if plan.settles is not None:
                deliveries += publish_findings(plan.settles, tables)
            deliveries += tell_downstream(plan, tables, self.partition)
            self._forgetters[plan.name].forget(tables)
            keep(tables)
            changelog += self._changes(plan, tables, stored)
        changelog += self._markers()
        self._prepared = Checkpoint(
            deliveries=deliveries,
            changelog=changelog,
            offsets=dict(self._positions),
            entries=stored.entries,
            gone=stored.gone,
            ledgers={name: ledger for name, ledger in ledgers.items() if ledger.dead_results},
        )
        return self._prepared

    def _go_on(self, ledgers: Mapping[str, Ledger], now_ms: int) -> list[Delivery]:
        """What rows leave that a TRUNCATE takes, and those that follow their partners."""
        deliveries: list[Delivery] = []
        for step, plans in ((sweep_truncated, self.sub.plans), (process_partners, self.sub.following)):
            for plan in plans:
                tables = self._tables[plan.name]
                deliveries += step(plan, tables, self.partition, ledgers[plan.pipeline], now_ms=now_ms)
                keep(tables)
        return deliveries

    def _changes(self, plan: Plan, tables: PipelineTables, stored: Changes) -> list[ChangelogRun]:
        own = self._ahead.own(plan, self._positions)
        runs, number = [], sum(own[topic] for topic in plan.topics)
        for table in tables.all:
            made = table.changes(number)
            stored.entries.extend(made.entries)
            stored.gone.extend(made.gone)
            runs.append(self._run(table.changelog, made.records))
        return [run for run in runs if run.records]

    def _run(self, changelog: str, records: list[Entry]) -> ChangelogRun:
        return ChangelogRun(topic=changelog_topic(self._app, changelog), partition=self.partition, records=records)

    def _markers(self) -> list[ChangelogRun]:
        runs = []
        for plan in self.sub.plans:
            marker = Marker(sources=self._ahead.own(plan, self._positions), fingerprint=self.sub.fingerprint)
            runs.append(self._run(state_changelog(plan), [(MARKER_KEY, encode_marker(marker))]))
        return runs

    def commit(self, changelog_positions: Mapping[str, int], *, now_ms: int) -> None:
        """Kafka has committed the prepared checkpoint: the store may have it now, in one atomic write.

        ``changelog_positions``: by full topic name, the offset behind the last record written to it.
        """
        if self._prepared is None:
            raise RuntimeError("commit without a prepared checkpoint")
        self._marker = Marker(
            changelogs={**self._marker.changelogs, **changelog_positions},
            sources=self._prepared.offsets,
            plans={state_changelog(plan): self._ahead.own(plan, self._positions) for plan in self.sub.plans},
            fingerprint=self.sub.fingerprint,
            written_ms=now_ms,
        )
        marker = (MARKER_KEY, encode_marker(self._marker))
        self.store.write([*self._prepared.entries, marker], self._prepared.gone)
        for tables in self._tables.values():
            for table in tables.all:
                table.commit()
        self._prepared, self.pending_bytes = None, 0

    def abort(self) -> None:
        """Nothing since the last commit happened; processing starts again at the committed positions."""
        self._prepared, self.pending_bytes = None, 0
        self._positions = {topic: self.committed_position(topic) for topic in self._positions}
        for tables in self._tables.values():
            for table in tables.all:
                table.abort()


def _asks(plan: Plan) -> bool:
    """Somebody outside is asked on the way of a batch; what has a start of batches has a registry."""
    return bool(plan.lookups) or plan.codec.start_batch is not None
