"""Protobuf files: a table's messages as a ``FileDescriptorProto``, made without a compiler.

``Envelope`` is the file's first message. A column is an optional field whose number is the column's own in
PostgreSQL, so a number is never given to another column; null is an absent field. A column that PostgreSQL did not
send is absent too, and named in ``unavailable_columns``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from ..postgres import facts as oids
from ..postgres.facts import ColumnFacts

UNAVAILABLE_COLUMNS = "unavailable_columns"
UNAVAILABLE_NUMBER = 1_000_000
F = FieldDescriptorProto
KINDS: dict[int, int] = {
    oids.BOOL: F.TYPE_BOOL, oids.INT2: F.TYPE_INT32, oids.INT4: F.TYPE_INT32, oids.INT8: F.TYPE_INT64,
    oids.OID: F.TYPE_INT64, oids.FLOAT4: F.TYPE_FLOAT, oids.FLOAT8: F.TYPE_DOUBLE, oids.BYTEA: F.TYPE_BYTES,
}  # fmt: skip
"""By type; everything else is text, as in JSON: decimals exact, times ISO 8601."""
_SOURCE: tuple[tuple[str, int], ...] = tuple(
    (name, F.TYPE_INT64 if name in ("ts_ms", "ts_us", "ts_ns", "txId", "lsn", "xmin", "origin_lsn") else F.TYPE_STRING)
    for name in (
        "version", "connector", "name", "ts_ms", "snapshot", "db", "sequence", "ts_us", "ts_ns", "schema", "table",
        "txId", "lsn", "xmin", "origin", "origin_lsn",
    )
)  # fmt: skip
_TRANSACTION = (("id", F.TYPE_STRING), ("total_order", F.TYPE_INT64), ("data_collection_order", F.TYPE_INT64))


def kind_of(type_oid: int) -> int:
    """Protobuf's type of a value that is no array."""
    return KINDS.get(type_oid, int(F.TYPE_STRING))


def envelope_file(package: str, columns: Iterable[ColumnFacts]) -> FileDescriptorProto:
    """The file of a table's envelopes."""
    file = FileDescriptorProto(name=f"{package}.envelope.proto", package=package, syntax="proto3")
    envelope = file.message_type.add(name="Envelope")
    for number, (name, message) in enumerate(
        (("before", "Row"), ("after", "Row"), ("source", "Source"), ("transaction", "Transaction")), 1
    ):
        _add(envelope, name, number, F.TYPE_MESSAGE, f".{package}.{message}")
    _add(envelope, "op", 5, F.TYPE_STRING)
    for number, name in enumerate(("ts_ms", "ts_us", "ts_ns"), 6):
        _add(envelope, name, number, F.TYPE_INT64)
    _close(envelope)
    row = _row(file, "Row", package, columns)
    row.field.add(
        name=UNAVAILABLE_COLUMNS, number=UNAVAILABLE_NUMBER, type=F.TYPE_STRING, label=F.LABEL_REPEATED
    )
    _close(row)
    for name, fields in (("Source", _SOURCE), ("Transaction", _TRANSACTION)):
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, 1):
            _add(message, field, number, kind)
        _close(message)
    return file


def key_file(package: str, columns: Iterable[ColumnFacts]) -> FileDescriptorProto:
    """The file of a table's keys."""
    file = FileDescriptorProto(name=f"{package}.key.proto", package=package, syntax="proto3")
    _close(_row(file, "Key", package, columns))
    return file


def _row(file: FileDescriptorProto, name: str, package: str, columns: Iterable[ColumnFacts]) -> Any:
    row = file.message_type.add(name=name)
    for fact in columns:
        if fact.element_oid is None:
            _add(row, fact.name, fact.number, kind_of(fact.type_oid))
        else:
            array = _array(row, fact)
            _add(row, fact.name, fact.number, F.TYPE_MESSAGE, f".{package}.{name}.{array}")
    return row


def _array(row: DescriptorProto, fact: ColumnFacts) -> str:
    """A message for an array whose elements may be null; its name."""
    array = row.nested_type.add(name=f"Array{fact.number}")
    item = array.nested_type.add(name="Item")
    _add(item, "value", 1, kind_of(fact.element_oid or 0))
    _close(item)
    array.field.add(name="items", number=1, type=F.TYPE_MESSAGE, label=F.LABEL_REPEATED, type_name="Item")
    return str(array.name)


def _add(message: Any, name: str, number: int, kind: int, type_name: str | None = None) -> None:
    """An optional field; messages always are."""
    field = message.field.add(name=name, number=number, type=kind, label=F.LABEL_OPTIONAL)
    if type_name is not None:
        field.type_name = type_name
    else:
        field.proto3_optional = True


def _close(message: Any) -> None:
    """The one-member choices by which proto3 marks optional fields; they come behind all others."""
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")
