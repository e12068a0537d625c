"""Debezium's envelope in Protobuf, as ``streams capture`` writes it with ``format: protobuf``.

A null is an absent field; a column that was not sent is absent too, and named in ``unavailable_columns``.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from streams.contracts.framing import KEY_HEADER, VALUE_HEADER, header_of, read_frame, read_message_path
from streams.contracts.registry import SchemaKind, SchemaSource
from streams.errors import DecodeError
from streams.records import ChangeEvent, SourceRecord

from ..plan import Codec
from .cache import Remembered
from .changes import ChangeBuilder, Envelope, Reading, without_values
from .debezium_rows import UNAVAILABLE, RowReader
from .protobuf_schema import ProtobufFile, ProtobufReader
from .registered import find_of_kind
from .wires import PLAIN, UNREADABLE

FORMAT = "debezium-protobuf"
UNAVAILABLE_COLUMNS = "unavailable_columns"

Place = tuple[int | UUID, tuple[int, ...]]
"""(schema, path to the message)."""


def debezium_protobuf_codec(reading: Reading, registry: SchemaSource) -> Codec:
    """Decode records of one table."""
    return Codec(name=FORMAT, decode=_Decoder(reading, registry), has_images=True)


class _Decoder:
    def __init__(self, reading: Reading, registry: SchemaSource) -> None:
        self._build = ChangeBuilder(FORMAT, reading)
        self._columns = reading.contract.columns
        self._files: Remembered[int | UUID, ProtobufFile] = Remembered(
            lambda schema: ProtobufFile(find_of_kind(registry, schema, SchemaKind.PROTOBUF))
        )
        self._values: Remembered[Place, tuple[ProtobufReader, RowReader]] = Remembered(self._compile)
        self._keys: Remembered[Place, tuple[ProtobufReader, RowReader]] = Remembered(self._compile_key)

    def __call__(self, record: SourceRecord) -> ChangeEvent | None:
        """The change; ``None`` for tombstones, heartbeats and messages."""
        if record.value is None:
            return None
        place, body = _cut(record.value, header_of(record.headers, VALUE_HEADER))
        reader, rows = self._values[place]
        held = reader.read(body)
        for name in ("before", "after"):
            held[name] = _image(held.get(name), reader, name)
        try:
            envelope = msgspec.convert(held, Envelope)
        except UNREADABLE as error:
            raise DecodeError(FORMAT, without_values(error)) from None
        return self._build(record, envelope, rows, self._key)

    def _compile(self, place: Place) -> tuple[ProtobufReader, RowReader]:
        reader = self._files[place[0]].reader(place[1])
        fields = reader.wire.fields.get("after", PLAIN).fields
        return reader, RowReader(self._columns, fields, is_marked=True)

    def _compile_key(self, place: Place) -> tuple[ProtobufReader, RowReader]:
        reader = self._files[place[0]].reader(place[1])
        return reader, RowReader(self._columns, reader.wire.fields)

    def _key(self, record: SourceRecord) -> dict[str, object]:
        if record.key is None:
            return {}
        place, body = _cut(record.key, header_of(record.headers, KEY_HEADER))
        reader, rows = self._keys[place]
        return rows.image(reader.read(body)) or {}


def _cut(data: bytes, header: bytes | None) -> tuple[Place, bytes]:
    frame = read_frame(data, header)
    path, body = read_message_path(frame)
    return (frame.schema, path), body


def _image(held: object, reader: ProtobufReader, name: str) -> object:
    """A row with a null for each absent field and the placeholder for each column that was not sent."""
    if not isinstance(held, dict):
        return held
    unsent = held.pop(UNAVAILABLE_COLUMNS, ())
    names = [field for field in reader.wire.fields[name].fields if field != UNAVAILABLE_COLUMNS]
    return {field: UNAVAILABLE if field in unsent else held.get(field) for field in names}
