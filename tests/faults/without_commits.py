"""Protections of transactions and of the order of a checkpoint, taken out one by one (``without.py``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

import streams.worker.transactions as transactions
from streams.state.changelog import MARKER_KEY
from streams.state.stores.rocksdb import RocksStore
from streams.worker.checkpoint import Checkpointer
from streams.worker.engine import Engine
from streams.worker.fetched import Fetched
from streams.worker.membership import Membership
from streams.worker.owned import OwnedTask
from streams.worker.restore import Restorer
from streams.worker.transactions import TransactionFailedError, Transactions

from .points import WATCHED, spy
from .troubles import NOWHERE

GAP_S = 0.15
"""Between two commits that should be one."""


def without_fencing(_: str) -> None:
    """Transactions name no generation, and a producer that was fenced is built anew: so do naive consumers.

    What the lost transaction held is sent again through the new one.
    """
    Membership.metadata = lambda self: _member(self.group)  # type: ignore[method-assign]
    spy()
    held: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    for name in ("produce", "produce_batch"):
        WATCHED[name] = _noted(name, held)
    make, commit = Transactions.__init__, Transactions.commit

    def make_noted(self: Any, *options: Any, **named: Any) -> None:
        self.made_of = options
        make(self, *options, **named)

    def commit_anew(self: Any, offsets: Any, membership: Any) -> Mapping[tuple[str, int], int]:
        try:
            return commit(self, offsets, membership)
        except TransactionFailedError:
            again = list(held)
            make(self, *self.made_of)
            self.open()
            for name, arguments, named in again:
                getattr(self._producer, name)(*arguments, **named)
            return commit(self, offsets, membership)
        finally:
            held.clear()

    Transactions.__init__ = make_noted  # type: ignore[method-assign]
    Transactions.commit = commit_anew  # type: ignore[method-assign]


def _noted(name: str, held: list[tuple[str, tuple[Any, ...], dict[str, Any]]]) -> Callable[..., Any]:
    """A call of the producer that is kept in mind and never fails: the commit will."""

    def note(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        held.append((name, arguments, named))
        with suppress(KafkaException):
            call(*arguments, **named)
        return len(arguments[1]) if name == "produce_batch" else None

    return note


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


PIECE, PIECE_S = 50, 0.1
"""Outputs that go together where not all do, and for how long fewer may wait."""


def without_atomic_outputs(_: str) -> None:
    """Outputs are committed as they are sent, as by a producer without transactions."""
    spy()
    watch, sent, last_s = WATCHED.get("produce"), 0, time.monotonic()

    def commit_pieces(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        nonlocal sent, last_s
        if watch is None:
            call(*arguments, **named)
        else:
            watch(call, arguments, named)
        sent += 1
        if sent >= PIECE or time.monotonic() > last_s + PIECE_S:
            producer = call.__self__  # type: ignore[attr-defined]
            producer.commit_transaction(8)
            producer.begin_transaction()
            sent, last_s = 0, time.monotonic()

    WATCHED["produce"] = commit_pieces


def without_store_last(_: str) -> None:
    """Stores are written before the commit, and nobody compares what they say with the committed offsets."""
    prepare, write = Checkpointer.prepare, RocksStore.write
    write_unharmed = getattr(write, "__wrapped__", write)

    def prepare_and_write(self: Any, touched: Any, **more: Any) -> Any:
        prepared = prepare(self, touched, **more)
        for owned in touched:
            owned.task.store.write(owned.task._prepared.entries, owned.task._prepared.gone)
        return prepared

    def write_early_alone(self: Any, changes: Any, gone: Any = ()) -> None:
        """Deaths at the store's named points are those of the write before the commit: what follows has the marker."""
        held = list(changes)
        is_early = not held or held[-1][0] != MARKER_KEY
        (write if is_early else write_unharmed)(self, held, gone)

    Checkpointer.prepare = prepare_and_write  # type: ignore[method-assign]
    RocksStore.write = write_early_alone  # type: ignore[method-assign]
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


def without_positions(_: str) -> None:
    """Offsets are counted, as if every record had the one that follows its predecessor's."""
    prepare, hand_over = Checkpointer.prepare, Fetched.hand_over
    counted: dict[tuple[str, int], int] = {}

    def count(self: Any, runs: Any, positions: Any) -> None:
        for run in (runs := list(runs)):
            counted[run.place] = counted.get(run.place, run.records[0].offset) + len(run.records)
        hand_over(self, runs, positions)

    def prepare_counted(self: Any, touched: Any, **more: Any) -> Any:
        changelog, offsets = prepare(self, touched, **more)
        return changelog, [_counted(place, counted) for place in offsets]

    Fetched.hand_over = count  # type: ignore[method-assign]
    Checkpointer.prepare = prepare_counted  # type: ignore[method-assign]


def _counted(place: TopicPartition, counted: Mapping[tuple[str, int], int]) -> TopicPartition:
    offset = min(place.offset, counted.get((place.topic, place.partition), place.offset))
    return TopicPartition(place.topic, place.partition, offset, place.metadata)


def without_processed_offsets(_: str) -> None:
    """What was fetched counts as done, as where a record is acknowledged when it is decoded."""
    prepare = Checkpointer.prepare

    def prepare_ahead(self: Any, touched: Any, **more: Any) -> Any:
        changelog, offsets = prepare(self, touched, **more)
        ends = {(topic, owned.task.partition): _fetched(owned, topic) for owned in touched
                for topic in owned.task.positions()}  # fmt: skip
        return changelog, [_moved(place, ends) for place in offsets]

    Checkpointer.prepare = prepare_ahead  # type: ignore[method-assign]
    OwnedTask.has_work = property(lambda self: True)  # type: ignore[assignment,method-assign]
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


def without_long_timeouts(_: str) -> None:
    """A transaction has as much time as it takes on a fast network, many times over."""
    vars(transactions)["TRANSACTION_TIMEOUT_MS"] = 1_500


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
