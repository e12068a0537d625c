"""Protections taken out, one by one: with any of them gone the suite must fail, or it tests nothing.

``WITHOUT=fencing ONLY=FT05 make faults`` runs a case so; its results stay out of the report.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import TopicPartition
from msgspec import structs

import streams.pipeline.process as process
import streams.worker.changelogs as changelogs
import streams.worker.host as host
from streams.ledger import Ledger
from streams.state.changelog import Marker, read_marker
from streams.state.stores.redis import RedisStore
from streams.state.stores.redis_scripts import STAMP_FIELD, WRITE
from streams.worker.checkpoint import Checkpointer
from streams.worker.engine import Engine
from streams.worker.in_hand import InHand
from streams.worker.membership import Membership
from streams.worker.quarantine import Quarantine
from streams.worker.restore import Restorer
from streams.worker.source_watch import SourceWatch
from streams.worker.transactions import TransactionFailedError, Transactions
from streams.worker.transport import PartitionState
from streams.worker.watchdog import Watchdog

from .points import WATCHED, spy
from .troubles import NOWHERE

GAP_S = 0.15
"""Between two commits that should be one."""


def without_fencing(_: str) -> None:
    """Transactions name no generation, and a producer that was fenced is built anew: so do naive consumers."""
    Membership.metadata = lambda self: _member(self.group)  # type: ignore[method-assign]


def _member(group: str) -> bytes:
    return b"CGMDv2:" + (-1).to_bytes(4, "little", signed=True) + group.encode() + b"\0\0\x01"


def without_one_commit(_: str) -> None:
    """Outputs and changelogs are committed first, offsets in a transaction of their own."""
    spy()

    def offsets_later(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        producer = call.__self__  # type: ignore[attr-defined]
        producer.commit_transaction(8)
        time.sleep(GAP_S)
        producer.begin_transaction()
        call(*arguments, **named)

    WATCHED["send_offsets_to_transaction"] = offsets_later


def without_store_last(_: str) -> None:
    """Stores are written before the commit, and nobody compares what they say with the committed offsets."""
    prepare = Checkpointer.prepare

    def prepare_and_write(self: Any, touched: Any) -> Any:
        prepared = prepare(self, touched)
        for owned in touched:
            owned.task.store.write(owned.task._prepared.entries)
        return prepared

    Checkpointer.prepare = prepare_and_write  # type: ignore[method-assign]
    without_markers("")


def without_markers(_: str) -> None:
    """Stores are trusted whatever their marker says, and a restore begins nowhere: what they have not, they lack."""
    Restorer._why_foreign = lambda *_: None  # type: ignore[method-assign]
    Restorer._check_marker = lambda *_: None  # type: ignore[method-assign]


def without_last_checkpoint(_: str) -> None:
    """Who gives tasks up neither commits nor aborts what is in hand: the next transaction has it."""

    async def leave(self: Any) -> None:
        async with self.lock:
            self._drop_tasks()

    Engine.leave = leave  # type: ignore[method-assign]


def without_watchdog(_: str) -> None:
    """Nobody looks."""
    Watchdog.look = lambda self, now: None  # type: ignore[method-assign]


def without_coordination_check(_: str) -> None:
    """Faust as it is: it never asks whether the coordination is still there."""
    from aiokafka.consumer.group_coordinator import GroupCoordinator

    GroupCoordinator.check_errors = lambda self: None


def without_local_state(_: str) -> None:
    """Each start restores everything."""
    Restorer._why_foreign = _always_foreign  # type: ignore[method-assign]


def _always_foreign(self: Any, store: Any, *_: Any) -> str | None:
    return None if read_marker(store) == Marker() else "of no interest"


def without_deduplication(_: str) -> None:
    """Each copy counts."""
    vars(process)["drop_duplicates"] = lambda events, *_: events


def without_processed_offsets(_: str) -> None:
    """What was fetched counts as done, as where a record is acknowledged when it is decoded."""
    prepare = Checkpointer.prepare

    def prepare_ahead(self: Any, touched: Any) -> Any:
        changelog, offsets = prepare(self, touched)
        ends = {(topic, owned.task.partition): _fetched(owned, topic) for owned in touched
                for topic in owned.task.positions()}  # fmt: skip
        return changelog, [_moved(place, ends) for place in offsets]

    Checkpointer.prepare = prepare_ahead  # type: ignore[method-assign]
    without_markers("")


def _fetched(owned: Any, topic: str) -> int:
    return int(owned.reader._fetched.reader_position(topic, owned.task.partition) or 0)


def _moved(place: TopicPartition, ends: Mapping[tuple[str, int], int]) -> TopicPartition:
    offset = max(place.offset, ends.get((place.topic, place.partition), 0))
    return TopicPartition(place.topic, place.partition, offset, place.metadata)


def without_failed_sends(_: str) -> None:
    """A send that failed is nothing to talk about: the commit goes on without it, as aiokafka's does."""
    for name in ("produce", "produce_batch"):
        if name in WATCHED:  # not in workers whose sends do not fail
            WATCHED[name] = _forgiving(WATCHED[name])


def _forgiving(watch: Callable[..., Any]) -> Callable[..., Any]:
    def forgive(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        def send(*given: Any, **options: Any) -> Any:
            if NOWHERE in given or options.get("partition") == NOWHERE:
                return len(given[1]) if isinstance(given[1], list) else None
            return call(*given, **options)

        return watch(send, arguments, named)

    return forgive


def without_crash_only(_: str) -> None:
    """A transaction that failed is dropped and the worker goes on behind it, as if its records had been processed."""

    def go_on(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Transactions, *arguments: Any) -> Any:
            try:
                return method(self, *arguments)
            except TransactionFailedError:
                if method is commit:
                    self.abort()
                return {}

        return call

    commit = Transactions.commit
    for name in ("commit", "send", "send_changelog"):
        setattr(Transactions, name, go_on(getattr(Transactions, name)))


def without_restore_limit(_: str) -> None:
    """A restore that does not move is waited for, and nobody looks at it."""
    vars(changelogs)["STUCK_SECONDS"] = math.inf
    Restorer._fence_owners = lambda *_: False  # type: ignore[method-assign]
    without_watchdog("")


def without_bounded_buffers(_: str) -> None:
    """Whatever Kafka has is fetched, and nobody asks why nothing goes out."""
    vars(host)["BUFFERED_RUNS"] = 1 << 20
    without_watchdog("")


def without_stamps(_: str) -> None:
    """What a Redis answers is taken for what was written there, whoever has flushed or replaced it."""
    RedisStore._check = lambda *_: None  # type: ignore[method-assign]
    RedisStore._send = _send_whatever_was_said  # type: ignore[method-assign]


def _send_whatever_was_said(self: Any, steps: Any) -> None:
    stamp = self._client.hget(self._keys[0], STAMP_FIELD) or b""
    for _, after, *chunk in steps:
        self._execute(WRITE, [(stamp, after, *chunk)])
        stamp = after


def without_heads(_: str) -> None:
    """Nobody asks whether a changelog is whole."""
    Restorer._check_heads = lambda *_: None  # type: ignore[method-assign]


def without_topic_ids(_: str) -> None:
    """A topic is what its name says."""
    Restorer._check_source = lambda *_, **__: None  # type: ignore[method-assign]
    SourceWatch.look = lambda self: None  # type: ignore[method-assign]


def without_range_check(_: str) -> None:
    """Where an offset is gone, the client goes on at the first that is there, as aiokafka does."""
    PartitionState.await_reset = PartitionState.__mro__[1].await_reset  # type: ignore[method-assign]


def without_trace(_: str) -> None:
    """What was in hand goes with the process."""
    InHand._read = lambda self, at: None  # type: ignore[method-assign]


def without_quarantine(_: str) -> None:
    """Ranges are read, and nothing is stepped over."""
    Quarantine.step_over = lambda self, batch: batch  # type: ignore[method-assign]


def without_dead_letters(_: str) -> None:
    """What cannot be decoded is dropped, as where a deserializer's error is passed over."""
    bury = Ledger.bury

    def without_decode_failures(self: Any, record: Any, error: Any, **more: Any) -> None:
        if error.reason != "decode_failed":
            bury(self, record, error, **more)

    Ledger.bury = without_decode_failures  # type: ignore[method-assign]


def without_pause(_: str) -> None:
    """A disk may get as full as it likes."""
    Watchdog._check_disk = lambda *_: None  # type: ignore[method-assign]


def without_event_time(_: str) -> None:
    """Events happen when they are read."""
    vars(process)["validate_events"] = _timed_now(process.validate_events)


def _timed_now(validate: Callable[..., Any]) -> Callable[..., Any]:
    def validated(events: Any, *rest: Any, now_ms: int) -> Any:
        return [structs.replace(event, event_time_ms=now_ms) for event in validate(events, *rest, now_ms=now_ms)]

    return validated


WITHOUT: dict[str, Callable[[str], None]] = {
    name: deed for name, deed in list(globals().items()) if name.startswith("without_")
}
