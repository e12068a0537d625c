"""Confluent's Python client, serializers and deserializers against the registry, unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry import (
    Metadata,
    MetadataProperties,
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    ServerConfig,
    dual_schema_id_deserializer,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .running import USER, USER_OF_TEXT, USER_WITH_NAME

HOME = json.dumps({"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]})
JSON_USER = json.dumps({
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "User", "type": "object",
    "properties": {"id": {"type": "integer"}}, "required": ["id"], "additionalProperties": False,
})  # fmt: skip
JSON_HOME = json.dumps({
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "Home", "type": "object",
    "properties": {"owner": {"$ref": "user.json"}}, "additionalProperties": False,
})  # fmt: skip


@pytest.fixture
def client(url: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": url, "max.retries": 0})


def context(headers: list[tuple[str, bytes]] | None = None) -> SerializationContext:
    return SerializationContext("topic", MessageField.VALUE, headers)


def refused(what: Callable[[], object]) -> tuple[int, int]:
    """(status, code)."""
    with pytest.raises(SchemaRegistryError) as caught:
        what()
    return caught.value.http_status_code, caught.value.error_code


def messages(file_name: str, **fields: int) -> Any:
    """Classes ``Other`` and ``User``, made without a compiler; in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{file_name}.proto", package="shop", syntax="proto3")
    for message in ("Other", "User"):
        made = file.message_type.add(name=message)
        for number, (field, kind) in enumerate(fields.items(), 1):
            made.field.add(name=field, number=number, type=kind, label="LABEL_OPTIONAL")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.User"))


INT64 = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING


def test_avro_is_registered_used_again_evolved_and_refused(client: SchemaRegistryClient) -> None:
    old, new = AvroSerializer(client, USER), AvroSerializer(client, USER_WITH_NAME)
    data = old({"id": 7}, context())
    newer = new({"id": 8, "name": "b"}, context())

    assert AvroSerializer(client, USER)({"id": 7}, context()) == data
    assert client.get_versions("topic-value") == [1, 2]
    assert AvroDeserializer(client, USER_WITH_NAME)(data, context()) == {"id": 7, "name": ""}
    assert AvroDeserializer(client)(newer, context()) == {"id": 8, "name": "b"}
    assert refused(lambda: AvroSerializer(client, USER_OF_TEXT)({"id": "x"}, context())) == (409, 409)


def test_avro_goes_through_by_guid(client: SchemaRegistryClient) -> None:
    headers: list[tuple[str, bytes]] = []
    writer = AvroSerializer(client, USER_WITH_NAME, conf={"schema.id.serializer": header_schema_id_serializer})
    reader = AvroDeserializer(client, conf={"schema.id.deserializer": dual_schema_id_deserializer})

    data = writer({"id": 7, "name": "someone"}, context(headers))

    assert [name for name, _ in headers] == ["__value_schema_id"]
    assert reader(data, context(headers)) == {"id": 7, "name": "someone"}


def test_json_is_registered_used_again_evolved_and_refused(client: SchemaRegistryClient) -> None:
    data = JSONSerializer(JSON_USER, client)({"id": 7}, context())
    wider = json.loads(JSON_USER) | {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    narrower = json.loads(JSON_USER) | {"properties": {"id": {"type": "integer", "minimum": 5}}}

    newer = JSONSerializer(json.dumps(wider), client)({"id": 7, "name": "b"}, context())

    assert JSONSerializer(JSON_USER, client)({"id": 7}, context()) == data
    assert JSONDeserializer(None, schema_registry_client=client)(newer, context()) == {"id": 7, "name": "b"}
    assert refused(lambda: JSONSerializer(json.dumps(narrower), client)({"id": 7}, context())) == (409, 409)


def test_protobuf_is_registered_used_again_evolved_and_refused(client: SchemaRegistryClient) -> None:
    conf = {"use.deprecated.format": False}
    old, new = messages("user", id=INT64), messages("user", id=INT64, name=STRING)
    other = messages("user", id=STRING)
    data = ProtobufSerializer(old, client, conf)(old(id=7), context())

    newer = ProtobufSerializer(new, client, conf)(new(id=7, name="b"), context())

    assert ProtobufSerializer(old, client, conf)(old(id=7), context()) == data
    assert client.get_versions("topic-value") == [1, 2]
    assert ProtobufDeserializer(new, conf, client)(data, context()) == new(id=7)
    assert ProtobufDeserializer(old, conf, client)(newer, context()).id == 7
    assert refused(lambda: ProtobufSerializer(other, client, conf)(other(id="x"), context())) == (409, 409)


def test_protobufs_imports_become_references(client: SchemaRegistryClient) -> None:
    pool = descriptor_pool.DescriptorPool()
    user = descriptor_pb2.FileDescriptorProto(name="user.proto", package="shop", syntax="proto3")
    user.message_type.add(name="User").field.add(name="id", number=1, type=INT64, label="LABEL_OPTIONAL")
    home = descriptor_pb2.FileDescriptorProto(name="home.proto", package="shop", syntax="proto3")
    home.dependency.append("user.proto")
    field = home.message_type.add(name="Home").field.add(name="owner", number=1, label="LABEL_OPTIONAL")
    field.type, field.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, ".shop.User"
    pool.Add(user)
    pool.Add(home)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Home"))
    conf = {"use.deprecated.format": False}

    data = ProtobufSerializer(made, client, conf)(made(owner={"id": 7}), context())

    assert ProtobufDeserializer(made, conf, client)(data, context()).owner.id == 7
    imported = SchemaReference("user.proto", "user.proto", 1)
    assert client.get_latest_version("topic-value").schema.references == [imported]
    assert client.get_referenced_by("user.proto", 1) == [2]


@pytest.mark.parametrize(
    ("kind", "name", "user", "home"),
    [("AVRO", "User", USER, HOME), ("JSON", "user.json", JSON_USER, JSON_HOME)],
)
def test_references_are_resolved_and_keep_what_they_lead_to(
    client: SchemaRegistryClient, kind: str, name: str, user: str, home: str
) -> None:
    client.register_schema("user", Schema(user, kind))
    referring = Schema(home, kind, [SchemaReference(name, "user", 1)])
    home_id = client.register_schema("home", referring)

    assert client.get_latest_version("home").schema.references == [SchemaReference(name, "user", 1)]
    assert client.get_referenced_by("user", 1) == [home_id]
    assert refused(lambda: client.register_schema("bare", Schema(home, kind))) == (422, 42201)
    missing = Schema(home, kind, [SchemaReference(name, "nobody", 1)])
    assert refused(lambda: client.register_schema("missing", missing)) == (422, 42201)
    assert refused(lambda: client.delete_version("user", 1)) == (422, 42206)
    client.delete_subject("home")
    assert client.delete_version("user", 1) == 1


def test_serializers_follow_references(client: SchemaRegistryClient) -> None:
    client.register_schema("user", Schema(USER, "AVRO"))
    home = Schema(HOME, "AVRO", [SchemaReference("User", "user", 1)])

    data = AvroSerializer(client, home)({"owner": {"id": 7}}, context())

    assert AvroDeserializer(client)(data, context()) == {"owner": {"id": 7}}


def test_one_schema_has_one_id_in_all_subjects_and_white_space_makes_no_other(client: SchemaRegistryClient) -> None:
    first = client.register_schema("a-value", Schema(USER, "AVRO"))
    again = client.register_schema("b-value", Schema(json.dumps(json.loads(USER), indent=2), "AVRO"))
    other = client.register_schema("a-value", Schema(USER_WITH_NAME, "AVRO"))

    assert (first, again, other) == (1, 1, 2)
    assert client.get_subjects() == ["a-value", "b-value"]
    assert client.get_subjects(subject_prefix="b") == ["b-value"]
    assert client.get_versions("a-value") == [1, 2]
    assert client.lookup_schema("a-value", Schema(USER, "AVRO")).version == 1
    assert {(held.subject, held.version) for held in client.get_schema_versions(1)} == {("a-value", 1), ("b-value", 1)}
    assert client.get_subjects_by_schema_id(1) == ["a-value", "b-value"]
    assert client.get_schema_types() == ["JSON", "PROTOBUF", "AVRO"]
    assert client.get_contexts() == ["."]


def test_a_deleted_subject_is_read_by_id_and_returns_with_new_versions(client: SchemaRegistryClient) -> None:
    first = client.register_schema("user", Schema(USER, "AVRO"))
    client.register_schema("user", Schema(USER_WITH_NAME, "AVRO"))

    assert client.delete_subject("user") == [1, 2]
    assert client.get_subjects() == []
    assert client.get_subjects(deleted=True) == client.get_subjects(deleted_only=True) == ["user"]
    assert SchemaRegistryClient(client_conf(client)).get_schema(first).schema_str == USER
    assert refused(lambda: client.get_versions("user")) == (404, 40401)
    fresh = SchemaRegistryClient(client_conf(client))
    assert fresh.register_schema("user", Schema(USER, "AVRO")) == first
    assert fresh.get_versions("user") == [3]


def client_conf(client: SchemaRegistryClient) -> dict[str, Any]:
    """Of another client: the first one remembers what it saw."""
    return {"url": client._rest_client.base_urls[0], "max.retries": 0}


def test_what_is_deleted_for_good_is_gone_and_its_id_is_never_given_again(client: SchemaRegistryClient) -> None:
    first = client.register_schema("user", Schema(USER, "AVRO"))

    assert refused(lambda: client.delete_subject("user", permanent=True)) == (404, 40405)
    client.delete_subject("user")
    assert client.delete_subject("user", permanent=True) == [1]

    fresh = SchemaRegistryClient(client_conf(client))
    assert refused(lambda: fresh.get_schema(first)) == (404, 40403)
    assert fresh.register_schema("user", Schema(USER, "AVRO")) == first + 1
    assert fresh.get_versions("user") == [1]


def test_levels_are_set_for_all_and_for_one_subject(client: SchemaRegistryClient) -> None:
    client.register_schema("user", Schema(USER, "AVRO"))

    assert client.get_compatibility() == "BACKWARD"
    assert refused(lambda: client.get_compatibility("user")) == (404, 40408)
    assert not client.test_compatibility("user", Schema(USER_OF_TEXT, "AVRO"))
    assert client.set_compatibility(level="FULL") == {"compatibility": "FULL"}
    assert client.set_compatibility("user", "NONE") == {"compatibility": "NONE"}
    assert client.test_compatibility("user", Schema(USER_OF_TEXT, "AVRO"))
    assert client.test_compatibility_all_versions("user", Schema(USER_OF_TEXT, "AVRO"))
    assert client.register_schema("user", Schema(USER_OF_TEXT, "AVRO")) == 2
    assert client.delete_config("user").compatibility_level.value == "NONE"
    assert client.get_compatibility() == "FULL"


def test_configurations_are_set_and_read(client: SchemaRegistryClient) -> None:
    client.set_config("user", ServerConfig(compatibility_group="major"))

    assert client.get_config("user").compatibility_group == "major"
    for major, text in (("1", USER), ("2", USER_OF_TEXT)):
        metadata = Metadata(tags=None, properties=MetadataProperties({"major": major}), sensitive=None)
        client.register_schema("user", Schema(text, "AVRO", metadata=metadata))
    assert client.get_latest_with_metadata("user", {"major": "1"}).version == 1
    assert client.get_latest_version("user").schema.metadata.properties.properties == {"major": "2"}


def test_modes_are_set_for_all_and_for_one_subject(client: SchemaRegistryClient) -> None:
    client.register_schema("user", Schema(USER, "AVRO"))

    assert client.get_global_mode() == "READWRITE"
    assert refused(lambda: client.get_mode("user")) == (404, 40409)
    assert client.update_mode("user", "READONLY") == "READONLY"
    assert refused(lambda: client.register_schema("user", Schema(USER_WITH_NAME, "AVRO"))) == (422, 42205)
    assert refused(lambda: client.delete_subject("user")) == (422, 42205)
    assert client.get_mode("user") == client.delete_mode("user") == "READONLY"
    assert client.register_schema("user", Schema(USER_WITH_NAME, "AVRO")) == 2
    assert refused(lambda: client.update_global_mode("IMPORT")) == (422, 42205)
    assert client.update_global_mode("IMPORT", force=True) == "IMPORT"
