"""Compile: the text of a ``.proto`` file as a file descriptor, for clients that read descriptors.

What decides how data looks: messages, fields, enums. Services, extensions and custom options are left out.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    Edition,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from ..model import SchemaTextError
from .parse import json_name, parse_proto
from .schema import SCALARS, ProtoEnum, ProtoField, ProtoMessage

F = FieldDescriptorProto
_LABELS = {"required": F.LABEL_REQUIRED, "repeated": F.LABEL_REPEATED}


def compile_text(text: str) -> FileDescriptorProto:
    """The descriptor, with the names of types as they are written; raises ``SchemaTextError``."""
    parsed = parse_proto(text)
    file = FileDescriptorProto(package=parsed.package, dependency=parsed.imports)
    if parsed.syntax.isdecimal():
        file.syntax, file.edition = "editions", _edition(parsed.syntax)
    elif parsed.syntax != "proto2":
        file.syntax = parsed.syntax
    for message in parsed.top.messages.values():
        _fill_message(file.message_type.add(), message, is_proto3=parsed.syntax == "proto3")
    for enum in parsed.top.enums.values():
        _fill_enum(file.enum_type.add(), enum)
    return file


def _edition(year: str) -> Edition:
    try:
        return Edition.Value(f"EDITION_{year}")
    except ValueError:
        raise SchemaTextError(f"the edition {year} is not known here") from None


def _fill_message(into: DescriptorProto, message: ProtoMessage, *, is_proto3: bool) -> None:
    into.name = message.name
    for name in message.oneofs:
        into.oneof_decl.add(name=name)
    for inner in message.messages.values():
        _fill_message(into.nested_type.add(), inner, is_proto3=is_proto3)
    for enum in message.enums.values():
        _fill_enum(into.enum_type.add(), enum)
    for held in message.fields.values():
        _add_field(into, held, message)
    if is_proto3:
        _name_presence(into, message)


def _add_field(into: DescriptorProto, held: ProtoField, message: ProtoMessage) -> None:
    field = into.field.add(name=held.name, number=held.number, label=_LABELS.get(held.label, F.LABEL_OPTIONAL))
    if held.json_name != json_name(held.name):
        field.json_name = held.json_name
    if held.oneof:
        field.oneof_index = message.oneofs.index(held.oneof)
    if held.key:
        _add_entry(into, field, held)
    else:
        _set_type(field, held.type)
        _set_options(field, held.options)


def _add_entry(into: DescriptorProto, field: FieldDescriptorProto, held: ProtoField) -> None:
    """A map is a repeated message of its entries."""
    name = json_name("_" + held.name) + "Entry"
    entry = into.nested_type.add(name=name)
    entry.options.map_entry = True
    for place, (part, kind) in enumerate((("key", held.key), ("value", held.type)), 1):
        _set_type(entry.field.add(name=part, number=place, label=F.LABEL_OPTIONAL), kind)
    field.label, field.type, field.type_name = F.LABEL_REPEATED, F.TYPE_MESSAGE, name


def _set_type(field: FieldDescriptorProto, kind: str) -> None:
    if kind in SCALARS:
        field.type = F.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type_name = kind  # message or enum: whoever resolves the name sees


def _set_options(field: FieldDescriptorProto, options: tuple[str, ...]) -> None:
    for place, word in enumerate(options[:-2]):
        if options[place + 1] != "=" or (place and options[place - 1] != ","):
            continue
        value = options[place + 2]
        if word == "default":
            field.default_value = value[1:-1] if value[0] in "\"'" else value
        elif word in ("packed", "deprecated"):
            setattr(field.options, word, value == "true")


def _name_presence(into: DescriptorProto, message: ProtoMessage) -> None:
    """In proto3 an optional field is a choice of one, after all others."""
    for field in into.field:
        if message.fields[field.number].label == "optional":
            field.proto3_optional = True
            field.oneof_index = len(into.oneof_decl)
            into.oneof_decl.add(name=f"_{field.name}")


def _fill_enum(into: EnumDescriptorProto, enum: ProtoEnum) -> None:
    into.name = enum.name
    for number, names in enum.constants.items():
        if len(names) > 1:
            into.options.allow_alias = True
        for name in names:
            into.value.add(name=name, number=number)
