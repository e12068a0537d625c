"""Wire: an event that waits, as a record of the topic in which it does so, and back.

Key and value are the original's. Behind its headers stand ours, always as many: Spring Kafka's, so that its tools read
them, and what the event needs to go on as if it had never left. None holds a value of the row.
Source: Spring Kafka 3, headers of ``@RetryableTopic`` (names, big-endian integers; ``attempts`` is the one to be made).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct as Layout

from streams.errors import PipelineError
from streams.records import Headers, SourceRecord

from ..joining.wire import Answer

LONGEST_MESSAGE = 10_240
ATTEMPTS, BACKOFF = "retry_topic-attempts", "retry_topic-backoff-timestamp"
OWN_PREFIX = "__contract.retry."
_short, _long = Layout(">i"), Layout(">q")
_NAMES = (
    "kafka_original-topic",
    "kafka_original-partition",
    "kafka_original-offset",
    "kafka_original-timestamp",
    "kafka_original-timestamp-type",
    "kafka_dlt-original-consumer-group",
    "kafka_exception-fqcn",
    "kafka_exception-message",
    ATTEMPTS,
    "retry_topic-original-timestamp",
    BACKOFF,
    OWN_PREFIX + "reason",
    OWN_PREFIX + "waited",
    OWN_PREFIX + "first_failed_at",
    OWN_PREFIX + "watermark",
    OWN_PREFIX + "part",
    OWN_PREFIX + "row",
)
_PLACES = {name: place - len(_NAMES) for place, name in enumerate(_NAMES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """An event that comes back."""

    record: SourceRecord
    """As it was read first."""
    part: int
    """Which event of its record."""
    row: bytes
    """What waits behind it waits under this name; empty: nothing does."""
    attempt: int
    """The one to be made; 1 for an event that has only waited for others."""
    found_ms: int
    """The watermark as it found it."""
    first_failed_ms: int = 0
    waited: Mapping[str, int] = field(default_factory=dict)
    """By reason, how often it has failed so and waited."""
    answers: Mapping[int, Answer] = field(default_factory=dict)
    """By join, what other tasks have answered."""


def retry_headers(back: Return, error: PipelineError, *, app: str, due_ms: int) -> Headers:
    """Ours, for an event that is to come back as ``back``."""
    record, kind = back.record, type(error)
    values = (
        record.topic.encode(),
        _short.pack(record.partition),
        _long.pack(record.offset),
        _long.pack(record.timestamp_ms),
        b"CreateTime",
        app.encode(),
        f"{kind.__module__}.{kind.__qualname__}".encode(),
        str(error).encode()[:LONGEST_MESSAGE],
        _short.pack(back.attempt),
        _long.pack(record.timestamp_ms),
        _long.pack(due_ms),
        error.reason.encode(),
        ",".join(f"{reason}={count}" for reason, count in back.waited.items()).encode(),
        b"%d" % back.first_failed_ms,
        b"%d" % back.found_ms,
        b"%d" % back.part,
        back.row.hex().encode(),
    )
    return tuple(zip(_NAMES, values, strict=True))


def due_ms(record: SourceRecord) -> int:
    """When an event that waits is due, ms since the epoch; 0 where the record does not say."""
    place = _PLACES[BACKOFF]
    if len(record.headers) < len(_NAMES) or record.headers[place][0] != BACKOFF:
        return 0
    return int(_long.unpack(record.headers[place][1] or b"")[0])


def read_return(record: SourceRecord) -> Return:
    """The event that ``record`` of a retry topic holds; raises ``ValueError`` for one that nobody here wrote."""
    own = record.headers[-len(_NAMES) :]
    if tuple(name for name, _ in own) != _NAMES:
        raise ValueError("a record of a retry topic without its headers")
    told = {name: value or b"" for name, value in own}
    original = SourceRecord(
        told["kafka_original-topic"].decode(),
        _short.unpack(told["kafka_original-partition"])[0],
        _long.unpack(told["kafka_original-offset"])[0],
        _long.unpack(told["kafka_original-timestamp"])[0],
        record.key,
        record.value,
        record.headers[: -len(_NAMES)],
    )
    return Return(
        record=original,
        part=int(told[OWN_PREFIX + "part"]),
        row=bytes.fromhex(told[OWN_PREFIX + "row"].decode()),
        attempt=_short.unpack(told[ATTEMPTS])[0],
        found_ms=int(told[OWN_PREFIX + "watermark"]),
        first_failed_ms=int(told[OWN_PREFIX + "first_failed_at"]),
        waited=_counts(told[OWN_PREFIX + "waited"].decode()),
    )


def _counts(text: str) -> Mapping[str, int]:
    pairs = (part.partition("=") for part in text.split(","))
    return {reason: int(count) for reason, _, count in pairs}
