"""The customer's ``quality_rules`` as written, on real workers: what they find is what a naive observer finds.

One worker is killed in the middle; the same records through the driver give the same findings and dead letters.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.contracts import read_contracts
from streams.embedded import EmbeddedKafka
from streams.pipeline.compile import compile_topology
from streams.pipeline.task import Task
from streams.settings import Settings
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver
from streams.worker.engine import Engine
from streams.worker.owned import OwnedTask
from streams.worker.starts import Starts
from streams.worker.trim import Trimmer

from ..contracts.builders import a_folder
from ..quality.builders import RULES_AS_WRITTEN, Source, a_pipeline_text, broken_rules, duplicates, files
from .cluster import Cluster, produce, read_whole
from .test_same_bytes import by_key

pytestmark = [pytest.mark.integration]

PARTITIONS = 4


class Recorder:
    """Stands where a driver would, and keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, topic: str, **record: Any) -> None:
        self.sent.append({**record, "headers": list(record.get("headers", ()))})


def a_history(seed: int, changes: int, topic: str) -> tuple[list[dict[str, Any]], dict[int, Any], list[str]]:
    """(records, live rows in the end, the rules that each dead letter breaks)."""
    chance, recorder = random.Random(seed), Recorder()
    source = Source(recorder, topic)  # type: ignore[arg-type]
    rows: dict[int, Any] = {}
    there: set[int] = set()
    dead: list[str] = []
    for number in range(changes):
        id = chance.randrange(200)
        if id in there and chance.random() < 0.2:
            source.delete(id)
            there.discard(id)
            rows.pop(id, None)
            continue
        if number == changes // 2:
            source.truncate(partition=1)
            there, rows = set(), {}
        email = chance.choice([None, "no address", *(f"u{chance.randrange(300)}@shop.test" for _ in range(10))])
        age = chance.choice([None, 151, *range(18, 30)])
        row = {"email": email, "age": age, "created_at": chance.choice(["2026-03-01T10:30:00Z", "2999-01-01T00:00:00Z"]
               if chance.random() < 0.1 else ["2026-03-01T10:30:00Z"])}  # fmt: skip
        source.change(id, op="u" if id in there else "c", **row)
        there.add(id)
        if found := broken_rules({"id": id, **row}, ()):
            dead.append(",".join(sorted(found)))
        else:
            rows[id] = row
    return recorder.sent, rows, sorted(dead)


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


def last_by_key(records: Any) -> Mapping[bytes, bytes]:
    """What a compacted topic holds in the end."""
    last = {record.key: record.value for record in records}
    return {key: value for key, value in last.items() if value is not None}


def metric(text: str, name: str, **labels: str) -> float:
    """The sum of all samples of ``name`` with these labels."""
    lines = re.findall(rf"^{name}\{{(.*?)\}} (\S+)$", text, re.M)
    held = [(dict(re.findall(r'(\w+)="(.*?)"', told)), float(value)) for told, value in lines]
    return sum(value for told, value in held if labels.items() <= told.items())


def told(found: Mapping[bytes, bytes]) -> list[tuple[str, int, str]]:
    """(rule, rows, their keys) of what is found of duplicates."""
    held = map(json.loads, found.values())
    return sorted((one["rule"], one["rows"], json.dumps(one["keys"])) for one in held if "rows" in one)


def test_quality_rules_as_written(cluster: Cluster, unique: Callable[[str], str]) -> None:
    topic = f"{unique('cdc')}.users.v1"
    pipeline = a_pipeline_text(mask={"email": "redact"}, route=[{"to": f"{topic}.out"}])
    pipeline = pipeline.replace("cdc.users.v1", topic)
    schemas = a_folder(
        cluster.folder / "schemas", files({"quality_rules.py": RULES_AS_WRITTEN, "pipelines/users.yaml": pipeline})
    )
    cluster.create_topic(topic, PARTITIONS)
    records, rows, dead = a_history(7, 3_000, topic)
    stage, findings = f"{cluster.app}-users-quality-repartition", f"{cluster.app}-users-quality"

    cluster.start("one")
    cluster.start("two")
    cluster.wait_ready("one", "two")
    produce(cluster.brokers, topic, records[:2_000])
    cluster.wait_until(lambda: cluster.lag(topic) < 1_500)
    cluster.kill("two")
    produce(cluster.brokers, topic, records[2_000:2_500])
    cluster.start("two")
    cluster.wait_ready("one", "two")  # scores are of a process: both have something to judge
    produce(cluster.brokers, topic, records[2_500:])
    # Transactions of two workers leave two ends at the end of a stage's partition, and none of them is a record.
    cluster.wait_until(lambda: cluster.lag(topic) == 0 and cluster.lag(stage) <= 2 * PARTITIONS)
    cluster.wait_until(lambda: cluster.is_caught_up("one", "two"))
    # The newest row is months old: nothing more comes, and the objective is missed.
    cluster.wait_until(lambda: any(b'"freshness"' in key for key in last_by_key(read_whole(cluster.brokers, findings))))

    wanted = duplicates(rows, "email")
    assert wanted
    cluster.wait_until(lambda: told(last_by_key(read_whole(cluster.brokers, findings))) == sorted(wanted.elements()))
    found = last_by_key(read_whole(cluster.brokers, findings))
    assert told(found) == sorted(wanted.elements())
    letters = read_whole(cluster.brokers, f"{topic}-users-dlt")
    assert sorted((dict(r.headers)["__contract.errors.rule"] or b"").decode() for r in letters) == dead
    assert {dict(r.headers)["__contract.errors.code"] for r in letters} == {b"quality_rule"}

    driver = Driver(schemas, app=cluster.app, partitions={topic: PARTITIONS}, mask_key=None)
    for record in read_whole(cluster.brokers, topic):
        driver.send(
            topic, key=record.key, value=record.value, timestamp_ms=record.timestamp_ms, partition=record.partition,
            headers=record.headers,
        )  # fmt: skip
    driver.advance(ms=1)
    assert last_by_key(driver.records(findings)) == found
    assert by_key(driver.records(f"{topic}-users-dlt"), has_broker_time=True) == by_key(letters, has_broker_time=True)
    rows_out = read_whole(cluster.brokers, f"{topic}.out")
    assert by_key(driver.records(f"{topic}.out"), has_broker_time=False) == by_key(rows_out, has_broker_time=False)

    pages = [cluster.get(name, "/metrics")[1] for name in ("one", "two")]
    assert sum(metric(page, "cdc_quality_open_findings", rule="uniqueness.email") for page in pages) == len(wanted)
    assert sum(metric(page, "cdc_quality_open_findings", rule="freshness") for page in pages) == 1
    assert max(metric(page, "cdc_freshness_objective_seconds") for page in pages) == 3_600
    assert all(0 < metric(page, "cdc_quality_dataset_score_ratio") < 1 for page in pages)


def test_what_a_stage_has_committed_is_trimmed(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    folder = a_folder(tmp_path / "schemas", files({"quality_rules.py": RULES_AS_WRITTEN}))
    settings = Settings(brokers=kafka.bootstrap, data=tmp_path, schemas=folder, app=unique("app"), store="memory://")
    topology = compile_topology(read_contracts(folder), app=settings.app)
    engine = Engine(settings, topology, "one")
    stage = topology.subtopologies[1]
    (topic,) = stage.source_topics
    with Cluster(kafka.bootstrap, folder, tmp_path, settings.app) as cluster:
        cluster.create_topic(topic, 2)
    produce(kafka.bootstrap, topic, ({"key": b"k", "value": b"v", "partition": 1} for _ in range(10)))
    owned = OwnedTask(Task(stage, 1, MemoryStore()), must_commit=False)
    engine.tasks = {(topic, 1): owned}
    trimmer = Trimmer(engine)

    assert trimmer.due() == {}
    owned.task.start_at(topic, 7)
    assert trimmer.due() == {(topic, 1): 7}
    trimmer.trim(trimmer.due())

    assert Starts(settings.librdkafka(), app=settings.app).bounds([topic], 1) == {topic: (7, 10)}
    assert trimmer.due() == {}
