"""Protobuf: a registered file becomes readers of its messages and what their fields mean.

A field with presence that was not set is null where the contract admits that, and absent elsewhere; any other has its
default. Sources: protobuf 7's Python runtime, Confluent's ``confluent.type.Decimal`` and Google's ``type.Date``.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError as NoMessageError
from google.protobuf.message import Message

from streams.contracts.compatibility.protobuf.pool import build_file
from streams.contracts.registry import RegisteredSchema
from streams.errors import DecodeError

from .wires import PLAIN, Kind, Wire, decimal_of, float_of, single_of

FORMAT = "protobuf"
_STRUCTS = ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue")
_FLOATS = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtobufReader:
    """Reads the records of one message type."""

    read: Callable[[bytes], dict[str, object]]
    """Raises ``DecodeError``. Fields that were not set are absent."""
    wire: Wire


class ProtobufFile:
    """One registered file with everything it imports."""

    def __init__(self, schema: RegisteredSchema) -> None:
        try:
            self._file = build_file(
                _file_of(schema), {name: _file_of(held) for name, held in schema.references.items()}
            )
        except (ValueError, TypeError, KeyError, NoMessageError):
            raise DecodeError(FORMAT, "its registered schema is no Protobuf file") from None

    def reader(self, path: tuple[int, ...]) -> ProtobufReader:
        """Of the message at ``path``; raises ``DecodeError`` where the file has none there."""
        held = list(self._file.message_types_by_name.values())
        found: Descriptor | None = None
        for place in path:
            if place >= len(held):
                raise DecodeError(FORMAT, "its schema has no message at the path it names")
            found = held[place]
            held = list(found.nested_types)
        assert found is not None
        return ProtobufReader(read=_reader_of(message_factory.GetMessageClass(found)), wire=_wire_of(found, ()))


def _file_of(schema: RegisteredSchema) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(b64decode(schema.text, validate=True))


def _reader_of(kind: type[Message]) -> Callable[[bytes], dict[str, object]]:
    def read(body: bytes) -> dict[str, object]:
        try:
            return _fields_of(kind.FromString(body))
        except (NoMessageError, ValueError, RecursionError):
            raise DecodeError(FORMAT, "not a message of its schema") from None

    return read


def _fields_of(message: Any) -> dict[str, object]:
    return {
        field.name: _value_of(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _value_of(field: FieldDescriptor, value: Any) -> object:
    if _is_map(field):
        inner = field.message_type.fields_by_name["value"]
        return {_name_of(name): _single_value(inner, held) for name, held in value.items()}
    if field.is_repeated:
        return [_single_value(field, held) for held in value]
    return _single_value(field, value)


def _name_of(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _single_value(field: FieldDescriptor, value: Any) -> object:
    if field.type == FieldDescriptor.TYPE_ENUM:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return _message_value(value) if field.message_type is not None else value


def _message_value(message: Any) -> object:
    match message.DESCRIPTOR.full_name:
        case "google.protobuf.Timestamp":
            return message.seconds * 1_000_000 + message.nanos // 1_000
        case "google.protobuf.Duration":
            return message.seconds * 1_000_000 + message.nanos // 1_000
        case "google.type.Date":
            return f"{message.year:04}-{message.month:02}-{message.day:02}"
        case "google.type.TimeOfDay":
            clock = f"{message.hours:02}:{message.minutes:02}:{message.seconds:02}"
            return f"{clock}.{message.nanos // 1_000:06}"
        case name if name in _STRUCTS:
            return json_format.MessageToDict(message)
        case name if name.startswith("google.protobuf.") and name.endswith("Value"):
            return message.value
        case _:
            return _items_of(message) if _is_array(message.DESCRIPTOR) else _fields_of(message)


def _is_array(kind: Descriptor) -> bool:
    """``{items: [{value}]}``: an array whose elements may be null, as capture writes it."""
    items = kind.fields_by_name.get("items")
    return len(kind.fields) == 1 and items is not None and items.message_type is not None and (
        [field.name for field in items.message_type.fields] == ["value"]
    )


def _items_of(message: Any) -> list[object]:
    return [_fields_of(item).get("value") for item in message.items]


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _wire_of(kind: Descriptor, around: tuple[str, ...]) -> Wire:
    """What the fields of a message mean; inside of itself it is taken as it comes."""
    if kind.full_name in around:
        return Wire(kind=Kind.PLAIN)
    inside = (*around, kind.full_name)
    return Wire(kind=Kind.OBJECT, fields={field.name: _field_wire(field, inside) for field in kind.fields})


def _field_wire(field: FieldDescriptor, around: tuple[str, ...]) -> Wire:
    if _is_map(field):
        return Wire(kind=Kind.MAP, items=_single_wire(field.message_type.fields_by_name["value"], around))
    one = _single_wire(field, around)
    return Wire(kind=Kind.ARRAY, items=one) if field.is_repeated else one


_MESSAGES: Mapping[str, Wire] = {
    "google.protobuf.Timestamp": Wire(kind=Kind.TIMESTAMP, unit="us"),
    "google.protobuf.Duration": Wire(kind=Kind.INTERVAL),
    "google.type.Date": Wire(kind=Kind.DATE),
    "google.type.TimeOfDay": Wire(kind=Kind.TIME),
    "google.protobuf.BytesValue": Wire(kind=Kind.BYTES),
    "google.protobuf.FloatValue": Wire(kind=Kind.FLOAT, read=single_of),
    "google.protobuf.DoubleValue": Wire(kind=Kind.FLOAT, read=float_of),
    **dict.fromkeys(_STRUCTS, PLAIN),
}


def _single_wire(field: FieldDescriptor, around: tuple[str, ...]) -> Wire:
    if field.message_type is not None:
        name = field.message_type.full_name
        if name == "confluent.type.Decimal":
            return Wire(kind=Kind.DECIMAL, read=_decimal)
        if name in _MESSAGES:
            return _MESSAGES[name]
        if _is_array(field.message_type):
            inner = field.message_type.fields_by_name["items"].message_type.fields_by_name["value"]
            return Wire(kind=Kind.ARRAY, items=_single_wire(inner, around))
        return PLAIN if name.startswith("google.protobuf.") else _wire_of(field.message_type, around)
    if field.type in _FLOATS:
        return Wire(kind=Kind.FLOAT, read=single_of if field.type == FieldDescriptor.TYPE_FLOAT else float_of)
    return Wire(kind=Kind.BYTES) if field.type == FieldDescriptor.TYPE_BYTES else PLAIN


def _decimal(value: object) -> object:
    """``confluent.type.Decimal``: {value, precision, scale}."""
    if not isinstance(value, dict):
        raise TypeError("no decimal")
    return decimal_of(value["value"], value["scale"])
