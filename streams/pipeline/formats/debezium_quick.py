"""The quick way through Debezium's envelope: rows of plain columns, checked while they are read.

Most records of most tables are inserts and updates whose row is what the contract says. They are read in one go, their
columns in the order of the contract, without the parts that no step asks for. Whatever else comes (deletes, columns
that were not sent, unknown fields, what breaks the contract) is left to the way that takes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import asdict

from streams.contracts.accept import RowShape
from streams.records import ChangeEvent, Operation, SourceRecord

from ..plan import Decode, EventTime
from .debezium_rows import MARK, RowReader
from .times import NO_TIME
from .wires import UNREADABLE

OPERATIONS_WITH_AFTER: Mapping[str | None, Operation] = {
    held.value: held for held in (Operation.INSERT, Operation.UPDATE, Operation.READ)
}

_NOTHING: dict[str, object] = {}


class _CommitTime(msgspec.Struct, gc=False):
    """All of a source block that is read where no step asks for it: half the work of a record is the rest."""

    ts_ms: int | None = None


def quick_decoder(
    shape: RowShape, event_time: EventTime, otherwise: Decode, rows: RowReader, *, version: str, reads_source: bool
) -> Decode:
    """A decoder of a table whose rows have ``shape``; records that are not plain it leaves to ``otherwise``."""
    read = msgspec.json.Decoder(_envelope_of(shape, reads_source=reads_source), float_hook=Decimal).decode
    operation_of, read_time, fits = OPERATIONS_WITH_AFTER.get, event_time.read, shape.fits
    row_of = rows.respelled(_present_columns(shape.columns) if shape.has_optional else asdict)
    # A column that was not sent holds a text in its place, which no format and no list of words admits.
    may_hide = shape.has_free_text

    # Once an event: what could be a call of its own stands here.
    def decode(record: SourceRecord) -> ChangeEvent | None:
        value = record.value
        if value is None or (may_hide and value.find(MARK) >= 0):
            return otherwise(record)
        try:
            envelope = read(value)
            operation, after = operation_of(envelope.op), envelope.after
            if operation is None or after is None or not fits(after):
                return otherwise(record)
        except UNREADABLE:
            return otherwise(record)
        row, source = row_of(after), envelope.source
        said_ms = None if source is None else source.get("ts_ms") if reads_source else source.ts_ms
        committed_ms = said_ms if type(said_ms) is int else record.timestamp_ms
        time_ms = committed_ms if read_time is None else read_time(row)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=envelope.before and rows.image(envelope.before),
            after=row,
            source=(source or _NOTHING) if reads_source else _NOTHING,
            key=_NOTHING,
            event_time_ms=NO_TIME if time_ms is None else time_ms,
            committed_ms=committed_ms,
            transaction=envelope.transaction if reads_source else None,
            schema_version=version,
            is_accepted=True,
        )

    return decode


def _envelope_of(shape: RowShape, *, reads_source: bool) -> Any:
    """The struct of an envelope; fields that it does not have are passed over."""
    block, anything = dict[str, object] | None, [("transaction", dict[str, object] | None, None)]
    return msgspec.defstruct(
        "Envelope",
        [
            ("op", str | None, None),
            ("before", block, None),
            ("after", shape.struct(is_closed=True) | None, None),
            ("source", block if reads_source else _CommitTime | None, None),
            *(anything if reads_source else ()),
        ],
        gc=False,
    )


def _present_columns(columns: tuple[str, ...]) -> Callable[[msgspec.Struct], dict[str, Any]]:
    def row_of(row: msgspec.Struct) -> dict[str, Any]:
        return {name: value for name in columns if (value := getattr(row, name)) is not msgspec.UNSET}

    return row_of
