"""Subjects: under which name a schema is registered.

Source: Confluent's subject name strategies. Whoever reads finds a schema by its id, so a strategy decides alone what is
compared with what: versions of a topic's records, of one type wherever it goes, or of a type in a topic.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from enum import Enum
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from streams.contracts.registry import SchemaKind


class Subjects(Enum):
    """A strategy; the value is its word on the command line."""

    TOPIC = "topic"
    """``<topic>-key`` and ``<topic>-value`` (TopicNameStrategy)."""
    RECORD = "record"
    """The type's full name (RecordNameStrategy)."""
    TOPIC_RECORD = "topic-record"
    """``<topic>-<full name>`` (TopicRecordNameStrategy)."""


def subject_of(strategy: Subjects, topic_subject: str, kind: SchemaKind, text: str) -> str:
    """The subject of a schema that would be ``topic_subject`` by its topic.

    >>> subject_of(Subjects.RECORD, "t-value", SchemaKind.JSON, '{"title": "cdc.public.t.Envelope"}')
    'cdc.public.t.Envelope'
    """
    if strategy is Subjects.TOPIC:
        return topic_subject
    name = record_name(kind, text)
    return name if strategy is Subjects.RECORD else f"{topic_subject.rpartition('-')[0]}-{name}"


def record_name(kind: SchemaKind, text: str) -> str:
    """Avro's full name, Protobuf's first message with its package, a JSON Schema's title."""
    if kind is SchemaKind.PROTOBUF:
        file = FileDescriptorProto.FromString(b64decode(text))
        return ".".join(part for part in (file.package, file.message_type[0].name) if part)
    held: Mapping[str, Any] = json.loads(text)
    if kind is SchemaKind.JSON:
        return str(held["title"])
    name, namespace = str(held["name"]), held.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"
