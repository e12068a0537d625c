"""The embedded registry: confluent-kafka's own client, serializers and deserializers find in it what they expect."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    dual_schema_id_deserializer,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from streams.embedded.registry import EmbeddedRegistry

USER = json.dumps({"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]})
PERSON = json.dumps({"type": "record", "name": "Person", "fields": [{"name": "name", "type": "string"}]})
HOME = json.dumps({"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]})
JSON_USER = json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "User", "type": "object"})


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as server:
        yield server


@pytest.fixture
def client(registry: EmbeddedRegistry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url, "max.retries": 0})


def context(headers: list[tuple[str, bytes]] | None = None) -> SerializationContext:
    return SerializationContext("topic", MessageField.VALUE, headers)


def asked(registry: EmbeddedRegistry, method: str, path: str, body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(registry.url + path, data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error_code"]


def test_avro_goes_through(client: SchemaRegistryClient) -> None:
    data = AvroSerializer(client, USER)({"id": 7}, context())

    assert AvroDeserializer(client)(data, context()) == {"id": 7}
    assert client.get_latest_version("topic-value").schema.schema_str == USER


def test_avro_goes_through_by_guid(client: SchemaRegistryClient) -> None:
    headers: list[tuple[str, bytes]] = []
    writer = AvroSerializer(client, PERSON, conf={"schema.id.serializer": header_schema_id_serializer})
    reader = AvroDeserializer(client, conf={"schema.id.deserializer": dual_schema_id_deserializer})

    data = writer({"name": "someone"}, context(headers))

    assert [name for name, _ in headers] == ["__value_schema_id"]
    assert reader(data, context(headers)) == {"name": "someone"}


def test_json_goes_through(client: SchemaRegistryClient) -> None:
    data = JSONSerializer(JSON_USER, client)({"id": 7}, context())

    assert JSONDeserializer(None, schema_registry_client=client)(data, context()) == {"id": 7}


def two_messages() -> list[Any]:
    file = descriptor_pb2.FileDescriptorProto(name="user.proto", package="shop", syntax="proto3")
    for name in ("Other", "User"):
        message = file.message_type.add(name=name)
        message.field.add(name="id", number=1, type="TYPE_INT64", label="LABEL_OPTIONAL")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}")) for name in ("Other", "User")]


def test_protobuf_goes_through(client: SchemaRegistryClient) -> None:
    conf = {"use.deprecated.format": False}
    for message in two_messages():
        data = ProtobufSerializer(message, client, conf)(message(id=7), context())

        assert ProtobufDeserializer(message, conf, client)(data, context()) == message(id=7)


def test_one_schema_has_one_id_in_all_subjects_and_white_space_makes_no_other(client: SchemaRegistryClient) -> None:
    first = client.register_schema("a-value", Schema(USER, "AVRO"))
    again = client.register_schema("b-value", Schema(json.dumps(json.loads(USER), indent=2), "AVRO"))
    other = client.register_schema("a-value", Schema(USER.replace("long", "int"), "AVRO"))

    assert (first, again, other) == (1, 1, 2)
    assert client.get_subjects() == ["a-value", "b-value"]
    assert client.get_versions("a-value") == [1, 2]
    assert client.lookup_schema("a-value", Schema(USER, "AVRO")).version == 1
    assert {place.subject for place in client.get_schema_versions(1)} == {"a-value", "b-value"}


def test_references_are_resolved(client: SchemaRegistryClient) -> None:
    client.register_schema("user", Schema(USER, "AVRO"))
    home = Schema(HOME, "AVRO", [SchemaReference("User", "user", 1)])
    client.register_schema("home-value", home)

    assert client.get_latest_version("home-value").schema.references == [SchemaReference("User", "user", 1)]
    with pytest.raises(SchemaRegistryError, match="42201"):
        client.register_schema("home-value", Schema(HOME.replace("Home", "House"), "AVRO"))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/subjects/none/versions", None, 404, 40401),
        ("GET", "/subjects/none/versions/latest", None, 404, 40401),
        ("GET", "/subjects/user/versions/2", None, 404, 40402),
        ("GET", "/subjects/user/versions/x", None, 422, 42202),
        ("GET", "/schemas/ids/99", None, 404, 40403),
        ("GET", "/schemas/guids/00000000-0000-0000-0000-000000000000", None, 404, 40403),
        ("POST", "/subjects/user", {"schema": '"string"'}, 404, 40403),
        ("POST", "/subjects/user/versions", {"schema": "{"}, 422, 42201),
        ("POST", "/subjects/user/versions", {"schema": '{"type": "recor"}'}, 422, 42201),
        ("POST", "/subjects/user/versions", {"schema": '{"type": 1}', "schemaType": "JSON"}, 422, 42201),
        ("POST", "/subjects/user/versions", {"schema": "AAAA", "schemaType": "PROTOBUF"}, 422, 42201),
        ("POST", "/subjects/user/versions", {"schema": "{}", "schemaType": "XML"}, 422, 42201),
        ("POST", "/subjects/user/versions", {}, 422, 42201),
        ("PUT", "/mode", {"mode": "WRITEONLY"}, 422, 42204),
        ("GET", "/elsewhere", None, 404, 404),
    ],
)
def test_refusals_have_confluents_codes(
    registry: EmbeddedRegistry, method: str, path: str, body: object, status: int, code: int
) -> None:
    asked(registry, "POST", "/subjects/user/versions", {"schema": USER})

    assert asked(registry, method, path, body) == (status, code)


def test_a_read_only_subject_takes_no_new_schema(registry: EmbeddedRegistry) -> None:
    asked(registry, "POST", "/subjects/user/versions", {"schema": USER})

    assert asked(registry, "PUT", "/mode/user", {"mode": "READONLY"}) == (200, {"mode": "READONLY"})
    assert asked(registry, "GET", "/mode/user") == (200, {"mode": "READONLY"})
    assert asked(registry, "GET", "/mode") == (200, {"mode": "READWRITE"})
    assert asked(registry, "POST", "/subjects/user/versions", {"schema": USER})[0] == 200
    assert asked(registry, "POST", "/subjects/user/versions", {"schema": '"string"'}) == (422, 42205)


def test_what_is_not_judged_is_said(registry: EmbeddedRegistry) -> None:
    asked(registry, "POST", "/subjects/user/versions", {"schema": USER})

    assert asked(registry, "GET", "/config") == (200, {"compatibilityLevel": "NONE"})
    assert asked(registry, "PUT", "/config", {"compatibility": "FULL"}) == (501, 501)
    assert asked(registry, "POST", "/compatibility/subjects/user/versions/1", {"schema": USER}) == (501, 501)
    assert asked(registry, "DELETE", "/subjects/user") == (501, 501)
