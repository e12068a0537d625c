"""Debezium's envelope in Avro with Confluent's framing.

Sources: Debezium 3.7 through Confluent's AvroConverter 7.0, real captures. A table that changes gets a new schema in
the middle of its topic: each record is read with the one that it names.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import msgspec

from streams.contracts.framing import KEY_HEADER, VALUE_HEADER, header_of, read_frame
from streams.contracts.registry import SchemaKind, SchemaSource
from streams.errors import DecodeError
from streams.records import ChangeEvent, SourceRecord

from ..plan import Codec
from .avro_schema import AvroReader, compile_avro
from .cache import Remembered
from .changes import ChangeBuilder, Envelope, Reading, without_values
from .debezium_rows import RowReader
from .registered import find_of_kind
from .wires import PLAIN, UNREADABLE

FORMAT = "debezium-avro"
_decode_key = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


def debezium_avro_codec(reading: Reading, registry: SchemaSource) -> Codec:
    """Decode records of one table."""
    return Codec(name=FORMAT, decode=_Decoder(reading, registry), has_images=True)


class _Decoder:
    def __init__(self, reading: Reading, registry: SchemaSource) -> None:
        self._build = ChangeBuilder(FORMAT, reading)
        self._columns = reading.contract.columns
        self._registry = registry
        self._values: Remembered[int | UUID, tuple[AvroReader, RowReader]] = Remembered(self._compile)
        self._keys: Remembered[int | UUID, tuple[AvroReader, RowReader]] = Remembered(self._compile_key)

    def __call__(self, record: SourceRecord) -> ChangeEvent | None:
        """The change; ``None`` for tombstones, heartbeats, messages and transaction metadata."""
        if record.value is None:
            return None
        frame = read_frame(record.value, header_of(record.headers, VALUE_HEADER))
        reader, rows = self._values[frame.schema]
        try:
            envelope = msgspec.convert(reader.read(frame.body), Envelope)
        except UNREADABLE as error:
            raise DecodeError(FORMAT, without_values(error)) from None
        return self._build(record, envelope, rows, self._key)

    def _compile(self, schema: int | UUID) -> tuple[AvroReader, RowReader]:
        reader = compile_avro(find_of_kind(self._registry, schema, SchemaKind.AVRO))
        images = reader.wire.fields
        return reader, RowReader(self._columns, (images.get("after") or images.get("before") or PLAIN).fields)

    def _compile_key(self, schema: int | UUID) -> tuple[AvroReader, RowReader]:
        reader = compile_avro(find_of_kind(self._registry, schema, SchemaKind.AVRO))
        return reader, RowReader(self._columns, reader.wire.fields)

    def _key(self, record: SourceRecord) -> dict[str, object]:
        """The key where it is Avro or JSON; other keys are opaque."""
        key, header = record.key, header_of(record.headers, KEY_HEADER)
        if key is None or (header is None and key[:1] not in (b"\x00", b"\x01", b"{")):
            return {}
        if header is None and key[:1] == b"{":
            return self._json_key(key)
        frame = read_frame(key, header)
        reader, rows = self._keys[frame.schema]
        held = reader.read(frame.body)
        return (rows.image(held) or {}) if isinstance(held, dict) else {}

    def _json_key(self, key: bytes) -> dict[str, object]:
        try:
            return _decode_key(key)
        except UNREADABLE as error:
            raise DecodeError(FORMAT, f"key: {without_values(error)}") from None
