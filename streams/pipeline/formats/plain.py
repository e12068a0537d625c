"""Plain events: JSON, Iglu's self-describing JSON, Avro and Protobuf. Every record is an event of its own, an INSERT.

Where Confluent's framing names a schema (id or GUID, in front of the bytes or in a header), the registry has it. JSON
may be framed and need not be: its contract says everything.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import msgspec

from streams.contracts.columns import json_types
from streams.contracts.framing import VALUE_HEADER, header_of, read_frame, read_message_path
from streams.contracts.model import Contract, ContractFamily
from streams.contracts.registry import SchemaKind, SchemaSource
from streams.errors import DecodeError, UnknownSchemaError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import Codec, EventTime
from .avro_schema import compile_avro
from .cache import Remembered
from .changes import without_values
from .debezium_rows import RowReader
from .protobuf_schema import ProtobufFile
from .registered import find_of_kind
from .times import NO_TIME
from .wires import UNREADABLE

Versioned = tuple[dict[str, object], str]
"""(row, version of the contract that holds for it)."""
Read = Callable[[SourceRecord, bytes], Versioned]


class _SelfDescribing(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Exactly {schema, data}: Iglu's instance meta-schema allows nothing else."""

    schema: str
    data: dict[str, object]


_decode_row = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode
_decode_self_describing = msgspec.json.Decoder(_SelfDescribing, float_hook=Decimal).decode


def json_codec(contract: ContractFamily, event_time: EventTime) -> Codec:
    """Plain JSON objects, validated by the newest version of ``contract``."""
    newest = contract.newest.version
    return _codec("json", lambda record, value: (_decode_row(unframed(value)), newest), event_time)


def iglu_codec(contract: ContractFamily, event_time: EventTime) -> Codec:
    """Self-describing events: each names the version of ``contract`` that holds for it."""
    versions = {known.uri: known.version for known in contract.versions}

    def read(record: SourceRecord, value: bytes) -> Versioned:
        described = _decode_self_describing(unframed(value))
        version = versions.get(described.schema)
        if version is None:
            raise UnknownSchemaError(contract.subject)
        return described.data, version

    return _codec("iglu-json", read, event_time)


def avro_codec(contract: Contract, event_time: EventTime, registry: SchemaSource) -> Codec:
    """Avro records, each read with the schema it was written with and mapped to the contract by name."""

    def compiled(schema: int | UUID) -> Callable[[bytes], dict[str, object]]:
        reader = compile_avro(find_of_kind(registry, schema, SchemaKind.AVRO))
        rows, read = RowReader(contract.columns, reader.wire.fields), reader.read
        return lambda body: rows.row(_record_of(read(body)))

    readers: Remembered[int | UUID, Callable[[bytes], dict[str, object]]] = Remembered(compiled)

    def read(record: SourceRecord, value: bytes) -> Versioned:
        frame = read_frame(value, header_of(record.headers, VALUE_HEADER))
        return readers[frame.schema](frame.body), contract.version

    return _codec("avro", read, event_time)


def protobuf_codec(contract: Contract, event_time: EventTime, registry: SchemaSource) -> Codec:
    """Protobuf messages, each read with the file it was written with."""
    files: Remembered[int | UUID, ProtobufFile] = Remembered(
        lambda schema: ProtobufFile(find_of_kind(registry, schema, SchemaKind.PROTOBUF))
    )

    def compiled(place: tuple[int | UUID, tuple[int, ...]]) -> Callable[[bytes], dict[str, object]]:
        reader = files[place[0]].reader(place[1])
        rows, read, nullable = RowReader(contract.columns, reader.wire.fields), reader.read, _nullable(contract)
        names = tuple(reader.wire.fields)

        def read_row(body: bytes) -> dict[str, object]:
            held = read(body)
            return rows.row({name: held.get(name) for name in names if name in held or name in nullable})

        return read_row

    readers: Remembered[tuple[int | UUID, tuple[int, ...]], Callable[[bytes], dict[str, object]]] = Remembered(compiled)

    def read(record: SourceRecord, value: bytes) -> Versioned:
        frame = read_frame(value, header_of(record.headers, VALUE_HEADER))
        path, body = read_message_path(frame)
        return readers[frame.schema, path](body), contract.version

    return _codec("protobuf", read, event_time)


def _record_of(held: object) -> dict[str, object]:
    if not isinstance(held, dict):
        raise DecodeError("avro", "its schema is not of a record")
    return held


def _nullable(contract: Contract) -> frozenset[str]:
    """The columns that the schema admits null for."""
    shapes = contract.schema.get("properties")
    return frozenset(
        name
        for name, shape in (shapes.items() if isinstance(shapes, dict) else ())
        if isinstance(shape, dict) and (not (kinds := json_types(shape)) or "null" in kinds)
    )


def unframed(data: bytes) -> bytes:
    """JSON without Confluent's prefix, where a JSON Schema serializer wrote one."""
    return read_frame(data).body if data[:1] in (b"\x00", b"\x01") else data


def _codec(name: str, read: Read, event_time: EventTime) -> Codec:
    read_time = event_time.read

    def decode(record: SourceRecord) -> ChangeEvent | None:
        if record.value is None:
            return None
        try:
            row, version = read(record, record.value)
        except UNREADABLE as error:
            raise DecodeError(name, _without_values(error)) from None
        return plain_event(record, row, version, record.timestamp_ms, read_time)

    return Codec(name=name, decode=decode, has_images=False)


def plain_event(
    record: SourceRecord,
    row: dict[str, object],
    version: str,
    committed_ms: int,
    read_time: Callable[[Row], int | None] | None,
) -> ChangeEvent:
    """An INSERT of ``row``; its time is the row's own where the pipeline names a column."""
    time_ms = committed_ms
    if read_time is not None:
        time_ms = NO_TIME if (found := read_time(row)) is None else found
    return ChangeEvent(
        record=record,
        operation=Operation.INSERT,
        row=row,
        after=row,
        source={},
        key=_key_of(record.key),
        event_time_ms=time_ms,
        committed_ms=committed_ms,
        schema_version=version,
    )


def _without_values(error: Exception) -> str:
    """What msgspec says of structure, without the name of a field that nobody has agreed to."""
    structure = without_values(error)
    return structure if "unknown field" not in structure else "fields beside schema and data"


def _key_of(key: bytes | None) -> Row:
    """The key where it is a JSON object; other keys are opaque."""
    if key is None or not key.startswith(b"{"):
        return {}
    try:
        return _decode_row(key)
    except UNREADABLE:
        return {}
