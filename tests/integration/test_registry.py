"""A schema registry beside a worker: records are read with the schemas they name; while it is away nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.contracts.framing import frame_prefix
from streams.contracts.registry import SchemaKind
from streams.contracts.registry_http import HttpRegistry
from streams.embedded import EmbeddedKafka
from streams.embedded.registry import EmbeddedRegistry
from tests.contracts.builders import a_contract, a_folder, a_schema

from .cluster import Cluster, produce, read_whole

pytestmark = [pytest.mark.integration]

PIPELINE = {
    "pipeline": "things",
    "source": {"topic": "in.avro", "format": "avro", "contract": "iglu:com.acme/things/jsonschema/1-*-*"},
    "route": [{"to": "out.things"}],
}
OLD = {"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "long"}]}
NEW = {"type": "record", "name": "Thing", "fields": [*OLD["fields"], {"name": "note", "type": ["null", "string"]}]}
REGISTRY_AWAY = 10


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as server:
        yield server


def a_record(number: int, schema: Any, **row: object) -> dict[str, Any]:
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), row)
    return {"key": str(row["id"]).encode(), "value": frame_prefix(number) + stream.getvalue(), "partition": 0}


def registered(registry: EmbeddedRegistry, schema: Any) -> int:
    return HttpRegistry(registry.url).register("in.avro-value", SchemaKind.AVRO, json.dumps(schema)).id or 0


def test_a_worker_that_cannot_ask_stops_and_goes_on_where_it_was(
    kafka: EmbeddedKafka, tmp_path: Path, registry: EmbeddedRegistry
) -> None:
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract(),
        "pipelines/things.yaml": json.dumps(PIPELINE),
    }
    old, new = registered(registry, OLD), registered(registry, NEW)
    with Cluster(kafka.bootstrap, a_folder(tmp_path / "schemas", files), tmp_path, "registry-app") as cluster:
        cluster.create_topic("in.avro", 1)
        cluster.start("0", STREAMS_REGISTRY=registry.url)
        produce(kafka.bootstrap, "in.avro", [a_record(old, OLD, id=1), a_record(999, OLD, id=2)])
        cluster.wait_ready("0")
        cluster.wait_until(lambda: cluster.lag("in.avro") == 0)

        registry.stop()
        produce(kafka.bootstrap, "in.avro", [a_record(old, OLD, id=3), a_record(new, NEW, id=4, note="n")])
        assert cluster.workers["0"].wait(60) == REGISTRY_AWAY
        assert "registry_away" in cluster.log("0")

        registry.start()
        assert (registered(registry, OLD), registered(registry, NEW)) == (old, new)
        cluster.start("0", STREAMS_REGISTRY=registry.url)
        cluster.wait_until(lambda: cluster.lag("in.avro") == 0)
        assert cluster.stop("0") == 0

        published = [json.loads(record.value or b"") for record in read_whole(kafka.bootstrap, "out.things")]
        (dead,) = read_whole(kafka.bootstrap, "in.avro-things-dlt")
    assert published == [{"id": 1}, {"id": 3}, {"id": 4, "note": "n"}]
    assert dict(dead.headers)["__contract.errors.code"] == b"registry_unknown_schema"
