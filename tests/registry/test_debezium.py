"""A real Debezium with Confluent's Avro converter against the registry: it registers, evolves and is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.embedded import EmbeddedKafka, EmbeddedPostgres, MissingToolError
from tests.capture.process import CapturedDatabase
from tests.debezium.connect import ConnectorOptions, Debezium
from tests.integration.cluster import read_whole

from .jars import confluent_jars
from .running import ask

pytestmark = pytest.mark.integration


@pytest.fixture
def database(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, stamp: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    name = stamp("avro").replace("-", "_")
    with CapturedDatabase(postgres=postgres, kafka=kafka, name=name, folder=tmp_path) as held:
        yield held


@pytest.fixture
def debezium(database: CapturedDatabase, url: str, tmp_path: Path) -> Iterator[Debezium]:
    """Its connector writes Avro and asks the registry of the test."""
    try:
        jars = confluent_jars(for_connect=True)
        options = ConnectorOptions(
            dsn=database.dsn, name=database.name, tables=["t"], more=converters(url), jars=jars
        )
        database.sql("CREATE TABLE t(id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 10)")
        with Debezium(tmp_path / "debezium", database.kafka.bootstrap, options) as held:
            yield held
    except MissingToolError as error:
        pytest.skip(str(error))


def converters(url: str) -> Mapping[str, object]:
    names = {f"{side}.converter": "io.confluent.connect.avro.AvroConverter" for side in ("key", "value")}
    urls = {f"{side}.converter.schema.registry.url": url for side in ("key", "value")}
    return {**names, **urls, "schema.name.adjustment.mode": "avro"}


def rows(database: CapturedDatabase, url: str) -> list[Any]:
    """Rows after each change of ``t``, by Confluent's reader."""
    topic = f"{database.name}.public.t"
    reader = AvroDeserializer(SchemaRegistryClient({"url": url}))
    context = SerializationContext(topic, MessageField.VALUE)
    records = read_whole(database.kafka.bootstrap, topic)
    told = (reader(record.value, context)["after"] for record in records if record.value)
    return sorted(told, key=lambda row: int(row["id"]))


def test_debezium_registers_evolves_is_refused_and_is_read(
    database: CapturedDatabase, debezium: Debezium, url: str
) -> None:
    subject = f"{database.name}.public.t-value"

    def versions() -> Any:
        return ask(url, "GET", f"/subjects/{subject}/versions")[1]

    database.wait_until(lambda: versions() == [1], "the snapshot's schema is registered")
    database.sql("ALTER TABLE t ADD COLUMN note text", "INSERT INTO t VALUES (2, 20, 'new')")
    database.wait_until(lambda: versions() == [1, 2], "the wider table's schema is registered")
    database.wait_until(lambda: len(rows(database, url)) == 2, "both rows are told")
    assert rows(database, url) == [{"id": 1, "n": 10}, {"id": 2, "n": 20, "note": "new"}]

    database.sql("ALTER TABLE t ALTER COLUMN n TYPE text", "INSERT INTO t VALUES (3, 'thirty', 'x')")
    database.wait_until(lambda: "incompatible with an earlier schema" in debezium.log, "the registry refuses")
    assert versions() == [1, 2]
    assert ask(url, "DELETE", f"/subjects/{subject}") == (200, [1, 2])
    assert len(rows(database, url)) == 2, "what was written is read after all"
