"""The embedded registry: the one that ``streams registry serve`` serves, in this process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from streams.embedded.registry import EmbeddedRegistry

USER = json.dumps({"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]})


def client_of(registry: EmbeddedRegistry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url, "max.retries": 0})


def test_it_refuses_no_schema_unless_a_level_is_asked_for() -> None:
    other = Schema(USER.replace("long", "string"), "AVRO")

    with EmbeddedRegistry() as registry:
        client_of(registry).register_schema("user", Schema(USER, "AVRO"))
        assert client_of(registry).register_schema("user", other) == 2
    with EmbeddedRegistry(level="FULL") as registry:
        client_of(registry).register_schema("user", Schema(USER, "AVRO"))
        assert not client_of(registry).test_compatibility("user", other)


def test_stopped_and_started_again_it_has_its_schemas_and_its_port() -> None:
    with EmbeddedRegistry() as registry:
        url = registry.url
        schema_id = client_of(registry).register_schema("user", Schema(USER, "AVRO"))
        registry.stop()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/subjects", timeout=5)

        registry.start()

        assert registry.url == url
        assert client_of(registry).get_schema(schema_id).schema_str == USER


def test_two_of_them_know_nothing_of_each_other() -> None:
    with EmbeddedRegistry() as one, EmbeddedRegistry() as other:
        client_of(one).register_schema("user", Schema(USER, "AVRO"))

        assert client_of(other).get_subjects() == []
