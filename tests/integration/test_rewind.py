"""Reset and backfill: what comes after them is what a first run gives, and nobody else is touched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.embedded import EmbeddedKafka
from streams.planning import rewinding
from streams.state.changelog import EMPTIED_KEY, MARKER_KEY
from tests.bench.workload import workload

from .cluster import Cluster, WholeRecord, produce, read_whole
from .test_same_bytes import BY_STATUS, JOINED, PEOPLE, W_SCHEMAS, WINDOWS, by_key, copy_schemas, drive, last_of_each

pytestmark = [pytest.mark.integration]

ROWS = """
pipeline: rows
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 3650d}
derive: {with_tax: "round(amount * 1.19, 2)"}
table: {name: latest, key: [customer_id]}
aggregate:
  - table: taxed
    over: rows
    by: [status]
    columns: {n: "count(*)", total: "sum(with_tax)", most: "max(with_tax)"}
    to: bench.taxed.v1
route:
  - {to: bench.plain.v1, key: [customer_id]}
"""
RESULTS = ("closed.v1", "rows.v1", "late.v1", "closed_by_digit.v1", "late_by_digit.v1")
RUNNING = ("running.v1", "digits.v1")
KILLED = """
import os
from streams.planning import rewinding
looked = iter([frozenset(), frozenset()])
def members(self):
    for held in looked:
        return held
    os._exit(9)  # all is in the transaction, and it is not committed
rewinding.Rewinder.members = members
from streams.cli.main import main
main()
"""


class Bench:
    """Workers of three pipelines on one topic, and what they have published."""

    def __init__(self, cluster: Cluster, stamp: str, schemas: Path) -> None:
        self.cluster, self.stamp, self.schemas = cluster, stamp, schemas
        self.source = f"{stamp}.orders.v1"
        self.environment = {
            "STREAMS_BROKERS": cluster.brokers, "STREAMS_APP": cluster.app, "STREAMS_SCHEMAS": str(schemas)
        }  # fmt: skip

    def feed(self, count: int, first: int = 0) -> None:
        events = workload(count, first=first)
        produce(self.cluster.brokers, self.source, ({"key": event.key, "value": event.value} for event in events))

    def run(self, *asked: str) -> Result:
        return CliRunner().invoke(cli, asked, env=self.environment)

    def work(self) -> None:
        """A worker, until everything is committed and nothing more comes out."""
        self.cluster.start("one")
        self.cluster.wait_until(lambda: self.cluster.lag(self.source) == 0)
        known: list[int] = []

        def is_quiet() -> bool:
            known.append(sum(len(self.read(topic)) for topic in self.topics))
            return len(known) > 3 and len(set(known[-3:])) == 1

        self.cluster.wait_until(is_quiet, every_s=1.0)
        assert self.cluster.stop("one") == 0

    def read(self, topic: str) -> list[WholeRecord]:
        return read_whole(self.cluster.brokers, f"{self.stamp}.{topic}")

    topics: tuple[str, ...] = (*RESULTS, *RUNNING, "enriched.v1")

    def published(self) -> dict[str, list[WholeRecord]]:
        return {topic: self.read(topic) for topic in self.topics}

    def kept(self, *names: str) -> dict[str, list[WholeRecord]]:
        """Changelogs without markers, which every checkpoint of the task writes, and without what a reset says."""
        topics = {name: read_whole(self.cluster.brokers, f"{self.cluster.app}-{name}-changelog") for name in names}
        words = (MARKER_KEY, EMPTIED_KEY)
        return {name: [record for record in held if record.key not in words] for name, held in topics.items()}


def rows_of(records: list[WholeRecord]) -> list[Any]:
    """What a reader of a compacted topic has in the end; of a changelog each entry as it is stored."""
    held = {record.key: record.value for record in records}
    return [json.loads(value, parse_float=Decimal) for value in held.values() if value is not None]


def since(before: list[WholeRecord], after: list[WholeRecord]) -> list[WholeRecord]:
    """What was published after ``before``."""
    known = Counter(record.partition for record in before)
    seen: Counter[int] = Counter()
    new = []
    for record in after:
        seen[record.partition] += 1
        if seen[record.partition] > known[record.partition]:
            new.append(record)
    return new


@pytest.fixture
def bench(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Bench]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as cluster:
        stamp = unique("rewind")
        schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, windows=WINDOWS, spread=BY_STATUS, rows=ROWS)
        held = Bench(cluster, stamp, schemas)
        cluster.create_topic(held.source)
        yield held


@pytest.mark.long
def test_a_reset_gives_what_a_first_run_gave_and_touches_nobody_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.feed(20_000)
    bench.work()
    before, kept = bench.published(), bench.kept("totals_by_customer", "w-state", "latest", "rows-state")

    dry = json.loads(bench.run("reset", "windows", "spread", "--dry-run", "--output", "json").stdout)
    assert {row["begins"] for row in dry["topics"] if row["topic"] == bench.source} == {0}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "reset", "windows", "spread", "--yes"],
        env={**bench.environment, "PATH": ""}, check=False,
    )  # fmt: skip
    assert killed.returncode == 9
    done = bench.run("reset", "windows", "spread", "--yes", "--output", "json")
    assert (done.exit_code, json.loads(done.stdout)["done"]) == (0, True), done.output
    bench.work()

    after = bench.published()
    assert after["enriched.v1"] == before["enriched.v1"]
    assert bench.kept("totals_by_customer", "w-state", "latest", "rows-state") == kept
    for topic in RESULTS:
        first = by_key(before[topic], has_broker_time=False)
        assert by_key(since(before[topic], after[topic]), has_broker_time=False) == first, topic
        assert first or "late" in topic
    for topic in RUNNING:
        again = by_key(since(before[topic], after[topic]), has_broker_time=False)
        assert last_of_each(again) == last_of_each(by_key(before[topic], has_broker_time=False)) != {}, topic
    assert json.loads(bench.run("plan", "--output", "json").stdout)["differences"] == []

    # While a worker runs nothing is changed; and what was not reset works on what it knew.
    bench.feed(2_000, first=20_000)
    bench.cluster.start("one")
    bench.cluster.wait_ready("one")
    monkeypatch.setattr(rewinding, "LEAVE_SECONDS", 1.0)
    refused = bench.run("reset", "windows", "--yes")
    assert (refused.exit_code, "workers of this application run (one): stop them all" in refused.output) == (1, True)
    bench.cluster.wait_until(lambda: bench.cluster.lag(bench.source) == 0)
    driver = drive(bench.schemas, bench.cluster.app, {bench.source: bench.read("orders.v1")}, 4)
    worked = by_key(bench.read("enriched.v1"), has_broker_time=False)
    assert worked == by_key(driver.records(f"{bench.stamp}.enriched.v1"), has_broker_time=False)


@pytest.mark.long
def test_a_table_may_have_another_window_under_its_name_after_a_reset(bench: Bench) -> None:
    bench.feed(10_000)
    bench.work()
    before = bench.published()
    file = bench.schemas / "pipelines" / "windows.yaml"
    file.write_text(file.read_text().replace("tumbling: 5s", "tumbling: 10s").replace("1.19", "1.21"))

    told = bench.run("plan")
    assert (told.exit_code, "streams reset windows" in told.output) == (1, True)
    assert bench.run("reset", "windows", "--yes").exit_code == 0
    bench.work()

    driver = drive(bench.schemas, bench.cluster.app, {bench.source: bench.read("orders.v1")}, 4)
    after = bench.published()
    for topic in ("closed.v1", "rows.v1", "late.v1"):
        wanted = by_key(driver.records(f"{bench.stamp}.{topic}"), has_broker_time=False)
        assert by_key(since(before[topic], after[topic]), has_broker_time=False) == wanted, topic
        assert wanted or "late" in topic
    assert after["enriched.v1"] == before["enriched.v1"]
    assert after["digits.v1"] == before["digits.v1"]


@pytest.mark.long
def test_a_backfill_publishes_once_more_what_came_since_as_todays_file_says(bench: Bench) -> None:
    bench.feed(5_000)
    bench.work()
    time.sleep(0.1)
    at_ms = int(time.time() * 1_000)
    bench.feed(5_000, first=5_000)
    bench.work()
    before, plain = bench.published(), bench.read("plain.v1")
    file = bench.schemas / "pipelines" / "rows.yaml"
    file.write_text(file.read_text().replace("1.19", "1.21"))
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1_000)) + f".{at_ms % 1_000:03d}Z"

    assert bench.run("backfill", "windows", "--from", when, "--yes").exit_code == 2
    assert bench.run("backfill", "rows", "--offset", "0=1", "--yes").exit_code == 1
    told = bench.run("backfill", "rows", "--from", when, "--yes", "--output", "json")
    assert told.exit_code == 0, told.output
    bench.work()

    source = bench.read("orders.v1")
    begins = {row["partition"]: row["begins"] for row in json.loads(told.stdout)["topics"]}
    driver = drive(bench.schemas, bench.cluster.app, {bench.source: source}, 4)
    wanted = by_key(driver.records(f"{bench.stamp}.plain.v1"), has_broker_time=False)
    again = by_key(since(plain, bench.read("plain.v1")), has_broker_time=False)
    assert again and all(wanted[place][-len(held) :] == held for place, held in again.items())
    numbers: Counter[int] = Counter()
    expected: Counter[int] = Counter()
    for record in source:  # 50 of the second half are invalid or repeated, as in the first
        expected[record.partition] += numbers[record.partition] >= begins[record.partition]
        numbers[record.partition] += 1
    assert 0.8 * expected.total() < sum(map(len, again.values())) <= expected.total() <= 5_100
    assert bench.published() == before
    groups: dict[str, list[Decimal]] = {}
    for _, _, row in rows_of(bench.kept("latest")["latest"]):  # those of before are as the file said then
        groups.setdefault(row["status"], []).append(row["with_tax"])
    told_of = {row["status"]: (row["n"], row["total"], row["most"]) for row in rows_of(bench.read("taxed.v1"))}
    assert told_of == {status: (len(held), sum(held), max(held)) for status, held in groups.items()}


@pytest.mark.long
def test_pipelines_that_begin_anew_together_are_joined_as_in_a_first_run(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as cluster:
        stamp = unique("rewind")
        schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, people=PEOPLE, joined=JOINED)
        (schemas / "pipelines" / "w.yaml").unlink()
        bench = Bench(cluster, stamp, schemas)
        bench.topics = ("joined.v1",)
        people = f"{stamp}.people.v1"
        for topic, first, count in ((people, 0, 150), (bench.source, 5_000, 5_000), (people, 20_000, 1_000)):
            if first < 20_000:
                cluster.create_topic(topic)
            events = workload(count, first=first, customers=200)
            produce(cluster.brokers, topic, ({"key": event.key, "value": event.value} for event in events))
        bench.work()
        before = bench.published()["joined.v1"]
        rows = bench.kept("people")["people"]

        alone = json.loads(bench.run("reset", "joined", "--dry-run", "--output", "json").stdout)
        assert any("joined joins people as it is now" in note for note in alone["notes"])
        assert bench.run("reset", "joined", "people", "--yes").exit_code == 0
        bench.work()

        again = by_key(since(before, bench.published()["joined.v1"]), has_broker_time=False)
        assert again == by_key(before, has_broker_time=False) != {}
        found = {record.key: record.value for record in bench.kept("people")["people"]}
        assert found == {record.key: record.value for record in rows} != {}
