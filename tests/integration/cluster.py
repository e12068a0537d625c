"""A cluster of real workers: ``faust -A streams.app worker`` processes on a real broker, and what they publish."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

Record = tuple[int, bytes | None, bytes | None]
"""(partition, key, value)."""


class WholeRecord(NamedTuple):
    """A record with all it has."""

    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes | None], ...]


def _whole(message: Any) -> WholeRecord:
    headers = tuple(message.headers() or ())
    return WholeRecord(message.partition(), message.key(), message.value(), message.timestamp()[1], headers)


class Hang(AssertionError):
    """What was waited for did not come."""


class Cluster:
    """Workers of one application; a context manager that leaves no process behind."""

    def __init__(self, brokers: str, schemas: Path, folder: Path, app: str) -> None:
        self.brokers = brokers
        self.app = app
        self.folder = folder
        self.program = "faust"
        """The module that is run as a worker."""
        self.is_apart = False
        """Ctrl-C in the terminal ends whoever runs this, and not the workers at once, too."""
        self._schemas = schemas
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.kill()
            worker.wait()

    def create_topic(self, name: str, partitions: int = 4, **config: str) -> None:
        """A topic with these partitions; dots in option names are underscores here."""
        admin = AdminClient({"bootstrap.servers": self.brokers})
        options = {key.replace("_", "."): value for key, value in config.items()}
        admin.create_topics([NewTopic(name, partitions, -1, config=options)])[name].result(30)

    def start(self, instance: str, **environment: str) -> subprocess.Popen[bytes]:
        """A worker; one of the same instance must have ended."""
        log = (self.folder / f"{instance}.log").open("ab")
        self.workers[instance] = subprocess.Popen(
            [sys.executable, "-m", self.program, "-A", "streams.app", "worker", "-l", "info"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0 if self.is_apart else None,
            env={
                **os.environ,
                "STREAMS_BROKERS": self.brokers,
                "STREAMS_SCHEMAS": str(self._schemas),
                "STREAMS_DATA": str(self.folder / "data"),
                "STREAMS_APP": self.app,
                "STREAMS_INSTANCE": instance,
                "STREAMS_WEB_PORT": "0",
                **environment,
            },
        )
        log.close()
        return self.workers[instance]

    def kill(self, instance: str) -> None:
        """kill -9."""
        self.workers[instance].kill()
        self.workers[instance].wait()

    def stop(self, instance: str) -> int:
        """SIGTERM; the exit code."""
        self.workers[instance].send_signal(signal.SIGTERM)
        return self.workers[instance].wait(60)

    def log(self, instance: str) -> str:
        """What a worker has said."""
        return (self.folder / f"{instance}.log").read_text(errors="replace")

    def get_address(self, instance: str) -> str:
        """Base URL of a worker's web server; empty where it does not listen yet."""
        return ["", *re.findall(r"web server on (http://\S+)", self.log(instance))][-1]

    def get(self, instance: str, path: str) -> tuple[int, str]:
        """Status and body of what a worker answers; 0 where it does not listen yet."""
        address = self.get_address(instance)
        if not address:
            return 0, ""
        try:
            with urllib.request.urlopen(address + path, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_ready(self, *instances: str) -> None:
        """Wait until these workers have joined and restored, all of them with the same plan of who has what."""

        def owned() -> list[Any]:
            answers = [self.get(name, "/health/ready") for name in instances]
            return [len(json.loads(body)["tasks"]) if status == 200 else 0 for status, body in answers]

        self.wait_until(lambda: all(owned()))

    def is_caught_up(self, *instances: str) -> bool:
        """Whether these workers have processed all that they can read; who owns nothing yet has not."""
        answers = [self.get(name, "/api/status") for name in instances]
        tasks = [json.loads(body)["tasks"] if status == 200 else [] for status, body in answers]
        return all(tasks) and all(task["lag"] == 0 for held in tasks for task in held)

    def lag(self, topic: str) -> int:
        """Records of a topic behind the group's committed offsets, control records not counted as work."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": self.app})
        try:
            places = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
            waiting = 0
            try:
                committed = consumer.committed(places, 30)
            except KafkaException:
                return 1 << 40  # the broker has just started: its coordinator is not known yet
            for place in committed:
                low, high = consumer.get_watermark_offsets(place, timeout=30)
                waiting += high - (low if place.offset < 0 else place.offset)
            return waiting
        finally:
            consumer.close()

    def bounds(self, topic: str) -> list[tuple[int, int]]:
        """(first offset, end) by partition; the ends tell of records that are deleted, too."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "bounds"})
        try:
            partitions = sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
            return [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30) for number in partitions]
        finally:
            consumer.close()

    def wait_until(self, is_so: Callable[[], bool], *, patience_s: float = 90.0, every_s: float = 0.2) -> None:
        """Wait for a condition; fails with the logs' ends when it does not come."""
        deadline = time.monotonic() + patience_s
        while not is_so():
            ended = [name for name, worker in self.workers.items() if worker.poll() is not None]
            if time.monotonic() > deadline or ended:
                tails = {name: self.log(name)[-2_500:] for name in self.workers}
                kind = AssertionError if ended else Hang
                raise kind("it did not happen; logs:\n" + "\n".join(f"{k}:\n{v}" for k, v in tails.items()))
            time.sleep(every_s)

    def read(self, topic: str) -> list[Record]:
        """All committed records of a topic."""
        return read_committed(self.brokers, topic)


def read_committed(brokers: str, topic: str) -> list[Record]:
    """All committed records of a topic, by partition in order."""
    return [(record.partition, record.key, record.value) for record in read_whole(brokers, topic)]


def read_whole(brokers: str, topic: str) -> list[WholeRecord]:
    """All committed records of a topic with all they have, by partition in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "tests",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        records: list[WholeRecord] = []
        ended: set[int] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(10_000, 0.1):
                if message.error() is not None:
                    ended.add(message.partition())
                elif message.partition() not in ended:  # what is committed later may not be here as a whole
                    records.append(_whole(message))
        return sorted(records, key=lambda record: record.partition)
    finally:
        consumer.close()


def produce(brokers: str, topic: str, records: Iterable[Mapping[str, object]], *, codec: str = "none") -> None:
    """Send records (``key value`` and optionally ``partition timestamp headers``), partitioned as Java does.

    ``codec``: ``gzip``, ``snappy``, ``lz4`` or ``zstd``; they go compressed.
    """
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 5,
                         "queue.buffering.max.messages": 2_000_000, "message.max.bytes": 16 << 20,
                         "enable.idempotence": True, "compression.type": codec})  # fmt: skip
    # Without idempotence a batch that is sent again, such as to a topic just made, comes behind the next one.
    for number, record in enumerate(records):
        producer.produce(topic, **record)
        if number % 1_000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0
