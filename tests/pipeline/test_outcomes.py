"""Each event ends where DESIGN, section 6, says."""

from __future__ import annotations

import pytest

from streams.records import SourceRecord

from .builders import OUT, TOPIC, a_change, a_driver, a_pipeline, a_source_record, keys_of, reasons_of, send

FAR_MS = 90_000_000_000
KEEPS = a_pipeline(table={"name": "latest"})


def raw(value: bytes | None, key: bytes | None = b'{"id":1}') -> SourceRecord:
    record = a_source_record(value, key=key, timestamp_ms=1_000)
    return SourceRecord(
        topic=TOPIC, partition=0, offset=0, timestamp_ms=record.timestamp_ms, key=record.key, value=record.value
    )


ENDS: dict[str, tuple[SourceRecord, str, str | None]] = {
    "insert": (a_change(1), "processed", None),
    "snapshot": (a_change(1, op="r"), "processed", None),
    "delete without before": (raw(b'{"op":"d","before":null,"source":{"lsn":1,"ts_ms":1}}'), "processed", None),
    "truncate": (raw(b'{"op":"t","source":{"lsn":1,"ts_ms":1}}', None), "processed", None),
    "tombstone": (raw(None), "filtered", None),
    "heartbeat": (raw(b'{"ts_ms":1}', b'{"serverName":"shop"}'), "filtered", None),
    "message": (raw(b'{"op":"m","source":{},"message":{"prefix":"p"},"ts_ms":1}', None), "filtered", None),
    "garbage": (raw(b"\x00\x01"), "dead", "decode_failed"),
    "null key of a keyed contract": (raw(a_change(1).value, None), "dead", "key_missing"),
    "broken row": (a_change(1, omit=["code"]), "dead", "contract_violation"),
    "far future": (raw(a_change(1, time_ms=FAR_MS).value), "dead", "event_time_in_future"),
    "too large": (raw(b"{" + b" " * 1_048_576 + b"}"), "dead", "too_large"),
}


@pytest.mark.parametrize("kind", ENDS)
def test_an_event_ends_where_it_must_and_those_around_it_go_on(kind: str) -> None:
    record, outcome, reason = ENDS[kind]
    driver = a_driver(KEEPS)

    send(driver, a_change(8), record, a_change(9))

    expected = {"processed": 2}
    expected[outcome] = expected.get(outcome, 0) + 1
    assert driver.ledger() == expected
    assert reasons_of(driver) == ([reason] if reason else [])
    assert {8, 9} - {key["id"] for key in keys_of(driver.records(OUT))} == set()


@pytest.mark.parametrize("kind", ["broken row", "garbage", "far future"])
def test_what_is_dead_is_dead_each_time(kind: str) -> None:
    record, _, reason = ENDS[kind]

    assert reasons_of(send(a_driver(KEEPS), record, record)) == [reason, reason]


def test_a_repeated_change_is_a_duplicate_and_is_not_published_again() -> None:
    driver = send(a_driver(KEEPS), *[a_change(1, lsn=5)] * 3)

    assert (driver.ledger(), len(driver.records(OUT))) == ({"processed": 1, "duplicate": 2}, 1)
