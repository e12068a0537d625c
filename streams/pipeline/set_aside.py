"""Set aside: a record that cannot go on, with its original bytes and the reason, for people to work with.

In:   the ledger's dead letters.
Out:  deliveries to the dead-letter topic, in the same transaction as everything else of the batch.
Next: streams.pipeline.process (the batch is done)

Headers: Kafka Connect's (KIP-298), Kafka Streams' (KIP-1034) or Spring Kafka's, by setting, and always our own
``__contract.errors.*``. None holds a value of the row. A replayed record that fails again has them replaced.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from struct import pack

from streams.errors import ContractViolationError, ParkedBehindDeadError, PipelineError, QualityRuleError
from streams.ledger import DeadLetter, Ledger
from streams.records import Delivery, Headers, SourceRecord

from .exchange.origin import in_source
from .plan import DeadLetterStyle, Plan

_BROKEN = (ContractViolationError, QualityRuleError)
"""Errors that name rules and places of a contract."""
OWN_PREFIX = "__contract.errors."
LONGEST_HEADER = 10_240
"""Bytes. A row may break its contract in very many places, and a record that Kafka refuses stops everything."""
_STALE_PREFIXES = (OWN_PREFIX, "__connect.errors.", "__streams.errors.", "kafka_dlt-", "retry_topic-")


def set_aside(ledger: Ledger, plan: Plan, *, now_ms: int) -> list[Delivery]:
    """One delivery for each dead letter, by offset; ``now_ms`` is when a record failed that has not failed before."""
    # The ledger has them step by step, and so in an order that depends on where batches were cut.
    letters = sorted(ledger.dead_letters, key=lambda letter: letter.record.offset)
    return [_deliver(letter, plan, now_ms) for letter in letters]


def _deliver(letter: DeadLetter, plan: Plan, now_ms: int) -> Delivery:
    record = letter.record
    if plan.receives is not None:
        record = in_source(record, plan.receives)
        letter = replace(letter, record=record)
    kept = tuple(header for header in record.headers if not header[0].startswith(_STALE_PREFIXES))
    before = {name: value for name, value in record.headers if value is not None and name.startswith(OWN_PREFIX)}
    return Delivery(
        topic=plan.dead_letters,
        key=record.key,
        value=record.value,
        timestamp_ms=record.timestamp_ms,
        partition=record.partition,
        headers=kept + _context(letter, plan) + _own(letter, before, now_ms),
    )


def _own(letter: DeadLetter, before: dict[str, bytes], now_ms: int) -> Headers:
    error, record = letter.error, letter.record
    violations = error.violations if isinstance(error, _BROKEN) else ()
    facts = {
        "code": error.reason,
        "uri": error.uri if isinstance(error, _BROKEN) else "",
        "rule": ",".join(sorted({violation.code for violation in violations})),
        "path": ",".join(violation.path for violation in violations),
        "message": str(error),
        "attempt": str(_number(before.get(OWN_PREFIX + "attempt"), 0) + letter.attempts),
        "fingerprint": fingerprint(error),
        "original_timestamp": str(_number(before.get(OWN_PREFIX + "original_timestamp"), record.timestamp_ms)),
        "first_failed_at": str(_number(before.get(OWN_PREFIX + "first_failed_at"), letter.first_failed_ms or now_ms)),
    }
    return tuple((OWN_PREFIX + name, _header(value)) for name, value in facts.items() if value)


def _header(text: str) -> bytes:
    """``text``, its end cut off where it is too long."""
    value = text.encode()
    return value if len(value) <= LONGEST_HEADER else value[:LONGEST_HEADER].decode(errors="ignore").encode() + b"..."


def _number(header: bytes | None, otherwise: int) -> int:
    """What an earlier dead letter says; a header of that name that somebody else wrote may say anything."""
    return int(header) if header is not None and header.isdigit() and len(header) < 20 else otherwise


def fingerprint(error: PipelineError) -> str:
    """The same for all records that fail for the same cause: 16 hex digits of reason, contract, rules and paths."""
    if isinstance(error, ParkedBehindDeadError):
        return error.fingerprint
    violations = error.violations if isinstance(error, _BROKEN) else ()
    cause = [error.reason, *sorted({f"{violation.code}@{violation.path}" for violation in violations})]
    return blake2b("\n".join(cause).encode(), digest_size=8).hexdigest()


def _context(letter: DeadLetter, plan: Plan) -> Headers:
    match plan.dead_letter_style:
        case DeadLetterStyle.CONNECT:
            return _connect(letter, plan)
        case DeadLetterStyle.STREAMS:
            return _streams(letter)
        case DeadLetterStyle.SPRING:
            return _spring(letter, plan)


def _connect(letter: DeadLetter, plan: Plan) -> Headers:
    """KIP-298; ``task.id`` is pipeline:partition."""
    facts = {
        **_coordinates(letter.record),
        "connector.name": plan.app,
        "task.id": f"{plan.name}:{letter.record.partition}",
        "stage": "VALUE_CONVERTER" if letter.error.reason == "decode_failed" else "TRANSFORMATION",
        "class.name": f"streams.pipeline.{plan.name}",
        "exception.class.name": _class_of(letter.error),
        "exception.message": str(letter.error),
    }
    return tuple((f"__connect.errors.{name}", _header(value)) for name, value in facts.items())


def _streams(letter: DeadLetter) -> Headers:
    facts = {"exception": _class_of(letter.error), "message": str(letter.error), **_coordinates(letter.record)}
    return tuple((f"__streams.errors.{name}", _header(value)) for name, value in facts.items())


def _spring(letter: DeadLetter, plan: Plan) -> Headers:
    record = letter.record
    tried = () if letter.attempts == 1 else (
        ("retry_topic-attempts", pack(">i", letter.attempts)),
        ("retry_topic-original-timestamp", pack(">q", record.timestamp_ms)),
    )  # fmt: skip
    return (
        *tried,
        ("kafka_dlt-original-topic", record.topic.encode()),
        ("kafka_dlt-original-partition", pack(">i", record.partition)),
        ("kafka_dlt-original-offset", pack(">q", record.offset)),
        ("kafka_dlt-original-timestamp", pack(">q", record.timestamp_ms)),
        ("kafka_dlt-original-timestamp-type", b"CreateTime"),
        ("kafka_dlt-original-consumer-group", plan.app.encode()),
        ("kafka_dlt-exception-fqcn", _class_of(letter.error).encode()),
        ("kafka_dlt-exception-message", _header(str(letter.error))),
    )


def _coordinates(record: SourceRecord) -> dict[str, str]:
    return {"topic": record.topic, "partition": str(record.partition), "offset": str(record.offset)}


def _class_of(error: PipelineError) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"
