"""Debezium's envelope: JSON without schema, and, record by record, with it.

Sources: Debezium 3.7 connector for PostgreSQL, Kafka Connect's JsonConverter and real captures of both. Only the
identity of a DELETE's ``before`` is believed: the rest may be made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from streams.errors import DecodeError
from streams.records import ChangeEvent, SourceRecord

from ..plan import Codec
from .cache import Remembered
from .changes import NOTHING_RAW, ChangeBuilder, Envelope, Reading, without_values
from .connect_schema import field_wires
from .debezium_quick import quick_decoder
from .debezium_rows import RowReader
from .plain import unframed
from .wires import UNREADABLE, Wire

FORMAT = "debezium-json"
NO_SCHEMA = msgspec.Raw(b"null")


class _Outer(msgspec.Struct, gc=False):
    """A record with its schema around it, or else an envelope, of which this tells nothing."""

    schema: msgspec.Raw = NO_SCHEMA
    payload: msgspec.Raw = NOTHING_RAW


_decode_envelope = msgspec.json.Decoder(Envelope, float_hook=Decimal).decode
_decode_payload = msgspec.json.Decoder(Envelope | None, float_hook=Decimal).decode
_decode_outer = msgspec.json.Decoder(_Outer).decode
_decode_schema = msgspec.json.Decoder().decode
_decode_key = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode
_decode_any = msgspec.json.Decoder(float_hook=Decimal).decode


def debezium_codec(reading: Reading) -> Codec:
    """Decode records of one table."""
    contract, reads = reading.contract, reading.reads
    bare = RowReader(contract.columns)
    whole = WholeDecoder(reading, bare)
    if "key" in reads or (shape := contract.validator.shape) is None or not bare.is_plain:
        return Codec(name=FORMAT, decode=whole, has_images=True)
    quick = quick_decoder(
        shape, reading.event_time, whole, bare, version=contract.version, reads_source="source" in reads
    )
    return Codec(name=FORMAT, decode=quick, has_images=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What stands around an envelope that does not say it itself."""

    op: str | None
    source: dict[str, object]
    transaction: dict[str, object] | None


class WholeDecoder:
    """Takes every record of a table: all operations, columns that were not sent, values that want converting."""

    def __init__(self, reading: Reading, bare: RowReader | None = None) -> None:
        self._build = ChangeBuilder(FORMAT, reading)
        self._columns = reading.contract.columns
        self._bare = bare or RowReader(self._columns)
        self._by_schema: Remembered[bytes, RowReader] = Remembered(self._rows_of)
        self._keys_by_schema: Remembered[bytes, RowReader] = Remembered(self._keys_of)

    def __call__(self, record: SourceRecord) -> ChangeEvent | None:
        """The change; ``None`` for tombstones, heartbeats and messages."""
        return None if record.value is None else self.change(record, record.value, None)

    def change(self, record: SourceRecord, value: bytes, said: Said | None) -> ChangeEvent | None:
        """The change in ``value``; ``said`` stands for what its envelope leaves out."""
        try:
            envelope, rows = self._read(value)
        except UNREADABLE as error:
            if (body := unframed(value)) != value:
                return self.change(record, body, said)
            raise DecodeError(FORMAT, without_values(error)) from None
        if said is not None and envelope is not None and envelope.op is None:
            envelope.op, envelope.source, envelope.transaction = said.op, said.source, said.transaction
        return None if envelope is None else self._build(record, envelope, rows, self._key)

    def _read(self, value: bytes) -> tuple[Envelope | None, RowReader]:
        envelope = _decode_envelope(value)
        if not envelope.payload:
            return envelope, self._bare
        outer = _decode_outer(value)
        return _decode_payload(outer.payload), self._by_schema[bytes(outer.schema)]

    def _rows_of(self, schema: bytes) -> RowReader:
        """For rows under a Connect schema: ``after`` and ``before`` of an envelope have the same fields."""
        parsed = _decode_schema(schema)
        fields = parsed.get("fields") if isinstance(parsed, dict) else None
        images: dict[str, Mapping[str, Wire]] = {
            str(held.get("field")): field_wires(held)
            for held in (fields if isinstance(fields, list) else ())
            if isinstance(held, dict) and held.get("field") in ("before", "after")
        }
        return RowReader(self._columns, images.get("after") or images.get("before"))

    def _keys_of(self, schema: bytes) -> RowReader:
        return RowReader(self._columns, field_wires(_decode_schema(schema)))

    def _key(self, record: SourceRecord) -> dict[str, object]:
        if record.key is None:
            return {}
        try:
            return self._read_key(unframed(record.key))
        except UNREADABLE as error:
            raise DecodeError(FORMAT, f"key: {without_values(error)}") from None

    def _read_key(self, key: bytes) -> dict[str, object]:
        held = _decode_key(key)
        if held.keys() != {"schema", "payload"}:
            return self._bare.image(held) or {}
        payload = held["payload"]
        if not isinstance(payload, dict):
            return {}
        return self._keys_by_schema[bytes(_decode_outer(key).schema)].image(payload) or {}
