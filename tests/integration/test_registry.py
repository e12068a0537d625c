"""A schema registry beside a worker: records are read with the schemas they name; while it is away nothing is lost."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.contracts.framing import frame_prefix
from streams.contracts.registry import SchemaKind
from streams.contracts.registry_http import HttpRegistry
from streams.embedded import EmbeddedKafka
from streams.embedded.process import free_port
from tests.contracts.builders import a_contract, a_folder, a_schema
from tests.registry.process import serving

from .cluster import Cluster, WholeRecord, produce, read_whole

pytestmark = [pytest.mark.integration]

PIPELINE = {
    "pipeline": "things",
    "source": {"topic": "STAMP.avro", "format": "avro", "contract": "iglu:com.acme/things/jsonschema/1-*-*"},
    "route": [{"to": "STAMP.things"}],
}
OLD = {"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "long"}]}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
NEW = {"type": "record", "name": "Thing", "fields": [*OLD["fields"], NOTE]}
OUTAGE_SECONDS = 12.0
"""Longer than all tries of one question."""


def a_record(number: int, schema: Any, **row: object) -> dict[str, Any]:
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), row)
    return {"key": str(row["id"]).encode(), "value": frame_prefix(number) + stream.getvalue(), "partition": 0}


def registered(url: str, topic: str, schema: Any) -> int:
    return HttpRegistry(url).register(f"{topic}-value", SchemaKind.AVRO, json.dumps(schema)).id or 0


def waiting_tasks(cluster: Cluster) -> float:
    found = re.search(r"^cdc_registry_waiting_tasks (\S+)", cluster.get("0", "/metrics")[1], re.M)
    return float(found[1]) if found else -1.0


def test_an_outage_of_the_registry_stops_what_needs_it_alone_and_loses_nothing(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    live_through_an_outage(kafka.bootstrap, tmp_path, unique("registry"), OUTAGE_SECONDS)


def live_through_an_outage(brokers: str, folder: Path, stamp: str, seconds: float, *, sabotage: str = "") -> None:
    """Records of known schemas and of one that nobody knows yet, and a registry that is killed for so long."""
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract(),
        "pipelines/things.yaml": json.dumps(PIPELINE).replace("STAMP", stamp),
    }
    source, target = f"{stamp}.avro", f"{stamp}.things"
    port, data = str(free_port()), folder / "registry"
    with Cluster(brokers, a_folder(folder / "schemas", files), folder, stamp) as cluster:
        cluster.program = "tests.faults.saboteur" if sabotage else cluster.program
        cluster.create_topic(source, 2)
        with serving(data, "--port", port) as (url, process):
            old, new = registered(url, source, OLD), registered(url, source, NEW)
            cluster.start("0", STREAMS_REGISTRY=url, SABOTAGE=sabotage)
            produce(brokers, source, [a_record(old, OLD, id=1), a_record(999, OLD, id=2)])
            cluster.wait_ready("0")
            cluster.wait_until(lambda: cluster.lag(source) == 0)
            process.kill()  # -9
            process.wait()

        cold = [a_record(old, OLD, id=3), a_record(new, NEW, id=4, note="n"), a_record(old, OLD, id=5)]
        warm = [{**a_record(old, OLD, id=number), "partition": 1} for number in range(100, 200)]
        produce(brokers, source, [*cold, *warm])
        cluster.wait_until(lambda: waiting_tasks(cluster) == 1 and cluster.lag(source) == len(cold))
        ends = time.monotonic() + seconds
        cluster.wait_until(lambda: time.monotonic() > ends, patience_s=seconds + 30)  # fails where the worker ends
        assert (waiting_tasks(cluster), cluster.lag(source)) == (1, len(cold))
        assert len(read_whole(brokers, target)) == 1 + len(warm)

        with serving(data, "--port", port) as (url, _):
            cluster.wait_until(lambda: cluster.lag(source) == 0)
            assert waiting_tasks(cluster) == 0
            assert cluster.stop("0") == 0

    _judge(read_whole(brokers, target), read_whole(brokers, f"{source}-things-dlt"))


def _judge(published: list[WholeRecord], dead: list[WholeRecord]) -> None:
    rows = sorted((json.loads(record.value or b"") for record in published), key=lambda row: row["id"])
    assert rows[:4] == [{"id": 1}, {"id": 3}, {"id": 4, "note": "n"}, {"id": 5}]
    assert rows[4:] == [{"id": number} for number in range(100, 200)]
    assert [dict(record.headers)["__contract.errors.code"] for record in dead] == [b"registry_unknown_schema"]
