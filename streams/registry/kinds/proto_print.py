"""Print: a file descriptor as the text of a ``.proto`` file, for clients that read text.

Custom options are not told: what they mean is in files that the registry need not have. The descriptor keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

from streams.contracts.compatibility.protobuf.parse import json_name

F = FieldDescriptorProto
_LARGEST_NUMBER = 536_870_911


def print_file(file: FileDescriptorProto) -> str:
    """The text; the same for the same descriptor."""
    syntax = file.syntax or "proto2"
    head = [f'syntax = "{syntax}";']
    if file.package:
        head.append(f"package {file.package};")
    imports = [_import(file, place) for place in range(len(file.dependency))]
    options = [f"option {option};" for option in _options(file.options)]
    blocks = [
        *(list(_message(message, syntax)) for message in file.message_type),
        *(list(_enum(enum)) for enum in file.enum_type),
        *(list(_service(service)) for service in file.service),
        *(list(_extend(one, syntax)) for one in file.extension),
    ]
    parts = ["\n".join(lines) for lines in (head, imports, options, *blocks) if lines]
    return "\n\n".join(parts) + "\n"


def _import(file: FileDescriptorProto, place: int) -> str:
    how = "public " if place in file.public_dependency else "weak " if place in file.weak_dependency else ""
    return f'import {how}"{file.dependency[place]}";'


def _options(options: Any) -> Iterator[str]:
    """Those that Protobuf itself defines."""
    for field, value in options.ListFields():
        if field.is_extension or field.message_type is not None or field.name == "map_entry":
            continue
        values = value if field.is_repeated else (value,)
        yield from (f"{field.name} = {_literal(field, held)}" for held in values)


def _literal(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    return str(value).lower() if isinstance(value, bool) else _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _inside(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _message(message: DescriptorProto, syntax: str) -> Iterator[str]:
    yield f"message {message.name} {{"
    yield from _inside(_message_parts(message, syntax))
    yield "}"


def _message_parts(message: DescriptorProto, syntax: str) -> Iterator[str]:
    yield from (f"option {option};" for option in _options(message.options))
    yield from _reserved(message)
    entries = {inner.name: inner for inner in message.nested_type if inner.options.map_entry}
    told: set[int] = set()
    for one in message.field:
        if not one.HasField("oneof_index") or one.proto3_optional:
            yield _field(one, entries, syntax)
        elif one.oneof_index not in told:
            told.add(one.oneof_index)
            yield f"oneof {message.oneof_decl[one.oneof_index].name} {{"
            mates = (mate for mate in message.field if mate.HasField("oneof_index"))
            yield from _inside(
                _field(mate, entries, syntax, is_in_oneof=True)
                for mate in mates
                if mate.oneof_index == one.oneof_index and not mate.proto3_optional
            )
            yield "}"
    for inner in message.nested_type:
        if inner.name not in entries:
            yield from _message(inner, syntax)
    for enum in message.enum_type:
        yield from _enum(enum)
    for extended in message.extension:
        yield from _extend(extended, syntax)


def _reserved(message: DescriptorProto) -> Iterator[str]:
    for ranges, word in ((message.reserved_range, "reserved"), (message.extension_range, "extensions")):
        told = ", ".join(_range(held.start, held.end - 1, _LARGEST_NUMBER) for held in ranges)
        if told:
            yield f"{word} {told};"
    if message.reserved_name:
        yield f"reserved {', '.join(map(_quoted, message.reserved_name))};"


def _range(start: int, end: int, largest: int) -> str:
    return str(start) if start == end else f"{start} to {'max' if end >= largest else end}"


def _field(
    one: FieldDescriptorProto, entries: dict[str, DescriptorProto], syntax: str, *, is_in_oneof: bool = False
) -> str:
    entry = entries.get(one.type_name.rpartition(".")[2]) if one.type == F.TYPE_MESSAGE else None
    if entry is not None:
        kind = f"map<{_type(entry.field[0])}, {_type(entry.field[1])}>"
    else:
        kind = _type(one)
        if not is_in_oneof:
            kind = _label(one, syntax) + kind
    options = list(_field_options(one))
    told = f" [{', '.join(options)}]" if options else ""
    return f"{kind} {one.name} = {one.number}{told};"


def _label(one: FieldDescriptorProto, syntax: str) -> str:
    if one.label == F.LABEL_REPEATED:
        return "repeated "
    if one.label == F.LABEL_REQUIRED:
        return "required "
    return "optional " if syntax == "proto2" or one.proto3_optional else ""


def _field_options(one: FieldDescriptorProto) -> Iterator[str]:
    if one.HasField("default_value"):
        is_text = one.type in (F.TYPE_STRING, F.TYPE_BYTES)
        yield f"default = {_quoted(one.default_value) if is_text else one.default_value}"
    if one.json_name and one.json_name != json_name(one.name):
        yield f"json_name = {_quoted(one.json_name)}"
    yield from _options(one.options)


def _type(one: FieldDescriptorProto) -> str:
    return str(one.type_name or F.Type.Name(one.type).removeprefix("TYPE_").lower())


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {enum.name} {{"
    yield from _inside(f"option {option};" for option in _options(enum.options))
    for value in enum.value:
        options = ", ".join(_options(value.options))
        yield f"  {value.name} = {value.number}{f' [{options}]' if options else ''};"
    told = ", ".join(_range(held.start, held.end, (1 << 31) - 1) for held in enum.reserved_range)
    if told:
        yield f"  reserved {told};"
    if enum.reserved_name:
        yield f"  reserved {', '.join(map(_quoted, enum.reserved_name))};"
    yield "}"


def _service(service: ServiceDescriptorProto) -> Iterator[str]:
    yield f"service {service.name} {{"
    for method in service.method:
        asked = ("stream " if method.client_streaming else "") + method.input_type
        answered = ("stream " if method.server_streaming else "") + method.output_type
        yield f"  rpc {method.name} ({asked}) returns ({answered});"
    yield "}"


def _extend(one: FieldDescriptorProto, syntax: str) -> Iterator[str]:
    yield f"extend {one.extendee} {{"
    yield f"  {_field(one, {}, syntax)}"
    yield "}"
