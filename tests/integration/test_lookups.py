"""Look-ups through a real HTTP service that is down, slow and wrong for a while, asked by a real worker.

Scaled down from a minute each. Nothing is lost, the changes of a row stay in their order, and a partition whose
questions are answered from the cache goes on meanwhile as if nothing had happened.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.embedded import EmbeddedKafka
from tests.contracts.builders import a_contract, a_folder, a_schema

from .cluster import Cluster, produce, read_whole
from .rates import Mood, RatesService

pytestmark = [pytest.mark.integration]

PHASE_SECONDS = 4.0
ROWS = 20
ASKING, KNOWN = 0, 3
"""Partitions: of events whose codes nobody has asked about, and of those with a code that has been answered."""
PIPELINE = """pipeline: priced
source: {topic: STAMP.orders.v1, format: json, contract: "iglu:com.acme/things/jsonschema/1-*-*"}
lookup:
  vat:
    call: "tests.integration.rates:rate"
    args: [code]
    timeout: 250ms
    cache: {keep: 1h}
    breaker: {failures: 5, calls: 10, open: 500ms}
route: [{to: STAMP.priced.v1}]
errors: {dead_letters: STAMP.dead.v1}
"""


class Load:
    """Events of both partitions at the same pace, each row's numbered."""

    def __init__(self, cluster: Cluster, source: str) -> None:
        self.cluster, self.source = cluster, source
        self.sent: dict[int, int] = {ASKING: 0, KNOWN: 0}

    def feed(self) -> None:
        for partition in self.sent:
            first = self.sent[partition]
            events = (self._event(partition, number) for number in range(first, first + 10))
            produce(self.cluster.brokers, self.source, events)
            self.sent[partition] = first + 10

    def _event(self, partition: int, number: int) -> dict[str, object]:
        id = partition * 1_000 + number % ROWS
        code = f"code{number}" if partition == ASKING else "known"
        row = {"id": id, "code": code, "number": number}
        return {"key": json.dumps({"id": id}).encode(), "value": json.dumps(row).encode(), "partition": partition}

    @contextmanager
    def running(self) -> Iterator[None]:
        is_over = threading.Event()

        def run() -> None:
            while not is_over.wait(0.05):
                self.feed()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def committed(cluster: Cluster, source: str, partition: int) -> int:
    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": cluster.app})
    try:
        return max(0, consumer.committed([TopicPartition(source, partition)], 30)[0].offset)
    finally:
        consumer.close()


@pytest.fixture
def service() -> Iterator[RatesService]:
    with RatesService() as held:
        yield held


def test_a_service_that_is_down_slow_and_wrong(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str], service: RatesService
) -> None:
    stamp = unique("rates")
    columns = {"id": {"type": "integer"}, "code": {"type": "string"}, "number": {"type": "integer"}}
    schemas = a_folder(
        tmp_path / "schemas",
        {
            "com.acme/things/jsonschema/1-0-0": a_schema(properties=columns),
            "com.acme/things/contract.yaml": a_contract("{name: id, logicalType: integer, primaryKey: true}"),
            "pipelines/priced.yaml": PIPELINE.replace("STAMP", stamp),
        },
    )
    source, ratios = f"{stamp}.orders.v1", {}
    with Cluster(kafka.bootstrap, schemas, tmp_path, unique("app")) as cluster:
        cluster.create_topic(source)
        cluster.start("one", RATES_URL=service.url)
        load = Load(cluster, source)
        load.feed()
        cluster.wait_until(lambda: cluster.lag(source) == 0)
        with load.running():
            for mood in Mood:
                service.feel(mood)
                began, sent = committed(cluster, source, KNOWN), load.sent[KNOWN]
                time.sleep(PHASE_SECONDS)
                ratios[mood] = (committed(cluster, source, KNOWN) - began) / max(1, load.sent[KNOWN] - sent)
            service.feel(Mood.WELL)
        cluster.wait_until(lambda: cluster.lag(source) == 0)
        assert cluster.workers["one"].poll() is None
        priced, dead = (read_whole(cluster.brokers, f"{stamp}.{topic}") for topic in ("priced.v1", "dead.v1"))
        _, metrics = cluster.get("one", "/metrics")

    told = {mood.value: round(held, 2) for mood, held in ratios.items()}
    print(f"share of its load that the other partition did: {told}; sent {load.sent}, dead {len(dead)}")
    assert all(ratios[mood] >= 0.8 * min(1.0, ratios[Mood.WELL]) for mood in Mood), ratios
    assert_nothing_is_lost(load, [record.value for record in priced], [record.value for record in dead])
    assert {value for record in dead for name, value in record.headers if name.endswith("errors.code")} <= {
        b"lookup_unavailable",
        b"lookup_failed",
    }
    assert len(dead) < load.sent[ASKING] / 4
    assert 'cdc_lookup_breaker{lookup="vat",pipeline="priced",state="closed"} 1.0' in metrics


def assert_nothing_is_lost(load: Load, priced: list[bytes | None], dead: list[bytes | None]) -> None:
    """Each event is published or dead, once; those of a row that are published are in their order."""
    rows = [json.loads(value or b"") for value in priced]
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        numbers[row["id"]].append(row["number"])
    assert all(found == sorted(found) for found in numbers.values())
    ended = [(row["id"] // 1_000, row["number"]) for row in [*rows, *(json.loads(value or b"") for value in dead)]]
    assert sorted(ended) == sorted((part, number) for part, count in load.sent.items() for number in range(count))
    assert {row["vat"] for row in rows} == {0.19}
