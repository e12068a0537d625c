"""Records that make trouble: poison behind a slow one, copies, another order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

import pytest

from tests.bench.workload import SourceEvent, workload
from tests.integration.orders_cluster import CUSTOMERS

from . import kafkalog, oracle
from .arena import Arena
from .kafkalog import LogRecord

COPIES = 3
WITHIN = 1_000
POISON = SourceEvent(b'{"customer_id":1}', b"\xff\x00 no JSON at all")
MANY = 10_000_000
"""Numbers of orders that nobody else feeds."""


@pytest.mark.fault("FT16", "poison directly behind a slow record, then kill -9", without="processed_offsets",
                   protection="offsets of what is processed, not of what was fetched")  # fmt: skip
def test_a_slow_record_in_front_of_poison_is_processed_after_a_kill(arena: Arena) -> None:
    for number in range(arena.pick(short=1, long=10)):
        arena.retire("a")
        arena.start_all("a", SABOTAGE="slow:30")
        arena.feed_events([_slow(MANY + number)])
        arena.await_line("a", "a slow record is in hand", times=number + 1)
        arena.feed_events([POISON, *workload(50, first=MANY + 1_000 * (number + 1), customers=1, seed=1)])
        time.sleep(arena.chance.uniform(0.0, 2.0))  # the reader's thread goes on fetching
        arena.kill("a")
        arena.revive_with()
        arena.await_done()

    arena.judge()


def _slow(number: int) -> SourceEvent:
    (event,) = workload(1, first=number, customers=1, seed=3)
    return SourceEvent(event.key, event.value.replace(b"c0@example.com", b"slow@example.com"))


@pytest.mark.fault("FT17", "each record three times, shuffled within 1,000", protection="deduplication by identity",
                   without="deduplication")  # fmt: skip
def test_copies_and_another_order_change_no_total(arena: Arena) -> None:
    arena.start_all("a", "b")
    with arena.load(0.05, make=lambda count, first: _shuffled(count, first, arena.shard.seed)) as feeder:
        for _ in range(arena.pick(short=1, long=4)):
            time.sleep(arena.chance.uniform(4.0, 10.0))
            arena.kill(name := arena.chance.choice("ab"))
            arena.count("kills")
            arena.start(name)
            arena.await_recovery()

    sent = feeder.next
    arena.judge()
    assert arena.figures["late"] == 0
    # The totals do not depend on the order: those of the orders as they were made, each once.
    made = oracle.recompute(_as_records(_events(0, sent, arena.shard.seed, feeder.per_part)), {}).windows
    source = oracle.recompute(kafkalog.read_log(arena.brokers, arena.source), {}).windows
    assert made == source


def _made(count: int, first: int, seed: int) -> list[SourceEvent]:
    return list(workload(count, first=first, customers=CUSTOMERS, seed=seed))


def _shuffled(count: int, first: int, seed: int) -> Iterable[SourceEvent]:
    events = _made(count, first, seed)
    chance = random.Random(first)
    for start in range(0, len(events), WITHIN):
        copies = events[start : start + WITHIN] * COPIES
        chance.shuffle(copies)
        yield from copies


def _events(first: int, end: int, seed: int, step: int) -> Iterable[SourceEvent]:
    for start in range(first, end, step):
        yield from _made(step, start, seed)


def _as_records(events: Iterable[SourceEvent]) -> Iterable[LogRecord]:
    """In one partition: a total is of one customer, who has one."""
    return (LogRecord(0, number, event.key, event.value, {}) for number, event in enumerate(events))
