"""Protections taken out, one by one: with any of them gone the suite must fail, or it tests nothing.

``WITHOUT=fencing ONLY=FT05 make faults`` runs a case so. Transactions and the order of a checkpoint are in
``without_commits``.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from msgspec import structs
from rocksdict import WriteBatch, WriteOptions

import streams.pipeline.process as process
import streams.worker.changelogs as changelogs
import streams.worker.host as host
import streams.worker.redis_stores as redis_stores
import streams.worker.topics as topics
import streams.worker.unpack as unpack
from streams.contracts.registry import DeferredSource, RegistryUnavailableError, UnregisteredSchemaError
from streams.ledger import Ledger
from streams.state.changelog import Marker, read_marker
from streams.state.stores.base import StoreFailedError
from streams.state.stores.redis import RedisStore
from streams.state.stores.redis_scripts import STAMP_FIELD, WRITE
from streams.state.stores.rocksdb import RocksStore
from streams.worker.changelogs import ChangelogReader
from streams.worker.in_hand import InHand
from streams.worker.quarantine import Quarantine
from streams.worker.restore import Restorer
from streams.worker.source_watch import SourceWatch
from streams.worker.taking import Taking
from streams.worker.transport import Consumer, PartitionState
from streams.worker.watchdog import Watchdog

from . import without_commits, without_services
from .points import leave_the_lane
from .troubles import say
from .without_commits import without_markers


def without_watchdog(_: str) -> None:
    """Nobody looks."""
    Watchdog.look = lambda self, now: None  # type: ignore[method-assign]


def without_membership_checks(_: str) -> None:
    """Faust as it is: it never asks whether the coordination is still there, and no watchdog does."""
    GroupCoordinator.check_errors = lambda self: None
    Consumer.is_member = lambda self: True  # type: ignore[method-assign]
    without_watchdog("")


def without_local_state(_: str) -> None:
    """Each start restores everything."""
    Restorer._why_foreign = _always_foreign  # type: ignore[method-assign]


def _always_foreign(self: Any, store: Any, *_: Any) -> str | None:
    return None if read_marker(store) == Marker() else "of no interest"


def without_deduplication(_: str) -> None:
    """Each copy counts."""
    leave_the_lane()
    vars(process)["drop_duplicates"] = lambda events, *_: events


def without_whole_restores(_: str) -> None:
    """Who takes over begins with what its own disk has, and reads no changelog."""
    read = ChangelogReader.read

    def read_nothing(self: Any, store: Any, positions: Any, targets: Any) -> Any:
        return read(self, store, positions, {at: positions[at] for at in targets})

    ChangelogReader.read = read_nothing  # type: ignore[method-assign]
    without_markers("")


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
    stamp = self._ask(lambda: self._client.hget(self._keys[0], STAMP_FIELD)) or b""
    for _, after, *chunk in steps:
        self._ask(lambda now=stamp, then=after, chunk=chunk: self._execute(WRITE, [(now, then, *chunk)]), tries=1)
        stamp = after


def without_ownership(_: str) -> None:
    """Neither Kafka nor Redis is asked whose a task is."""
    without_commits.without_fencing("")
    without_stamps("")


def without_giving_up(_: str) -> None:
    """Who is cut off waits for as long as it takes, and then says what it had to say."""
    without_commits.without_fencing("")
    without_watchdog("")


def without_patient_store(_: str) -> None:
    """A Redis has half a second for an answer, then it counts as away."""
    vars(redis_stores)["ANSWER_SECONDS"] = 0.5


def without_refused_answers(_: str) -> None:
    """A Redis that is full or away is nothing to end for, as where it is a cache: what it does not give is not."""
    get, send = RedisStore.get_many, RedisStore._send

    def get_or_none(self: Any, keys: list[bytes]) -> list[bytes | None]:
        try:
            return get(self, keys)
        except StoreFailedError as error:
            say(f"{error}; {error.remedy}")
            return [None] * len(keys)

    def send_or_not(self: Any, steps: Any) -> None:
        try:
            send(self, steps)
        except StoreFailedError as error:
            say(f"{error}; {error.remedy}")

    RedisStore.get_many = get_or_none  # type: ignore[method-assign]
    RedisStore._send = send_or_not  # type: ignore[method-assign]
    RedisStore._check = lambda *_: None  # type: ignore[method-assign]


def without_own_heartbeats(_: str) -> None:
    """One thread for all: entries go to the disk one by one, each synced, and heartbeats wait until they are there."""
    writing, heartbeat = threading.Lock(), GroupCoordinator._do_heartbeat

    def write(self: Any, changes: Any, gone: Any = ()) -> None:
        synced = WriteOptions()
        synced.sync = True
        with writing:
            for start, end in gone:
                self._db.delete_range(start, end)
            for key, value in changes:
                batch = WriteBatch(raw_mode=True)
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)
                self._db.write(batch, synced)

    async def wait_and_beat(self: Any) -> Any:
        while writing.locked():
            await asyncio.sleep(0.05)
        return await heartbeat(self)

    RocksStore.write = write  # type: ignore[method-assign]
    GroupCoordinator._do_heartbeat = wait_and_beat


def without_heads(_: str) -> None:
    """Nobody asks whether a changelog is whole."""
    Restorer._check_heads = lambda *_: None  # type: ignore[method-assign]


def without_topic_ids(_: str) -> None:
    """A topic is what its name says."""
    Restorer._check_source = lambda *_, **__: None  # type: ignore[method-assign]
    SourceWatch.look = lambda self: None  # type: ignore[method-assign]


def without_made_topics(_: str) -> None:
    """Topics are made at the very first start, and one that is missing later stays so."""
    create = topics.TopicKeeper._create

    def create_all_or_none(self: Any, specs: Any, *rest: Any) -> None:
        if len(specs) > 1:
            create(self, specs, *rest)

    topics.TopicKeeper._create = create_all_or_none  # type: ignore[method-assign]


def without_partition_counts(_: str) -> None:
    """A topic has as many partitions as it has, and its tables go on as if it had always had them."""
    take = Taking.take

    async def take_all(self: Any, places: Any, *rest: Any) -> None:
        counts = {**self._counts}
        for topic, number in places:
            counts[topic] = max(counts[topic], number + 1)
        self._counts = counts
        await take(self, places, *rest)

    Taking.take = take_all  # type: ignore[method-assign]
    vars(topics)["_wrong_counts"] = lambda *_: ()


def without_range_check(_: str) -> None:
    """Where an offset is gone, the client goes on at the first that is there, as aiokafka does."""
    PartitionState.await_reset = PartitionState.__mro__[1].await_reset  # type: ignore[method-assign]


def without_checksums(_: str) -> None:
    """What a broker sends is taken for what was written."""
    unpack._KeptRecords._is_intact = lambda *_: True  # type: ignore[method-assign]


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


def without_patience(_: str) -> None:
    """A schema that cannot be asked for is one that nobody has registered: its records are set aside."""
    known = DeferredSource._known

    def known_or_not(self: Any, name: Any) -> Any:
        try:
            return known(self, name)
        except RegistryUnavailableError as error:
            try:
                error.again()  # type: ignore[misc]
                return known(self, name)
            except RegistryUnavailableError:
                raise UnregisteredSchemaError(name) from error

    DeferredSource._known = known_or_not  # type: ignore[method-assign]


def without_pause(_: str) -> None:
    """A disk may get as full as it likes."""
    Watchdog._check_disk = lambda *_: None  # type: ignore[method-assign]


def without_event_time(_: str) -> None:
    """Events happen when they are read."""
    leave_the_lane()
    vars(process)["validate_events"] = _timed_now(process.validate_events)


def _timed_now(validate: Callable[..., Any]) -> Callable[..., Any]:
    def validated(events: Any, *rest: Any, now_ms: int) -> Any:
        return [structs.replace(event, event_time_ms=now_ms) for event in validate(events, *rest, now_ms=now_ms)]

    return validated


WITHOUT: dict[str, Callable[[str], None]] = {
    name: deed
    for name, deed in {**vars(without_commits), **vars(without_services), **globals()}.items()
    if name.startswith("without_") and callable(deed)
}
