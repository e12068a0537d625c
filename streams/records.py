"""What flows: source records in bytes, the changes they hold, and the records that leave.

Values on the hot path are frozen ``msgspec.Struct``s outside the garbage collector's view (``gc=False``:
they never take part in a reference cycle), which cost a tenth of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from msgspec import Struct

Headers = tuple[tuple[str, bytes | None], ...]
Row = Mapping[str, object]
"""The JSON view of a row: what the schema validates and what is published."""


class Operation(Enum):
    """What happened to a row; the value is Debezium's letter."""

    INSERT = "c"
    UPDATE = "u"
    DELETE = "d"
    READ = "r"
    TRUNCATE = "t"
    MESSAGE = "m"

    # Members are compared by identity; Enum's own hash is a call into Python for every event.
    __hash__ = object.__hash__


ROW_CHANGES = frozenset({Operation.INSERT, Operation.UPDATE, Operation.DELETE})
"""What counts as a change: a READ is an upsert of a snapshot, a TRUNCATE is of the whole table."""


class SourceRecord(Struct, frozen=True, gc=False):
    """One Kafka record as read from a source topic, still in bytes."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Milliseconds since the epoch, UTC; the producer's time, or the broker's on LogAppendTime topics."""
    key: bytes | None
    value: bytes | None
    """``None`` is a tombstone: the source row is gone."""
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBatch:
    """A run of records of one partition, offsets ascending."""

    topic: str
    partition: int
    records: list[SourceRecord]
    next_offset: int
    """Where the next batch starts: past the last record, and past holes that hold no records."""
    stepped_over: frozenset[int] = frozenset()
    """Offsets in quarantine; records of that number, if they are here, hold nothing but their place."""


EVERY_PARTITION = -2
"""In place of a partition: one copy for each that the topic has."""


class Delivery(Struct, frozen=True, kw_only=True, gc=False):
    """One record to publish in the open transaction."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers = ()
    partition: int | None = None
    """``None``: murmur2 of the key, as Java's producer does; ``EVERY_PARTITION``: a copy for each."""


class ChangeEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One decoded change of one row."""

    record: SourceRecord
    operation: Operation
    row: dict[str, object]
    """JSON view of the row after the change; on DELETE what is known of the row that went. Owned by this event."""
    before: Row | None = None
    after: Row | None = None
    source: Row
    """Where the change comes from: Debezium's ``source`` block; empty for plain events, and where no step reads it."""
    key: Row
    """The record's key as an object, empty where it has none."""
    event_time_ms: int
    committed_ms: int = 0
    """When the source committed the change; where it does not say, when the record was written."""
    transaction: Row | None = None
    """Debezium's ``transaction`` block: place of the change in its transaction."""
    unsent: frozenset[str] = frozenset()
    """Columns the source did not send: unchanged TOAST, or unknown on DELETE."""
    filled: frozenset[str] = frozenset()
    """Columns that the source did not send and that are known from before."""
    schema_version: str = ""
    """Version of the contract that holds for the row."""
    moved: Row | None = None
    """Where a row that changed its key goes on (DELETE) or comes from (INSERT), if the format ties the two itself."""
    is_accepted: bool = False
    """The row fits that contract for sure: its columns were checked while they were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The events of a batch at four places of their way."""

    decoded: list[ChangeEvent]
    """All of them, in their order."""
    came: list[ChangeEvent]
    """What honours its contract and is seen for the first time."""
    wanted: list[ChangeEvent] = field(default_factory=list)
    """What the filter kept, with the values as they came."""
    outside: list[ChangeEvent] = field(default_factory=list)
    """What leaves a row outside of those that match, or takes one away; masked."""
    passed: list[ChangeEvent] = field(default_factory=list)
    """What goes on."""
