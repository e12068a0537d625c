"""Protections taken out, one by one: with any of them gone the suite must fail, or it tests nothing.

``WITHOUT=fencing ONLY=FT05 make faults`` runs a case so. Transactions and the order of a checkpoint are in
``without_commits``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from msgspec import structs

import streams.pipeline.process as process
import streams.worker.changelogs as changelogs
import streams.worker.host as host
from streams.contracts.registry import DeferredSource, RegistryUnavailableError, UnregisteredSchemaError
from streams.ledger import Ledger
from streams.pipeline.lookups.plan import Answer
from streams.services.service import Service
from streams.state.changelog import Marker, read_marker
from streams.state.stores.redis import RedisStore
from streams.state.stores.redis_scripts import STAMP_FIELD, WRITE
from streams.worker.changelogs import ChangelogReader
from streams.worker.in_hand import InHand
from streams.worker.quarantine import Quarantine
from streams.worker.restore import Restorer
from streams.worker.source_watch import SourceWatch
from streams.worker.transport import Consumer, PartitionState
from streams.worker.watchdog import Watchdog

from . import without_commits
from .points import leave_the_lane
from .without_commits import without_markers


def without_watchdog(_: str) -> None:
    """Nobody looks."""
    Watchdog.look = lambda self, now: None  # type: ignore[method-assign]


def without_membership_checks(_: str) -> None:
    """Faust as it is: it never asks whether the coordination is still there, and no watchdog does."""
    GroupCoordinator.check_errors = lambda self: None
    Consumer.is_member = lambda self: True  # type: ignore[method-assign]


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
    """Who takes over begins with what it has read of the changelogs so far."""
    read = ChangelogReader.read

    def read_half(self: Any, store: Any, positions: Any, targets: Any) -> Any:
        return read(self, store, positions, {at: (positions[at] + end) // 2 for at, end in targets.items()})

    ChangelogReader.read = read_half  # type: ignore[method-assign]
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


def without_lookup_failures(_: str) -> None:
    """Who does not answer, or answers nonsense, knows nothing."""

    async def ask(self: Any, questions: Any, **named: Any) -> Any:
        answers = await whole(self, questions, **named)
        return {held: Answer(value=None) if answer.error else answer for held, answer in answers.items()}

    whole = Service.ask
    Service.ask = ask  # type: ignore[method-assign]


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
    for name, deed in {**vars(without_commits), **globals()}.items()
    if name.startswith("without_") and callable(deed)
}
