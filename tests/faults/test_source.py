"""Trouble with the source: poison, records that are gone, topics that change under the readers, gaps, clocks."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from streams.worker.stop import ExitCode
from tests.bench.workload import BASE_MS, SourceEvent, workload
from tests.integration.orders_cluster import CUSTOMERS

from . import kafkalog
from .arena import Arena
from .judging import judge_topics, set_options

MOST, HUGE = 900_000, 950_000
"""Bytes: what a worker takes, and what a producer and a broker still do."""


def poison(number: int) -> SourceEvent:
    """Bad bytes, no JSON, JSON that is no event, an event that is no order, too large, without key, a tombstone."""
    key, (order,) = b'{"customer_id":%d}' % (number % CUSTOMERS), workload(1, first=10_000_000 + number)
    kinds: list[tuple[bytes | None, bytes | None]] = [
        (key, b"\xff\xfe\x00garbage"), (key, b'{"before":'), (key, b"[]"), (key, b'{"op":"c","after":{"id":"x"}}'),
        (key, order.value.replace(b"@example.com", b"")), (key, b"x" * HUGE if number % 60 == 5 else b""),
        (None, order.value), (key, None),
    ]  # fmt: skip
    return SourceEvent(*kinds[number % len(kinds)])  # type: ignore[arg-type]


@pytest.mark.fault(
    "FT15", "1 % poison, and thousands in a row", protection="a record that makes a step fail is found and set aside",
    without="dead_letters", short=True,
)  # fmt: skip
def test_poison_is_a_dead_letter_once_and_holds_up_nothing(arena: Arena) -> None:
    def make(count: int, first: int) -> Iterator[SourceEvent]:
        for place, event in enumerate(workload(count, first=first, customers=CUSTOMERS, seed=arena.shard.seed)):
            yield event
            if (first + place) % 100 == 0:
                yield poison((first + place) // 100)

    in_a_row, limit = arena.pick(short=300, long=10_000), {"STREAMS_MAX_RECORD_BYTES": str(MOST)}
    arena.start_all("a", **limit)
    with arena.load(0.2, make=make) as feeder:
        time.sleep(arena.pick(short=1.0, long=30.0))
        feeder.send(poison(number) for number in range(1, in_a_row + 1))
        if arena.shard.is_long:
            arena.kill("a")
            arena.start("a", **limit)
        time.sleep(arena.pick(short=1.0, long=30.0))
        arena.await_recovery()

    arena.judge()


def quarantine(arena: Arena, *words: str) -> Any:
    """``streams quarantine …``, its answer."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", "quarantine", *words, "--output", "json"],
        capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "", "STREAMS_BROKERS": arena.brokers, "STREAMS_SCHEMAS": str(arena.folder / "schemas"),
             "STREAMS_APP": arena.app},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


DEADLY = b"this-kills-whoever-reads-it"


@pytest.mark.fault(
    "FT15Q", "a record that kills the process", protection="what is in hand outlives the process; quarantine",
    without="trace",
)  # fmt: skip
def test_a_record_that_kills_the_process_is_found_and_stepped_over(arena: Arena) -> None:
    arena.restartable.add(-signal.SIGKILL)
    (order,) = workload(1, first=5_000_000, customers=1)
    # Of long ago: to the oracle, which counts it, it is late and changes nothing but itself.
    value = re.sub(rb'"created_at":\d+', b'"created_at":%d' % (BASE_MS - 600_000), order.value)
    deadly = SourceEvent(order.key, value.replace(b'"new"', b'"' + DEADLY + b'"'))
    arena.start_all("a", SABOTAGE=f"deadly:{DEADLY.decode()}")
    with arena.load(0.1) as feeder:
        time.sleep(2.0)
        feeder.send([deadly])
        said = r"runs ended at [^\n]*; to step over it: streams quarantine add (\S+) (\d+) (\d+)-(\d+) --why"
        arena.await_that(lambda: re.search(said, arena.log("a")) is not None, "the record is named")
        topic, partition, first, last = re.search(said, arena.log("a")).groups()  # type: ignore[union-attr]
        assert (topic, first) == (arena.source, last)
        arena.figures["deaths"] = arena.figures["restarts"]
        quarantine(arena, "add", topic, partition, first, "--why", "it kills the worker")
        arena.await_recovery()
        for _ in range(arena.pick(short=1, long=5)):  # the skip is committed as all else is
            time.sleep(arena.chance.uniform(0.5, 2.0))
            arena.kill("a")
            arena.start("a", SABOTAGE=f"deadly:{DEADLY.decode()}")
        arena.await_recovery()

    arena.await_done()
    arena.stop_all()
    (row,) = quarantine(arena, "list")
    assert (row["state"], row["skipped"], row["from"]) == ("passed", 1, int(first))
    judge_topics(arena, allowed={"lost": 1, "lost below the committed offset": 1})
    held = [record for record in kafkalog.read_log(arena.brokers, arena.source) if DEADLY in (record.value or b"")]
    assert [(record.partition, record.offset) for record in held] == [(int(partition), int(first))]


def cut_source(arena: Arena, number: int, before: int) -> None:
    """What retention does: records of a partition before this offset are gone."""
    admin = AdminClient({"bootstrap.servers": arena.brokers})
    next(iter(admin.delete_records([TopicPartition(arena.source, number, before)]).values())).result(30)


@pytest.mark.fault("FT22", "retention overtakes a worker that runs", protection="an offset out of range is noticed",
                   without="range_check")  # fmt: skip
def test_what_retention_took_from_a_running_worker_is_told_exactly(arena: Arena) -> None:
    arena.restartable.add(ExitCode.STATE_REFUSED)
    arena.start_all("a")
    arena.feed(1_000)
    arena.await_done()
    worker, number = arena.workers["a"], arena.chance.randrange(4)
    at = kafkalog.committed(arena.brokers, arena.app, arena.source)[number]
    worker.send_signal(signal.SIGSTOP)
    arena.feed(1_000, first=1_000)
    end = kafkalog.ends(arena.brokers, arena.source, isolation="read_committed")[number]
    cut_source(arena, number, end - 7)
    worker.send_signal(signal.SIGCONT)
    arena.await_that(lambda: "are lost" in arena.log("a"), "the loss is told")

    place = f"{arena.source}[{number}]"
    assert f"{place} has no offset" in arena.log("a")
    told = re.findall(rf"{re.escape(place)}: records (\d+) to (\d+) are lost", arena.log("a"))
    assert (int(told[0][0]), int(told[0][1])) == (at, end - 8)
    time.sleep(2 * 3.0)
    assert kafkalog.committed(arena.brokers, arena.app, arena.source)[number] == at, "it goes on undecided"
    quarantine(arena, "add", arena.source, str(number), f"{at}-{end - 8}", "--why", "too late")
    arena.await_done()
    kinds = [(row["kind"], row["from"], row["to"]) for row in quarantine(arena, "list")]
    assert kinds == [("lost", at, end - 8), ("quarantine", at, end - 8)]


@pytest.mark.fault("FT23", "partitions added under load", protection="a task of a partition that is new is refused",
                   without="partition_counts")  # fmt: skip
def test_more_partitions_than_before_are_refused_and_nothing_is_lost(arena: Arena) -> None:
    arena.start_all("a")
    with arena.load(0.1):
        time.sleep(2.0)
        admin = AdminClient({"bootstrap.servers": arena.brokers})
        admin.create_partitions([NewPartitions(arena.source, 12)])[arena.source].result(30)
        arena.figures["noticed s"] = round(_await_end(arena), 1)

    assert arena.workers["a"].returncode == ExitCode.WRONG_USE
    assert f"{arena.source} has 5 partitions or more, and had 4 when" in arena.log("a")
    committed = kafkalog.committed(arena.brokers, arena.app, arena.source)
    assert [committed[number] for number in range(4, 12)] == [0] * 8, "what is in new partitions waits"
    arena.start("a")
    assert arena.workers["a"].wait(60) == ExitCode.WRONG_USE
    assert "changelog: has 4 partitions, its source" in arena.log("a")


def _await_end(arena: Arena) -> float:
    begun = time.monotonic()
    arena.await_that(lambda: arena.workers["a"].poll() is not None, "the end of a", revives=False)
    return time.monotonic() - begun


@pytest.mark.fault("FT23R", "the source deleted and re-created", protection="offsets are committed with topic ids",
                   without="topic_ids")  # fmt: skip
def test_a_source_that_was_made_anew_is_refused_at_its_start_and_while_it_is_read(arena: Arena) -> None:
    arena.feed(1_000)
    arena.start_all("a")
    arena.await_done()
    assert arena.stop("a") == 0
    _make_anew(arena)
    arena.feed(4_000, first=1_000)  # more than was committed: by its offsets alone the topic looks as before

    arena.start("a")
    assert arena.workers["a"].wait(60) == ExitCode.STATE_REFUSED
    # Kafka forgets the offsets with the topic; those that a worker commits later know it by its id.
    assert "it forgets them where a topic is deleted and re-created" in arena.log("a")
    done = subprocess.run(
        [sys.executable, "-m", "streams", "reset", "w", "--yes"], capture_output=True, text=True, check=False,
        timeout=120, env={"PATH": "", "STREAMS_BROKERS": arena.brokers, "STREAMS_APP": arena.app,
                          "STREAMS_SCHEMAS": str(arena.folder / "schemas")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    arena.start_all("a")
    arena.await_done()
    _make_anew(arena)
    arena.feed(4_000, first=5_000)
    _await_end(arena)
    assert arena.workers["a"].returncode == ExitCode.STATE_REFUSED, arena.log("a")[-2_000:]
    # Whoever looks first says so: the watch by the topic's id, or who takes the tasks anew, as Kafka rebalances.
    *_, last_words = re.findall(r"stopping with exit code 6.*", arena.log("a"))
    assert arena.source in last_words
    assert "deleted and re-created" in last_words


def _make_anew(arena: Arena) -> None:
    admin = AdminClient({"bootstrap.servers": arena.brokers})
    admin.delete_topics([arena.source])[arena.source].result(30)
    deadline = time.monotonic() + 30
    while True:  # a topic takes its time to go
        try:
            arena.create_topic(arena.source)
            return
        except Exception:
            assert time.monotonic() < deadline, "the topic does not go"
            time.sleep(0.2)


@pytest.mark.fault("FT27", "a transactional source with gaps", protection="places are judged by position, not by count",
                   without="positions")  # fmt: skip
def test_gaps_of_aborted_transactions_and_control_records_lose_nothing(arena: Arena) -> None:
    """Scaled: every tenth order is followed by the end of a transaction; every third transaction is aborted."""
    orders = arena.pick(short=3_000, long=30_000)
    producer = Producer({"bootstrap.servers": arena.brokers, "transactional.id": f"{arena.app}-source",
                         "partitioner": "murmur2_random"})  # fmt: skip
    producer.init_transactions(30)
    arena.start_all("a")
    begun, events = time.monotonic(), list(workload(orders, customers=CUSTOMERS, seed=arena.shard.seed))
    for first in range(0, len(events), 10):
        producer.begin_transaction()
        for event in events[first : first + 10]:
            producer.produce(arena.source, event.value, event.key)
        if first % 30 == 20:
            producer.flush(30)  # or there would be nothing of it in the log
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    arena.figures["transactions a second"] = round(orders / 10 / (time.monotonic() - begun))
    arena.feed(200, first=orders)  # by its end nobody could tell whether a log of transactions has been read

    arena.judge()


@pytest.mark.fault("FT27C", "a compacted source with holes", protection="places are judged by position, not by count",
                   without="positions")  # fmt: skip
def test_holes_of_compaction_lose_nothing(arena: Arena) -> None:
    options = {"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.01"}
    set_options(arena.brokers, arena.source, options)
    arena.feed(20_000)
    time.sleep(1.0)
    arena.feed(500, first=20_000)  # the segment that is written to is never compacted

    def held() -> int:
        return sum(1 for _ in kafkalog.read_log(arena.brokers, arena.source))

    arena.await_that(lambda: held() < 10_000, "compaction", patience_s=120)
    arena.figures["holes"] = 20_500 - held()
    arena.start_all("a")
    arena.await_done()
    arena.judge()


@pytest.mark.fault("FT18", "clocks: source ±1 h, worker ±5 min", protection="windows go by event time, timers by none",
                   without="event_time")  # fmt: skip
def test_clocks_that_step_change_no_result(arena: Arena) -> None:
    clock = arena.folder / "clock"
    clock.write_text("0")

    def make(count: int, first: int) -> Iterator[SourceEvent]:
        """Each thousand of orders from a source whose clock is right, an hour ahead, or an hour behind."""
        shift_ms = (0, 3_600_000, -3_600_000)[first // 1_000 % 3]

        def moved(found: re.Match[bytes]) -> bytes:
            return b'"created_at":%d' % (int(found[1]) + shift_ms)

        for event in workload(count, first=first, customers=CUSTOMERS, seed=arena.shard.seed):
            yield SourceEvent(event.key, re.sub(rb'"created_at":(\d+)', moved, event.value))

    arena.start_all("a", "b", SABOTAGE=f"clock:{clock}")
    with arena.load(0.1, make=make):
        for _ in range(arena.pick(short=2, long=12)):
            time.sleep(2.0)
            clock.write_text(str(arena.chance.choice((-300, 0, 300))))
            arena.count("steps")

    arena.judge()
