"""Descriptors: a schema given as a file descriptor, as registries store it, instead of as text."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NoBase64Error
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import DecodeError

from ..model import SchemaTextError
from .parse import parse_proto
from .schema import ProtoEnum, ProtoField, ProtoFile, ProtoMessage

_LABELS = {2: "required", 3: "repeated"}
_KEYWORDS = ("syntax", "package", "import", "message", "enum", "option", "edition", "service", "extend")


def read_proto(schema: Any) -> ProtoFile:
    """Text of a ``.proto`` file, a serialized file descriptor (bytes or base64), or one as JSON."""
    if isinstance(schema, Mapping):
        try:
            return _file(json_format.ParseDict(dict(schema), FileDescriptorProto()))
        except json_format.ParseError as error:
            raise SchemaTextError(f"is no file descriptor: {error}") from None
    if isinstance(schema, bytes):
        return _serialized(schema)
    if not isinstance(schema, str):
        raise SchemaTextError("a Protobuf schema is the text of a file, or a file descriptor")
    if not any(word in schema for word in _KEYWORDS) and schema.strip():
        try:
            return _serialized(b64decode(schema, validate=True))
        except NoBase64Error:
            pass
    return parse_proto(schema)


def _serialized(data: bytes) -> ProtoFile:
    try:
        return _file(FileDescriptorProto.FromString(data))
    except DecodeError:
        try:
            return parse_proto(data.decode())
        except UnicodeDecodeError:
            raise SchemaTextError("is neither text nor a file descriptor") from None


def _file(held: Any) -> ProtoFile:
    top = ProtoMessage(name="")
    top.messages = {inner.name: _message(inner) for inner in held.message_type}
    top.enums = {inner.name: _enum(inner) for inner in held.enum_type}
    return ProtoFile(package=held.package, imports=list(held.dependency), top=top)


def _message(held: DescriptorProto) -> ProtoMessage:
    entries = {inner.name: inner for inner in held.nested_type if inner.options.map_entry}
    synthetic = {one.oneof_index for one in held.field if one.proto3_optional}
    message = ProtoMessage(name=held.name)
    message.oneofs = [one.name for place, one in enumerate(held.oneof_decl) if place not in synthetic]
    message.messages = {inner.name: _message(inner) for inner in held.nested_type if inner.name not in entries}
    message.enums = {inner.name: _enum(inner) for inner in held.enum_type}
    message.reserved.ranges = [(part.start, part.end - 1) for part in held.reserved_range]
    message.reserved.names = set(held.reserved_name)
    for one in held.field:
        entry = entries.get(one.type_name.rpartition(".")[2])
        message.fields[one.number] = _field(one, held, entry)
    return message


def _field(one: FieldDescriptorProto, held: DescriptorProto, entry: DescriptorProto | None) -> ProtoField:
    in_oneof = one.HasField("oneof_index") and not one.proto3_optional
    key, value = ("", one) if entry is None else (_type(entry.field[0]), entry.field[1])
    return ProtoField(
        number=one.number, name=one.name, type=_type(value), key=key, label="" if entry else _LABELS.get(one.label, ""),
        oneof=held.oneof_decl[one.oneof_index].name if in_oneof else "", json_name=one.json_name or one.name,
    )  # fmt: skip


def _type(one: FieldDescriptorProto) -> str:
    return str(one.type_name or FieldDescriptorProto.Type.Name(one.type).removeprefix("TYPE_").lower())


def _enum(held: EnumDescriptorProto) -> ProtoEnum:
    enum = ProtoEnum(name=held.name)
    enum.reserved.ranges = [(part.start, part.end) for part in held.reserved_range]
    enum.reserved.names = set(held.reserved_name)
    for one in held.value:
        enum.constants[one.number] = (*enum.constants.get(one.number, ()), one.name)
    return enum
