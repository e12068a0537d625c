"""Edges: records that nobody wants, on real workers. One run of two workers is looked at by all tests.

Every pipeline of the topic sees every record, so each record has one outcome in each of the two.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.embedded import EmbeddedKafka
from tests.contracts.builders import a_contract, a_folder, a_schema

from .cluster import Cluster, WholeRecord, produce, read_whole

pytestmark = [pytest.mark.integration]

SECRET = "SECRET-4711"
NOW_MS = 1_700_000_000_000
PARTITIONS = 2
TOPICS = 4
"""Two sources, and for each a topic that tells TRUNCATEs to all partitions."""
PIPELINES = ("latest", "counts")
HEADERS = [("trace", b"\x00\x01"), ("trace", b"again"), ("empty", b"")]


def a_change(number: object, *, op: str = "c", created_at: str = "2026-01-02T03:04:05Z", note: str = SECRET) -> bytes:
    """A change of an item in Debezium's envelope."""
    row = {"id": number, "note": note, "created_at": created_at}
    images = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
    return json.dumps({**images, "op": op, "source": {"name": "s", "ts_ms": NOW_MS, "lsn": hash(note) % 1000}}).encode()


def a_key(number: object) -> bytes:
    return json.dumps({"id": number}).encode()


def a_record(number: object, value: bytes | None, **more: object) -> dict[str, Any]:
    return {"key": a_key(number), "value": value, "partition": 0, "headers": HEADERS, **more}


BAD = {
    "decode_failed": a_record(1, b'\xff{"note": "' + SECRET.encode()),
    "key_missing": a_record(2, a_change(2), key=None),
    "contract_violation": a_record(3, a_change(SECRET)),
    "event_time_in_future": a_record(4, a_change(4, created_at="9999-01-02T03:04:05Z")),
    "too_large": a_record(5, a_change(5, note=SECRET + "x" * 5_000_000)),
}
"""One record for each reason, all in partition 0; afterwards a valid event must still be processed."""
GOOD = [
    a_record(10, a_change(10)),
    a_record(10, a_change(10)),  # the very same change again
    a_record(11, a_change(11), partition=1),
    a_record(12, a_change(12)),
    a_record(12, a_change(12, op="d", note="")),
    a_record(12, None),
]
LAST = [a_record(20, a_change(20)), a_record(21, a_change(21), partition=1)]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the run has left behind."""

    topic: str
    dead: Mapping[str, list[WholeRecord]]
    """By pipeline."""
    latest: list[WholeRecord]
    counts: list[WholeRecord]
    samples: Mapping[str, list[tuple[dict[str, str], float]]]
    """By name, over both workers."""
    answers: Mapping[str, list[tuple[int, str]]]
    """By path, what each worker says."""
    exit_codes: tuple[int, ...]
    logs: str

    def total(self, name: str, **labels: str) -> float:
        return sum(value for found, value in self.samples.get(name, ()) if labels.items() <= found.items())


PATHS = (
    "/health/live",
    "/health/ready",
    "/api/tables/latest/rows",
    "/api/tables/latest/rows/20",
    "/api/tables/latest/rows/21",
    "/api/tables/latest/rows/12",
    "/api/status",
)


def schemas(folder: Path, topic: str, empty: str) -> Path:
    """Two pipelines on ``topic``, one on ``empty``."""
    properties = {
        "id": {"type": "integer"},
        "note": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
    }
    columns = ("{name: id, logicalType: integer, primaryKey: true}", "{name: created_at, logicalType: timestamp}")
    source = 'format: debezium-json, contract: "iglu:com.acme/things/jsonschema/1-*-*", event_time: created_at'
    counts = f'{{table: counts, by: [id], columns: {{changes: "count(*)"}}, to: {topic}.counts}}'
    return a_folder(
        folder,
        {
            "com.acme/things/jsonschema/1-0-0": a_schema(properties=properties),
            "com.acme/things/contract.yaml": a_contract(*columns),
            "pipelines/latest.yaml": f"pipeline: latest\nsource: {{topic: {topic}, {source}}}\n"
            f"table: {{name: latest}}\nroute: [{{to: {topic}.latest}}]\n",
            "pipelines/counts.yaml": f"pipeline: counts\nsource: {{topic: {topic}, {source}}}\naggregate: [{counts}]\n",
            "pipelines/idle.yaml": f"pipeline: idle\nsource: {{topic: {empty}, {source}}}\ntable: {{name: idle}}\n",
        },
    )


@pytest.fixture(scope="module")
def seen(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory, stamp: Callable[[str], str]) -> Iterator[Seen]:
    """Feed two workers, wait until all is done, look at everything, stop them."""
    folder, topic, empty = tmp_path_factory.mktemp("edges"), stamp("edges"), stamp("nothing")
    with Cluster(kafka.bootstrap, schemas(folder / "schemas", topic, empty), folder, stamp("app")) as cluster:
        cluster.create_topic(topic, PARTITIONS, max_message_bytes="6000000")
        cluster.create_topic(empty, PARTITIONS)
        produce(cluster.brokers, topic, [*BAD.values(), *GOOD])
        cluster.start("a")
        cluster.wait_ready("a")  # it has every task, and what it says of half of them must go with them
        cluster.start("b")
        cluster.wait_ready("a", "b")
        produce(cluster.brokers, topic, LAST)
        cluster.wait_until(lambda: cluster.lag(topic) == 0 and sum(lags(cluster)) == 0)
        yield look(cluster, topic)


def lags(cluster: Cluster) -> list[float]:
    """What the workers say of their lag; every partition must be told."""
    found = samples(cluster).get("cdc_lag_records", [])
    return [value for _, value in found] if len(found) == TOPICS * PARTITIONS else [1.0]


def samples(cluster: Cluster) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for name in cluster.workers:
        for family in text_string_to_metric_families(cluster.get(name, "/metrics")[1]):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def look(cluster: Cluster, topic: str) -> Seen:
    measured = samples(cluster)
    answers = {path: [cluster.get(name, path) for name in ("a", "b")] for path in PATHS}
    exit_codes = tuple(cluster.stop(name) for name in ("a", "b"))
    return Seen(
        topic=topic,
        dead={name: read_whole(cluster.brokers, f"{topic}-{name}-dlt") for name in PIPELINES},
        latest=read_whole(cluster.brokers, f"{topic}.latest"),
        counts=read_whole(cluster.brokers, f"{topic}.counts"),
        samples=measured,
        answers=answers,
        exit_codes=exit_codes,
        logs=cluster.log("a") + cluster.log("b"),
    )


def headers(message: WholeRecord) -> dict[str, str]:
    """Headers that were added, without the original ones."""
    return {name: value.decode() for name, value in message.headers if name.startswith("__")}


def by_reason(messages: list[WholeRecord]) -> dict[str, WholeRecord]:
    return {headers(message)["__contract.errors.code"]: message for message in messages}


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("reason", BAD)
def test_a_record_that_cannot_go_on_is_a_dead_letter_with_its_original_bytes(
    seen: Seen, pipeline: str, reason: str
) -> None:
    record = BAD[reason]

    letter = by_reason(seen.dead[pipeline])[reason]

    assert (letter.key, letter.value, letter.partition) == (record["key"], record["value"], 0)
    assert [header for header in letter.headers if not header[0].startswith("__")] == HEADERS


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_each_bad_record_is_dead_once_and_nothing_else_is(seen: Seen, pipeline: str) -> None:
    assert Counter(headers(letter)["__contract.errors.code"] for letter in seen.dead[pipeline]) == Counter(list(BAD))


def test_the_headers_say_where_the_record_was_and_what_is_wrong_with_it(seen: Seen) -> None:
    letter = by_reason(seen.dead["latest"])["contract_violation"]
    found = headers(letter)

    own = {name: found.pop(f"__contract.errors.{name}") for name in ("fingerprint", "first_failed_at")}
    assert len(own["fingerprint"]) == 16
    assert int(own["first_failed_at"]) > NOW_MS
    app = found.pop("__connect.errors.connector.name")
    assert app.startswith("app-")
    original = found.pop("__contract.errors.original_timestamp")
    assert int(original) > NOW_MS
    message = "iglu:com.acme/things/jsonschema/1-0-0 is broken in: id"
    assert found == {
        "__connect.errors.topic": seen.topic,
        "__connect.errors.partition": "0",
        "__connect.errors.offset": "2",
        "__connect.errors.task.id": "latest:0",
        "__connect.errors.stage": "TRANSFORMATION",
        "__connect.errors.class.name": "streams.pipeline.latest",
        "__connect.errors.exception.class.name": "streams.errors.ContractViolationError",
        "__connect.errors.exception.message": message,
        "__contract.errors.code": "contract_violation",
        "__contract.errors.uri": "iglu:com.acme/things/jsonschema/1-0-0",
        "__contract.errors.rule": "type",
        "__contract.errors.path": "id",
        "__contract.errors.message": message,
        "__contract.errors.attempt": "1",
    }


def test_no_header_and_no_log_line_holds_a_value_of_a_row(seen: Seen) -> None:
    letters = [letter for held in seen.dead.values() for letter in held]

    assert [name for letter in letters for name, value in letter.headers if SECRET.encode() in value] == []
    assert SECRET not in seen.logs


def test_valid_events_before_and_after_bad_ones_are_published_once(seen: Seen) -> None:
    published = [(json.loads(message.key or b""), message.value is None) for message in seen.latest]

    assert sorted(published, key=str) == [
        ({"id": 10}, False),
        ({"id": 11}, False),
        ({"id": 12}, False),
        ({"id": 12}, True),
        ({"id": 20}, False),
        ({"id": 21}, False),
    ]


def test_a_far_future_event_moves_no_clock_so_the_next_event_counts(seen: Seen) -> None:
    last = {json.loads(m.key or b"")["id"]: json.loads(m.value or b"")["changes"] for m in seen.counts}

    assert last == {10: 1, 11: 1, 12: 2, 20: 1, 21: 1}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_outcomes_of_a_pipeline_add_up_to_the_records_sent(seen: Seen, pipeline: str) -> None:
    outcomes = {
        outcome: seen.total("cdc_events_total", pipeline=pipeline, outcome=outcome)
        for outcome in ("processed", "duplicate", "filtered", "late", "retried", "parked", "dead")
    }

    assert {outcome: count for outcome, count in outcomes.items() if count} == {
        "processed": 6,
        "duplicate": 1,
        "filtered": 1,
        "dead": 5,
    }
    assert sum(outcomes.values()) == len(BAD) + len(GOOD) + len(LAST)


@pytest.mark.parametrize("reason", BAD)
def test_dead_letters_are_counted_by_reason(seen: Seen, reason: str) -> None:
    counts = {name: seen.total("cdc_dead_letters_total", pipeline=name, reason=reason) for name in PIPELINES}

    assert counts == dict.fromkeys(PIPELINES, 1.0)


def test_metrics_tell_lag_latency_checkpoints_watermarks_restores_and_tasks(seen: Seen) -> None:
    places = {(labels["topic"], labels["partition"]): value for labels, value in seen.samples["cdc_lag_records"]}
    watermarks = {
        (labels["pipeline"], labels["partition"]) for labels, _ in seen.samples["cdc_watermark_delay_seconds"]
    }

    assert (len(places), set(places.values())) == (TOPICS * PARTITIONS, {0.0})
    assert seen.total("cdc_event_latency_seconds_count") > 0
    assert seen.total("cdc_checkpoint_seconds_count") > 0
    assert {value for _, value in seen.samples["cdc_restored_ratio"]} == {1.0}
    assert watermarks == {(name, str(number)) for name in PIPELINES for number in range(PARTITIONS)}
    assert seen.total("cdc_tasks") == 2 * PARTITIONS


def test_workers_are_live_and_ready_also_on_a_topic_without_records(seen: Seen) -> None:
    assert seen.answers["/health/live"] == [(200, '{"status":"live"}')] * 2
    ready = [json.loads(body) for status, body in seen.answers["/health/ready"] if status == 200]
    assert [held["ready"] for held in ready] == [True, True]
    assert sorted(len(held["tasks"]) for held in ready) == [2, 2]


def test_every_worker_shows_the_rows_of_all_and_none_that_was_deleted(seen: Seen) -> None:
    def ids(body: str) -> list[int]:
        return sorted(row["key"][0] for row in json.loads(body)["rows"])

    assert [ids(body) for _, body in seen.answers["/api/tables/latest/rows"]] == [[10, 11, 20, 21]] * 2


def test_a_row_is_found_on_its_owner_and_through_the_other_worker(seen: Seen) -> None:
    for number in (20, 21):
        answers = seen.answers[f"/api/tables/latest/rows/{number}"]
        assert [(status, json.loads(body)["row"]["id"]) for status, body in answers] == [(200, number)] * 2
    assert [status for status, _ in seen.answers["/api/tables/latest/rows/12"]] == [404, 404]


def test_a_worker_that_is_asked_to_stop_ends_with_exit_code_0(seen: Seen) -> None:
    assert seen.exit_codes == (0, 0)


def test_a_result_that_is_larger_than_any_record_is_published(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    topic = unique("long")
    columns = '{least: "min(note)", greatest: "max(note)"}'
    aggregate = f"{{table: notes, by: [id], columns: {columns}, to: {topic}.notes}}"
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract("{name: id, logicalType: integer, primaryKey: true}"),
        "pipelines/notes.yaml": f'pipeline: notes\nsource: {{topic: {topic}, format: json, '
        f'contract: "iglu:com.acme/things/jsonschema/1-*-*"}}\naggregate: [{aggregate}]\n',
    }
    values = [json.dumps({"id": 1, "note": letter * 900_000}).encode() for letter in "ab"]
    with Cluster(kafka.bootstrap, a_folder(tmp_path / "schemas", files), tmp_path, unique("app")) as cluster:
        cluster.create_topic(topic, 1)
        produce(cluster.brokers, topic, [a_record(1, value) for value in values])
        cluster.start("a")
        cluster.wait_until(lambda: cluster.lag(topic) == 0)

        (*_, (_, _, value)) = cluster.read(f"{topic}.notes")

    assert json.loads(value or b"") == {"id": 1, "least": "a" * 900_000, "greatest": "b" * 900_000}
