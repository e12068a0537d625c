"""Troubles of a worker that come from inside: a client whose task dies, sends that fail, batches that take long."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from streams.pipeline import process
from streams.worker.changelogs import ChangelogReader
from streams.worker.engine import Engine
from streams.worker.transport import ConsumerThread

from .points import WATCHED, leave_the_lane, spy

SLOW = b"slow@example.com"
"""In a record that takes long."""
NOWHERE = 9_999
"""A partition that no topic has: a send there fails for good, and not at once."""


def say(text: str) -> None:
    os.write(2, f"{text}\n".encode())


def slow(seconds: str) -> None:
    """A run of records with a slow one in it takes so long, and everything else goes on."""
    handle = Engine.handle

    async def wrapped(self: Any, run: Any) -> None:
        if any(SLOW in (record.value or b"") for record in run.records):
            say("a slow record is in hand")
            await asyncio.sleep(float(seconds))
        await handle(self, run)

    Engine.handle = wrapped  # type: ignore[method-assign]


def deadly(text: str) -> None:
    """A record with this text in it kills the process that decodes it, as the kernel does."""
    leave_the_lane()
    decode = process.decode_records

    def wrapped(records: Any, *rest: Any) -> Any:
        if any(text.encode() in (record.value or b"") for record in records):
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(records, *rest)

    vars(process)["decode_records"] = wrapped


def clock(path: str) -> None:
    """The wall clock is off by the seconds that stand in a file, whenever they change."""
    true_s, true_ns = time.time, time.time_ns
    held = [0.0, 0.0]
    """When the file was read last, monotonic, and what it said."""

    def off_s() -> float:
        now = time.monotonic()
        if now - held[0] > 0.05:
            held[:] = now, float(Path(path).read_text() or 0)
        return held[1]

    vars(time).update(time=lambda: true_s() + off_s(), time_ns=lambda: true_ns() + int(off_s() * 1e9))


def coordinator_dies(seconds: str) -> None:
    """The task that keeps up the membership in aiokafka's consumer ends, and nobody is told."""
    create = ConsumerThread._create_worker_consumer

    def wrapped(self: Any, transport: Any) -> Any:
        consumer = create(self, transport)
        asyncio.get_event_loop().call_later(float(seconds), _end_coordination, consumer)
        return consumer

    ConsumerThread._create_worker_consumer = wrapped  # type: ignore[method-assign]


def _end_coordination(consumer: Any) -> None:
    coordinator = consumer._coordinator
    say("the coordination ends")
    for task in (coordinator._coordination_task, coordinator._heartbeat_task):
        if task is not None:
            task.cancel()


def always_rebalanced(seconds: str) -> None:
    """After so long every commit is told that the group has moved on, and no rebalance ever comes."""
    spy()
    begun = time.monotonic()

    def watch(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if time.monotonic() - begun > float(seconds):
            say("the group has moved on, it says")
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        return call(*arguments, **named)

    WATCHED["send_offsets_to_transaction"] = watch


def fail_sends(every: str) -> None:
    """About each so manieth send fails for good, an output or a part of a changelog."""
    spy()
    left = random.randrange(int(every) // 2, 2 * int(every))

    def is_due(more: int) -> bool:
        nonlocal left
        left -= more
        if left > 0:
            return False
        left = int(every)
        say("a send fails")
        return True

    def one(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if not is_due(1):
            return call(*arguments, **named)
        topic, value, key = (*arguments, None, None)[:3]
        return call(topic, value, key, NOWHERE)

    def batch(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if is_due(len(arguments[1])):
            named = {**named, "partition": NOWHERE}
        return call(*arguments, **named)

    WATCHED.update(produce=one, produce_batch=batch)


def tell_restores(_: str) -> None:
    """Say of each restore how many records it read."""
    apply = ChangelogReader._apply

    def wrapped(self: Any, store: Any, messages: Any, positions: Any, marker: Any) -> Any:
        say(f"restored {sum(message.error() is None for message in messages)} records")
        return apply(self, store, messages, positions, marker)

    ChangelogReader._apply = wrapped  # type: ignore[method-assign]


TROUBLES: dict[str, Callable[[str], None]] = {
    "slow": slow,
    "deadly": deadly,
    "clock": clock,
    "coordinator_dies": coordinator_dies,
    "always_rebalanced": always_rebalanced,
    "fail_sends": fail_sends,
    "tell_restores": tell_restores,
}
