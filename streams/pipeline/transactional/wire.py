"""Wire: where a transaction ends, as the source tells it and as tasks are told.

Sources: Debezium 3.7's documentation of transaction metadata and real captures: ``END`` has the id ``txId:LSN``, and
the log position in it is what the first part of ``source.sequence`` is for the next transaction. JSON with and without
schema, and Avro; ``streams capture`` writes JSON in every format.
"""

from __future__ import annotations

import msgspec

from streams.contracts.framing import VALUE_HEADER, header_of, read_frame
from streams.contracts.registry import SchemaKind, SchemaSource
from streams.errors import DecodeError
from streams.records import SourceRecord

from ..formats.avro_schema import AvroReader, compile_avro
from ..formats.cache import Remembered
from ..formats.changes import without_values
from ..formats.plain import unframed
from ..formats.registered import find_of_kind
from ..formats.wires import UNREADABLE
from .plan import ReadEnd

FORMAT = "transaction"
END = "END"
NOTHING = -1
"""Before all places of a log."""


class _Boundary(msgspec.Struct, gc=False):
    status: str | None = None
    id: str | None = None
    payload: _Boundary | None = None


class _Told(msgspec.Struct, frozen=True, gc=False):
    ended: int


_decode_boundary = msgspec.json.Decoder(_Boundary).decode
_decode_told = msgspec.json.Decoder(_Told).decode


def end_reader(registry: SchemaSource | None) -> ReadEnd:
    """Reads Debezium's records of transactions; ``registry``: where those in Avro find their schema."""
    readers: Remembered[object, AvroReader] | None = None
    if registry is not None:
        source = registry
        readers = Remembered(lambda schema: compile_avro(find_of_kind(source, schema, SchemaKind.AVRO)))  # type: ignore[arg-type]  # what a frame names

    def read_end(record: SourceRecord) -> int | None:
        if record.value is None:
            return None
        try:
            held = _boundary(record, record.value, readers)
        except UNREADABLE as error:
            raise DecodeError(FORMAT, without_values(error)) from None
        return _place(held.payload or held)

    return read_end


def _boundary(record: SourceRecord, value: bytes, readers: Remembered[object, AvroReader] | None) -> _Boundary:
    header = header_of(record.headers, VALUE_HEADER)
    if header is None and (value[:1] == b"{" or unframed(value)[:1] == b"{"):
        return _decode_boundary(unframed(value))
    if readers is None:
        raise DecodeError(FORMAT, "neither JSON nor, with a registry, Avro")
    frame = read_frame(value, header)
    return msgspec.convert(readers[frame.schema].read(frame.body), _Boundary)


def _place(held: _Boundary) -> int | None:
    if held.status != END:
        return None
    _, colon, place = (held.id or "").rpartition(":")
    if not colon or not place.isdecimal():
        raise DecodeError(FORMAT, "the id of an END has no log position")
    return int(place)


def encode_told(ended: int) -> bytes:
    """What tasks are told: all transactions before that place of the log have ended."""
    return msgspec.json.encode(_Told(ended=ended))


def decode_told(value: bytes | None) -> int:
    """The same, read."""
    return NOTHING if value is None else _decode_told(value).ended
