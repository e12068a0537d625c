"""Protobuf: rows as messages of proto3, with presence for what may be absent or null.

A decimal is its digits as text, a moment a ``Timestamp``, a word of an enum that word (a constant of Protobuf has
another name, from which nobody could read the word), what has no type of its own JSON text. An array that may be null,
or hold null, is a message around its items, as capture writes it: a repeated field is never absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams.contracts.iglu import version_numbers
from streams.contracts.model import ColumnType
from streams.contracts.numbers import Recorded

from .avro import is_int32
from .names import identifier, namespace, pascal, unique, vendor_and_name
from .numbering import Numbers, number_all
from .types import Kind, Member, Model, Record, Type

_STAMP = ".google.protobuf.Timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field of a message, before it has a number."""

    name: str
    column: str
    type: str
    is_repeated: bool = False
    has_presence: bool = False
    wire: str
    """What a reader must agree on: fields of one name and another wire are two fields."""
    said: str = ""
    items: _Field | None = None
    """Of an array that is a message: what is around each item."""


def to_protobuf(models: Sequence[Model], recorded: Recorded) -> str:
    """The file of the last of ``models``, the versions of a dataset from the oldest on.

    ``recorded``: numbers that fields have, whatever the versions say.
    """
    model = models[-1]
    numbers = number_all([dict(_keys(held)) for held in models], recorded)
    fields = {name: list(_fields(record)) for name, record in model.records.items()}
    head = [f"// {model.contract.uri}", 'syntax = "proto3";', f"package {package_of(model)};"]
    used = [one.items or one for held in fields.values() for one in held]
    imports = ['import "google/protobuf/timestamp.proto";'] if any(one.type == _STAMP for one in used) else []
    blocks = [_message(record, fields[name], numbers) for name, record in model.records.items()]
    parts = ["\n".join(lines) for lines in (head, imports, *blocks) if lines]
    return "\n\n".join(parts) + "\n"


def field_numbers(models: Sequence[Model], recorded: Recorded) -> Recorded:
    """Those of all fields that ``models`` have, in their order, beside what is ``recorded``."""
    given = number_all([dict(_keys(held)) for held in models], recorded)
    fresh = {name: dict(numbers.by_key) for name, numbers in given.items()}
    return {name: {**recorded.get(name, {}), **fresh.get(name, {})} for name in {**recorded, **fresh}}


def package_of(model: Model) -> str:
    """``com.acme.shop.orders.v1``: a breaking version is another package."""
    vendor, name = vendor_and_name(model.contract)
    return f"{namespace(vendor)}.{identifier(name)}.v{version_numbers(model.contract.version)[0]}"


def _keys(model: Model) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """By message, names of its fields and what they are on the wire."""
    for name, record in model.records.items():
        yield name, [(one.name, one.wire) for one in _fields(record)]


def _fields(record: Record) -> Iterator[_Field]:
    taken: set[str] = set()
    for member in record.members:
        name = unique(identifier(member.name).strip("_") or "field", taken)
        name = f"n{name}" if name[0].isdigit() else name
        taken.add(name)
        yield _field(member, name, record.name)


def _field(member: Member, name: str, holder: str) -> _Field:
    note = _note(member.type)
    said = f"{member.description} ({note})" if member.description and note else member.description or note
    held = member.type
    own = pascal(holder, name)
    if held.kind is Kind.ARRAY and held.items is not None:
        inside = held.items
        item = _single(inside)
        if not member.may_lack and not inside.is_nullable and inside.kind not in (Kind.ARRAY, Kind.MAP):
            return _Field(name=name, column=member.name, type=item[0], wire=f"repeated {item[1]}", is_repeated=True,
                          said=said)  # fmt: skip
        value = _Field(name="value", column="value", type=item[0], wire=item[1], has_presence=True)
        return _Field(name=name, column=member.name, type=f"{own}List", wire=f"list of {item[1]}", has_presence=True,
                      said=said, items=value)  # fmt: skip
    if _is_map(held) and held.items is not None:
        kind, wire = _single(held.items)
        return _Field(name=name, column=member.name, type=f"map<string, {kind}>", wire=f"map of {wire}", said=said)
    kind, wire = _single(held)
    return _Field(name=name, column=member.name, type=kind, wire=wire, said=said, has_presence=True)


def _is_map(held: Type) -> bool:
    """A map whose values have a type of their own, and are never null."""
    inside = held.items
    is_plain = inside is not None and inside.kind not in (Kind.ARRAY, Kind.MAP, Kind.UNION, Kind.ANY)
    return held.kind is Kind.MAP and inside is not None and is_plain and not inside.is_nullable


def _single(held: Type) -> tuple[str, str]:
    """The type of one value, and what it is on the wire."""
    if held.kind is Kind.RECORD:
        return held.record, f"message {held.record}"
    if held.kind in (Kind.TEXT, Kind.INTEGER) and held.meaning is ColumnType.TIMESTAMP:
        return _STAMP, _STAMP
    if held.kind is Kind.TEXT:
        if held.meaning is ColumnType.BYTES:
            return "bytes", "bytes"
        return "string", "string"
    if held.kind is Kind.INTEGER:
        return ("int32" if is_int32(held.rules) else "int64"), "integer"
    if held.kind is Kind.BOOLEAN:
        return "bool", "integer"
    if held.kind is Kind.NUMBER and held.meaning is ColumnType.DOUBLE:
        return "double", "double"
    return "string", "string"


def _note(held: Type) -> str:
    if held.words:
        return f"one of {', '.join(held.words)}"
    if held.kind in (Kind.UNION, Kind.ANY, Kind.MAP) and not _is_map(held):
        return "JSON text"
    if held.kind is Kind.NUMBER and held.meaning is not ColumnType.DOUBLE:
        return "digits of an exact decimal"
    return held.physical or ""


def _message(record: Record, fields: Iterable[_Field], numbers: Mapping[str, Numbers]) -> list[str]:
    own = numbers[record.name]
    lines = [*_comment(record.description), f"message {record.name} {{"]
    lines += [f"  {line}" for line in _reserved(own)]
    for field in fields:
        lines += [f"  {line}" for line in _comment(field.said)]
        lines.append(f"  {_declared(field, own.by_key[(field.name, field.wire)])}")
    for field in fields:
        lines += [f"  {line}" for line in _inside(field)]
    return [*lines, "}"]


def _declared(field: _Field, number: int) -> str:
    label = "repeated " if field.is_repeated else "optional " if field.has_presence else ""
    # The JSON form has the column's own name, not lowerCamelCase.
    return f"{label}{field.type} {field.name} = {number} [json_name = {json.dumps(field.column, ensure_ascii=False)}];"


def _inside(field: _Field) -> Iterator[str]:
    """The message that is around the items of this field."""
    if field.items is not None:
        yield f"message {field.type} {{"
        yield "  message Item {"
        yield f"    optional {field.items.type} value = 1;"
        yield "  }"
        yield "  repeated Item items = 1;"
        yield "}"


def _reserved(numbers: Numbers) -> Iterator[str]:
    if numbers.reserved_numbers:
        yield f"reserved {', '.join(map(str, numbers.reserved_numbers))};"
    if numbers.reserved_names:
        yield f"reserved {', '.join(map(json.dumps, numbers.reserved_names))};"


def _comment(said: str) -> list[str]:
    return [f"// {line.strip()}" for line in said.splitlines() if line.strip()]
