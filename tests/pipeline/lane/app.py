"""App: batches through all tasks of an application, its stages among them; everything that comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiokafka.partitioner import murmur2

from streams.contracts import read_contracts
from streams.pipeline.compile import compile_topology
from streams.pipeline.task import Task
from streams.pipeline.topology import Topology
from streams.records import EVERY_PARTITION, Delivery, RecordBatch, SourceRecord
from streams.state.stores.memory import MemoryStore

from ...contracts.builders import a_contract, a_folder, a_schema
from .ways import COLUMNS, NOW_MS, PIPELINE, REQUIRED, Left, check_point, fetched, note

PARTITIONS = 2
USERS = "cdc.users.v1"
USER_COLUMNS: Mapping[str, object] = {
    "customer": {"type": "integer"},
    "country": {"type": ["string", "null"]},
    "age": {"type": ["integer", "null"]},
    "rate": {"type": ["number", "null"]},
}
OF_USERS: Mapping[str, Any] = {
    "pipeline": "users",
    "source": {"topic": USERS, "format": "debezium-json", "contract": "iglu:com.acme/users/jsonschema/1-*-*"},
    "table": {"name": "users", "key": ["customer"]},
}
SUMS = {"n": "count(*)", "sum": "sum(amount)", "ages": "sum(age)", "rates": "sum(rate)", "mean": "avg(twice)"}
OWN = {**SUMS, "gross": "sum(gross)"}
MINUTES, PATIENT = {"tumbling": "1m", "grace": "1s"}, {"tumbling": "1m", "grace": "2m"}
JOINED: Mapping[str, Any] = {
    **PIPELINE,
    "source": {**PIPELINE["source"], "key": ["customer"]},
    "join": [
        {
            "table": "users",
            "by": ["customer"],
            "columns": {"country": "country", "age": "age", "rate": "rate"},
            "missing": "keep",
        }
    ],
    "derive": {
        "twice": "count * 2",
        "odd": "id % 7",
        "gross": "amount * 1.25",
        "label": "upper(note)",
        "older": "age + twice",
        "flagged": "flag",
    },
    "aggregate": [
        {"table": "own", "by": ["customer", "country"], "window": MINUTES, "columns": OWN, "to": "own.v1"},
        {"table": "by_odd", "by": ["odd"], "window": {"tumbling": "1h"}, "columns": SUMS, "to": "by_odd.v1"},
        {"table": "odd_minutes", "by": ["odd"], "window": PATIENT, "columns": {"n": "count(*)"}},
        {"table": "by_country", "by": ["country", "label"], "columns": {"gross": "sum(gross)", "n": "count(label)"}},
        {"table": "most", "by": ["state"], "window": MINUTES, "columns": {"most": "max(amount)"}, "to": "most.v1"},
    ],
    "route": [{"to": "out.v1", "key": ["id"], "attach": {"n": "own.n", "ages": "own.ages"}}],
}


def an_app(*pipelines: Mapping[str, Any], native: bool, **options: Any) -> Topology:
    """``pipelines`` over the contracts of these tests."""
    files: dict[str, str | bytes] = {
        "com.acme/orders/jsonschema/1-0-0": a_schema("orders", properties=COLUMNS, required=REQUIRED),
        "com.acme/orders/contract.yaml": a_contract(
            "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}", name="orders"
        ),
        "com.acme/users/jsonschema/1-0-0": a_schema("users", properties=USER_COLUMNS, required=["customer"]),
        "com.acme/users/contract.yaml": a_contract(
            "{name: customer, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}", name="users"
        ),
        **{f"pipelines/{pipeline['pipeline']}.yaml": json.dumps(pipeline) for pipeline in pipelines},
    }
    with TemporaryDirectory() as folder:
        contracts = read_contracts(a_folder(Path(folder), files))
    return compile_topology(contracts, app="app", native=native, **options)


def lanes_of(topology: Topology) -> dict[str, bool]:
    """By plan, stages among them, whether it has a lane."""
    return {plan.name: plan.lane is not None for sub in topology.subtopologies for plan in sub.plans}


@dataclass(slots=True)
class App:
    """All tasks, over topics in memory."""

    topology: Topology
    is_fetched: bool
    left: Left = field(default_factory=Left)
    tasks: dict[tuple[int, int], Task] = field(default_factory=dict)
    stores: list[MemoryStore] = field(default_factory=list)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    between: dict[tuple[str, int], list[SourceRecord]] = field(default_factory=dict)
    """By topic of a stage and partition, what it has not read."""

    def __post_init__(self) -> None:
        for number, sub in enumerate(self.topology.subtopologies):
            for partition in range(PARTITIONS):
                self.stores.append(MemoryStore())
                self.tasks[number, partition] = Task(sub, partition, self.stores[-1], partitions=PARTITIONS)

    def process(self, topic: str, partition: int, records: list[SourceRecord]) -> None:
        """The next batch of a topic."""
        begin = self.ends.get((topic, partition), 0)
        self.ends[topic, partition] = begin + len(records)
        placed = [
            SourceRecord(topic, partition, begin + place, record.timestamp_ms, record.key, record.value, record.headers)
            for place, record in enumerate(records)
        ]
        if self.is_fetched:
            placed = fetched(placed)
        batch = RecordBatch(topic=topic, partition=partition, records=placed, next_offset=begin + len(records))
        (number,) = [number for number, sub in enumerate(self.topology.subtopologies) if topic in sub.source_topics]
        result = self.tasks[number, partition].process(batch, now_ms=NOW_MS)
        note(self.left, result)
        self._send(result.deliveries)

    def _send(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            if not delivery.topic.endswith("-repartition"):
                continue
            places = range(PARTITIONS)
            if delivery.partition != EVERY_PARTITION:
                places = range(place := int(murmur2(delivery.key) & 0x7FFFFFFF) % PARTITIONS, place + 1)
            for place in places:
                record = SourceRecord(delivery.topic, place, 0, delivery.timestamp_ms, delivery.key, delivery.value)
                self.between.setdefault((delivery.topic, place), []).append(record)

    def arrive(self) -> None:
        """Stages read what has come to them."""
        for (topic, place), records in list(self.between.items()):
            self.between[topic, place] = []
            if records:
                self.process(topic, place, records)

    def commit(self) -> None:
        """A checkpoint of every task; stages read what has come to them in between."""
        for is_stage in (False, True):
            if is_stage:
                self.arrive()
            for task in self.tasks.values():
                if task.is_stage == is_stage:
                    self._send(check_point(task, self.left))

    def wait(self, ms: int) -> None:
        """Nothing comes for so long."""
        for task in self.tasks.values():
            task.advance_clock(now_ms=NOW_MS + ms, caught_up=task.sub.source_topics)
        self.commit()

    def store(self) -> list[tuple[bytes, bytes]]:
        """All that the tasks have committed."""
        return [entry for store in self.stores for entry in store.scan(b"", b"\xff" * 9)]


def ran(topology: Topology, batches: Iterable[tuple[str, int, list[SourceRecord]]], *, is_fetched: bool = True) -> Left:
    """``batches`` of (topic, partition, records), with a checkpoint behind every third one."""
    app = App(topology, is_fetched=is_fetched and any(lanes_of(topology).values()))
    for number, (topic, partition, records) in enumerate(batches):
        app.process(topic, partition, records)
        if number % 3 == 2:
            app.commit()
    app.commit()
    app.left.stored = app.store()
    app.left.deliveries.sort(key=lambda delivery: delivery.topic)
    return app.left
