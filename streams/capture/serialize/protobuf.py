"""Protobuf: Debezium's envelope as messages made of the table's columns, with the words that JSON has."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from psycopg2.extensions import STRINGARRAY

from streams.contracts.framing import FIRST_MESSAGE, frame_prefix
from streams.contracts.registry import SchemaKind

from ..options import CaptureError
from ..outgoing.envelope import UNAVAILABLE, Envelope, Image, TableShape, TableTarget
from ..postgres.facts import ColumnFacts
from .avro import avro_name
from .protobuf_file import UNAVAILABLE_COLUMNS, envelope_file, key_file, kind_of
from .registered import Register

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRITES: Mapping[int, Callable[[Any], Any]] = {
    FieldDescriptorProto.TYPE_FLOAT: float,
    FieldDescriptorProto.TYPE_DOUBLE: float,
    FieldDescriptorProto.TYPE_BYTES: b64decode,
}


class ProtobufCodec:
    """One version of a table for one topic."""

    def __init__(
        self, topic: str, target: TableTarget, shape: TableShape, columns: tuple[ColumnFacts, ...], *,
        prefix: str, register: Register,
    ) -> None:  # fmt: skip
        self._target = target
        self._facts = {fact.name: fact for fact in columns}
        if strange := [name for name in self._facts if not _NAME.fullmatch(name) or name == UNAVAILABLE_COLUMNS]:
            raise CaptureError(
                f"Protobuf has no names such as {', '.join(strange)} of table {target.table}; rename such a column,"
                " leave it out (mask with method drop), or capture with format json"
            )
        package = avro_name(f"{prefix}.{shape.relation.schema}.{shape.relation.table}")
        self._value = _Message(envelope_file(package, columns), f"{package}.Envelope", f"{topic}-value", register)
        keys = [self._facts[name] for name in target.key if name in self._facts]
        self._key = _Message(key_file(package, keys), f"{package}.Key", f"{topic}-key", register) if keys else None

    def key(self, row: Image) -> bytes:
        """See ``Codec``."""
        if self._key is None:
            raise CaptureError(f"table {self._target.table} has lost the columns of its key; start again")
        message = self._key.make()
        self._fill(message, {name: row.get(name) for name in self._target.key})
        return self._key.frame(message)

    def value(self, envelope: Envelope) -> bytes:
        """See ``Codec``."""
        message = self._value.make()
        for name, held in envelope.items():
            if held is None:
                continue
            if name in ("before", "after"):
                row = getattr(message, name)
                row.SetInParent()
                self._fill(row, held)
            elif isinstance(held, dict):
                _set_all(getattr(message, name), held)
            else:
                setattr(message, name, held)
        return self._value.frame(message)

    def _fill(self, message: Any, row: Mapping[str, object]) -> None:
        for name, value in row.items():
            if value is None:
                continue
            fact = self._facts[name]
            if value == UNAVAILABLE:
                getattr(message, UNAVAILABLE_COLUMNS).append(name)
            elif fact.element_oid is None:
                setattr(message, name, _write(fact.type_oid, value))
            else:
                self._fill_array(getattr(message, name), fact, value)

    def _fill_array(self, array: Any, fact: ColumnFacts, value: object) -> None:
        items = STRINGARRAY(value, None) if isinstance(value, str) else value
        if not isinstance(items, list) or any(isinstance(item, list) for item in items):
            raise CaptureError(
                f"Protobuf cannot say a value of {self._target.table}.{fact.name}: it has several dimensions; leave the"
                " column out (mask with method drop), or capture with format json"
            )
        array.SetInParent()
        for item in items:
            held = array.items.add()
            if item is not None:
                held.value = _write(fact.element_oid or 0, item)


class _Message:
    """A message of a file that the registry has."""

    def __init__(self, file: FileDescriptorProto, name: str, subject: str, register: Register) -> None:
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self.make: Callable[[], Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
        registered = register(subject, SchemaKind.PROTOBUF, b64encode(file.SerializeToString()).decode())
        self._prefix = frame_prefix(registered.id or 0, FIRST_MESSAGE)

    def frame(self, message: Any) -> bytes:
        data: bytes = message.SerializeToString()
        return self._prefix + data


def _write(type_oid: int, value: object) -> object:
    write = _WRITES.get(kind_of(type_oid))
    return value if write is None else write(value)


def _set_all(message: Any, fields: Mapping[str, object]) -> None:
    message.SetInParent()
    for name, value in fields.items():
        if value is not None:
            setattr(message, name, value)
