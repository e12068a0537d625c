"""CloudEvents over Kafka: binary mode (``ce_`` headers, the value is the data) and structured mode (all of it JSON).

The data is a row, or a change where Debezium wrote it (``io.debezium…``): then its attributes say what was done and
where. An event is known by its source and id.
Sources: CloudEvents 1.0.2, its Kafka binding and JSON format; Debezium 3.7's documentation of CloudEventsConverter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from streams.errors import DecodeError
from streams.records import ChangeEvent, Headers, SourceRecord

from ..plan import Codec
from .changes import Reading, without_values
from .debezium import Said, WholeDecoder
from .plain import plain_event, unframed
from .times import milliseconds
from .wires import UNREADABLE

FORMAT = "cloudevents"
DEBEZIUM, EXTENSION = "io.debezium.", "iodebezium"
PREFIX = "ce_"
VERSION = "1.0"

Attributes = Mapping[str, object]

_decode_structured = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_row = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


def cloudevents_codec(reading: Reading) -> Codec:
    """Decode events whose data are rows or Debezium's changes."""
    return Codec(name=FORMAT, decode=_Decoder(reading), has_images=True)


class _Decoder:
    def __init__(self, reading: Reading) -> None:
        self._version = reading.contract.version
        self._read_time = reading.event_time.read
        self._changes = WholeDecoder(reading)

    def __call__(self, record: SourceRecord) -> ChangeEvent | None:
        """The event; ``None`` for tombstones and events without data."""
        if record.value is None:
            return None
        try:
            attributes, data = _cut(record.headers, record.value)
        except UNREADABLE as error:
            raise DecodeError(FORMAT, without_values(error)) from None
        kind = attributes.get("type")
        if attributes.get("specversion") != VERSION or not isinstance(kind, str):
            raise DecodeError(FORMAT, "no specversion 1.0 and type, neither in ce_ headers nor in the value")
        if data is None:
            return None
        if kind.startswith(DEBEZIUM):
            return self._changes.change(record, data, _said(attributes))
        return self._row(record, data, attributes)

    def _row(self, record: SourceRecord, data: bytes, attributes: Attributes) -> ChangeEvent:
        try:
            row = _decode_row(unframed(data))
        except UNREADABLE as error:
            raise DecodeError(FORMAT, without_values(error)) from None
        event = plain_event(record, row, self._version, _time_of(attributes, record), self._read_time)
        return replace(event, source={"name": attributes.get("source"), "id": attributes.get("id")})


def _cut(headers: Headers, value: bytes) -> tuple[Attributes, bytes | None]:
    """(attributes, data) of either mode; in binary mode it is the headers that say the version."""
    told = [(name[len(PREFIX) :], held) for name, held in headers if name.startswith(PREFIX)]
    said = {name: held.decode() for name, held in told if held is not None}
    if "specversion" in said:
        return said, value
    parts = _decode_structured(value)
    if "data_base64" in parts:
        raise DecodeError(FORMAT, "data_base64: rows are JSON, in data")
    data = parts.pop("data", None)
    return {name: _decode_any(held) for name, held in parts.items()}, None if data is None else bytes(data)


def _said(attributes: Attributes) -> Said:
    """What Debezium's extension attributes say of a change."""
    held = {name[len(EXTENSION) :].lower(): value for name, value in attributes.items() if name.startswith(EXTENSION)}
    source = {name: held.get(name) for name in ("name", "connector", "version", "snapshot", "db", "schema", "table")}
    numbers = {"ts_ms": "tsms", "lsn": "lsn", "txId": "txid"}
    op, order = held.get("op"), _whole(held.get("txtotalorder"))
    return Said(
        op=op if isinstance(op, str) else None,
        source={**source, **{name: _whole(held.get(short)) for name, short in numbers.items()}},
        transaction=None if order is None else {"total_order": order},
    )


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < len(str(1 << 64)) else None


def _time_of(attributes: Attributes, record: SourceRecord) -> int:
    time = attributes.get("time")
    if time is None:
        return record.timestamp_ms
    try:
        return milliseconds(datetime.fromisoformat(str(time)))
    except (ValueError, OverflowError):
        raise DecodeError(FORMAT, "its time is not RFC 3339") from None
