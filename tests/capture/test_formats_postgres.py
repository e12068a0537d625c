"""Formats on real servers: a registry that goes away loses nothing, and readers find every change in each format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.json_format import MessageToDict

from streams.contracts.registry_http import HttpRegistry
from streams.embedded.process import free_port
from streams.embedded.registry import EmbeddedRegistry

from ..integration.cluster import read_whole
from .process import CapturedDatabase
from .serialize.test_protobuf import message_class

pytestmark = pytest.mark.integration


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as server:
        yield server


def values(database: CapturedDatabase, registry: EmbeddedRegistry, form: str) -> list[Any]:
    """Envelopes of ``t``, by Confluent's readers."""
    client = SchemaRegistryClient({"url": registry.url})
    topic = database.topic("t")
    context = SerializationContext(topic, MessageField.VALUE)
    told = [record.value for record in read_whole(database.kafka.bootstrap, topic) if record.value is not None]
    if form == "avro":
        return [AvroDeserializer(client)(value, context) for value in told]
    if form == "json":
        return [JSONDeserializer(None, schema_registry_client=client)(value, context) for value in told]
    return [_protobuf(registry, value) for value in told]


def _protobuf(registry: EmbeddedRegistry, data: bytes) -> Any:
    schema = HttpRegistry(registry.url).by_id(int.from_bytes(data[1:5], "big"))
    shown = MessageToDict(message_class(schema.text)().FromString(data[6:]), preserving_proto_field_name=True)
    return {"before": None, "after": None, **shown}


@pytest.mark.parametrize("form", ["avro", "json", "protobuf"])
def test_a_registry_that_is_away_ends_the_capture_and_loses_nothing(
    database: CapturedDatabase, registry: EmbeddedRegistry, form: str
) -> None:
    options = ("--format", form, "--registry", registry.url)
    database.sql("CREATE TABLE t(id int PRIMARY KEY, x numeric(6,2))", "INSERT INTO t VALUES (1, 1.50)")
    process = database.started("t", *options)
    database.sql("INSERT INTO t VALUES (2, 2.25)", "UPDATE t SET x = NULL WHERE id = 1", "DELETE FROM t WHERE id = 2")
    database.flush(process)

    registry.stop()
    database.sql("INSERT INTO t VALUES (3, 3)", "ALTER TABLE t ADD COLUMN y text", "INSERT INTO t VALUES (4, 4, 'new')")
    assert process.wait(60) == 1
    assert f"capture stopped: the schema registry {registry.url} could not be asked" in database.log
    assert "nothing is lost, start the capture again" in database.log

    registry.start()
    process = database.started("t", *options)
    database.flush(process)
    assert database.stop(process) == 0

    told = sorted(values(database, registry, form), key=lambda event: int(event["source"]["lsn"]))
    assert [(event["op"], (event["after"] or event["before"])["id"]) for event in told] == [
        ("r", 1), ("c", 2), ("u", 1), ("d", 2), ("c", 3), ("c", 4),
    ]  # fmt: skip
    assert [str(event["after"]["x"]) for event in told if event["op"] == "c"] == ["2.25", "3.00", "4.00"]
    assert told[-1]["after"]["y"] == "new"


def test_flags_filter_mask_and_route_and_metrics_count_it(database: CapturedDatabase) -> None:
    port = free_port()
    database.sql(
        "CREATE TABLE t(id int PRIMARY KEY, kind text, ssn text)", "ALTER TABLE t REPLICA IDENTITY FULL",
        "INSERT INTO t VALUES (1, 'a', 'SECRET-1'), (2, 'b', 'SECRET-2')",
    )  # fmt: skip
    process = database.started(
        "t", "--filter", "kind <> 'b'", "--mask", "ssn", "--route", "t=sink", "--metrics-port", str(port)
    )
    database.sql("INSERT INTO t VALUES (3, 'b', 'SECRET-3'), (4, 'a', 'SECRET-4')", "DELETE FROM t")
    database.flush(process)

    for topic in (database.topic("t"), database.topic("t") + ".sink"):
        records = read_whole(database.kafka.bootstrap, topic)
        told = [(json.loads(key or b"")["id"], value and json.loads(value)["op"]) for _, key, value, *_ in records]
        assert sorted(told, key=str) == [(1, "d"), (1, "r"), (1, None), (4, "c"), (4, "d"), (4, None)]
        assert not any(b"SECRET" in (record.value or b"") for record in records)
    assert {name: value for name, value in _metrics(port).items() if "transformed_total" in name} == {
        'cdc_capture_transformed_total{done="filtered",table="t"}': 4.0,
        'cdc_capture_transformed_total{done="masked",table="t"}': 4.0,
        'cdc_capture_transformed_total{done="routed",table="t"}': 4.0,
    }


def test_a_masked_key_is_in_no_topic_whatever_the_capture_keeps_for_itself(
    database: CapturedDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef0123")
    monkeypatch.setenv("STREAMS_MASK_KEY_FILE", str(tmp_path / "secret"))
    database.sql("CREATE TABLE t(id text PRIMARY KEY)")
    database.sql("INSERT INTO t SELECT 'SECRET-' || i FROM generate_series(1, 9) i")
    process = database.started("t", "--mask", "id=hash")
    database.wait_until(lambda: database.size("t") >= 9, "the rows are told", process)
    database.sql("UPDATE t SET id = 'SECRET-new' WHERE id = 'SECRET-1'", "DELETE FROM t WHERE id = 'SECRET-2'")
    database.flush(process)

    names = AdminClient({"bootstrap.servers": database.kafka.bootstrap}).list_topics(timeout=30).topics
    told = [record for name in names if database.name in name
            for record in read_whole(database.kafka.bootstrap, name)]  # fmt: skip
    assert len([record for record in told if record.key and len(record.key) == 41]) == 9 + 3 + 2
    assert not [record for record in told if b"SECRET" in b"".join(filter(None, (record.key, record.value)))]
    assert not [value for record in told for _, value in record.headers if b"SECRET" in (value or b"")]


def test_what_does_not_fit_the_tables_is_said_before_anything_is_sent(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE t(id int PRIMARY KEY, kind text)", "INSERT INTO t VALUES (1, 'a')")

    for options, says in (
        (("--mask", "kidn"), "the mask names kidn, which no captured table has; there are: id, kind"),
        (("--filter", "kind <> 'b'"), 'run: ALTER TABLE "t" REPLICA IDENTITY FULL;'),
        (("--mask", "id"), "t.id is part of the key"),
        (("--mask", "kind=hash"), "needs the secret that STREAMS_MASK_KEY_FILE names"),
    ):
        assert database.start("t", *options).wait(60) == 1
        assert says in database.log
    assert database.size("t") == 0
    assert database.sql(f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{database.name}'") == []


def _metrics(port: int) -> dict[str, float]:
    """Value by name and labels."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = [line.rpartition(" ") for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}
