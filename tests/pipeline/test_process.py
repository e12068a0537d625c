"""The walk: every event of a batch ends somewhere, once, and what a batch leaves does not depend on its cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ledger import Outcome
from streams.pipeline.process import process_batch
from streams.pipeline.tables import open_tables
from streams.records import Headers, SourceRecord
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver

from .builders import (
    DEAD,
    OUT,
    TOPIC,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_source_record,
    a_topology,
    keys_of,
    laws,
    reasons_of,
    rows_of,
    send,
)

HOUR_MS = 3_600_000
NOON_MS = 12 * HOUR_MS
LATE_ONLY = {
    "table": "by_row",
    "by": ["id"],
    "window": {"tumbling": "10s", "grace": "0s"},
    "columns": {"n": "count(*)"},
    "late": "orders.late.v1",
}


def test_one_batch_has_every_outcome_and_adds_up() -> None:
    (plan,) = a_topology(a_pipeline(filter="code <> 'no'", aggregate=[LATE_ONLY], route=None)).plans
    kept = a_change(1, time_ms=60_000)
    batch = a_batch(
        kept,
        kept,
        a_change(2, code="no", time_ms=60_000),
        a_change(3, time_ms=1_000),
        replace_value(a_change(4), None),
        replace_value(a_change(5), b"\xff garbage"),
        a_change(6, omit=["code"]),
    )

    result = process_batch(batch, plan, open_tables(plan, MemoryStore()), now_ms=NOON_MS)

    assert dict(result.ledger.counts) == {
        Outcome.PROCESSED: 1,
        Outcome.DUPLICATE: 1,
        Outcome.FILTERED: 2,
        Outcome.LATE: 1,
        Outcome.DEAD: 2,
    }
    assert result.ledger.is_balanced()
    assert result.ledger.reasons() == {"decode_failed": 1, "contract_violation": 1}


def replace_value(record: SourceRecord, value: bytes | None) -> SourceRecord:
    return a_source_record(value, key=record.key)


def test_what_a_batch_delivers_is_in_the_order_of_its_events_with_the_dead_behind() -> None:
    (plan,) = a_topology().plans
    batch = a_batch(a_change(1), a_change(2, omit=["code"]), a_change(3))

    result = process_batch(batch, plan, open_tables(plan, MemoryStore()), now_ms=NOON_MS)

    assert [(delivery.topic, delivery.key) for delivery in result.deliveries] == [
        (OUT, b'{"id":1}'),
        (OUT, b'{"id":3}'),
        (DEAD, b'{"id":2}'),
    ]


def test_an_empty_batch_is_nothing() -> None:
    (plan,) = a_topology().plans

    result = process_batch(replace(a_batch(), next_offset=9), plan, open_tables(plan, MemoryStore()), now_ms=NOON_MS)

    assert (result.deliveries, dict(result.ledger.counts), result.commit_times_ms) == ([], {}, ())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"route": None}, {"late": 1}),
        ({}, {"processed": 1}),
        ({"route": None, "table": {"name": "latest"}}, {"processed": 1}),
    ],
)
def test_an_event_is_late_only_if_nothing_else_used_it(parts: Mapping[str, object], expected: dict[str, int]) -> None:
    driver = a_driver(a_pipeline(aggregate=[LATE_ONLY], **parts))
    send(driver, a_change(1, time_ms=60_000))
    before = driver.ledger()

    send(driver, a_change(2, time_ms=1_000))

    more = {outcome: count - before.get(outcome, 0) for outcome, count in driver.ledger().items()}
    assert {outcome: count for outcome, count in more.items() if count} == expected
    assert [row and row["id"] for row in rows_of(driver.records("orders.late.v1"))] == [2]


# -- laws


def changes() -> st.SearchStrategy[list[SourceRecord]]:
    """Changes of a few rows, some of them late, wrong, repeated or garbage."""
    change = st.builds(
        a_change,
        st.integers(1, 4),
        op=st.sampled_from("ccuud"),
        time_ms=st.integers(0, 60_000),
        lsn=st.integers(1, 12),
        amount=st.integers(-5, 5),
        code=st.sampled_from(["A-1", "no", "x" * 65]),
    )
    garbage = st.sampled_from([a_source_record(None), a_source_record(b"{"), a_source_record(b"{}", key=None)])
    return st.lists(change | garbage, max_size=25)


WHOLE = a_pipeline(
    filter="code <> 'no'",
    mask={"email": "hash"},
    derive={"twice": "amount * 2"},
    table={"name": "latest"},
    aggregate=[
        {"table": "totals", "by": ["id"], "columns": {"n": "count(*)", "sum": "sum(amount)"}, "to": "totals.v1"},
        LATE_ONLY | {"emit": "final", "to": "windows.v1"},
    ],
    route=[{"to": OUT, "attach": {"running": "totals.n"}}],
)


def state_of(driver: Driver) -> tuple[object, ...]:
    tables = [driver.table(name) for name in ("latest", "totals", "by_row")]
    dead = [(record.key, record.value, timeless(record.headers)) for record in driver.records(DEAD)]
    return driver.ledger(), tables, driver.records(OUT), driver.records("windows.v1"), dead


def timeless(headers: Headers) -> Headers:
    """When a record failed first is a matter of the wall clock."""
    return tuple(header for header in headers if header[0] != "__contract.errors.first_failed_at")


@laws
@given(changes())
def test_the_ledger_holds_every_record_sent(records: list[SourceRecord]) -> None:
    driver = send(a_driver(WHOLE), *(as_sent(record) for record in records))

    assert sum(driver.ledger().values()) == len(records)
    assert len(driver.records(DEAD)) == driver.ledger().get("dead", 0)


def as_sent(record: SourceRecord) -> SourceRecord:
    return SourceRecord(
        topic=TOPIC, partition=0, offset=0, timestamp_ms=record.timestamp_ms, key=record.key, value=record.value
    )


@laws
@given(changes(), st.lists(st.integers(1, 5), max_size=25))
def test_where_batches_are_cut_does_not_matter(records: list[SourceRecord], sizes: list[int]) -> None:
    (plan,) = a_topology(WHOLE).plans
    straight, cut = open_tables(plan, MemoryStore()), open_tables(plan, MemoryStore())

    whole = process_batch(a_batch(*records), plan, straight, now_ms=NOON_MS)
    pieces, start = [], 0
    for size in [*sizes, len(records)]:
        piece = a_batch(*records[start : start + size], offset=start)
        pieces.append(process_batch(piece, plan, cut, now_ms=NOON_MS))
        start += size

    for topic in {delivery.topic for delivery in whole.deliveries}:
        together = [delivery for piece in pieces for delivery in piece.deliveries if delivery.topic == topic]
        assert together == [delivery for delivery in whole.deliveries if delivery.topic == topic]
    assert [dict(table.scan()) for table in cut.all] == [dict(table.scan()) for table in straight.all]


@laws
@given(changes())
def test_fed_twice_is_fed_once(records: list[SourceRecord]) -> None:
    records = [as_sent(record) for record in records]
    driver = send(a_driver(WHOLE), *records)
    published, tables = driver.records(OUT), [driver.table(name) for name in ("latest", "totals")]
    dead = len(driver.records(DEAD))

    send(driver, *records)

    assert driver.records(OUT) == published
    assert [driver.table(name) for name in ("latest", "totals")] == tables
    # What is invalid is dead each time: it is validated before anybody asks whether it was here.
    assert len(driver.records(DEAD)) == 2 * dead


@laws
@given(changes(), st.data())
def test_a_crash_at_any_point_changes_no_committed_output(records: list[SourceRecord], data: st.DataObject) -> None:
    straight, crashing = a_driver(WHOLE), a_driver(WHOLE)
    for record in (as_sent(record) for record in records):
        send(straight, record)
        send(crashing, record)
        match data.draw(st.sampled_from(["go on", "go on", "commit", "crash"])):
            case "commit":
                straight.commit()
                crashing.commit()
            case "crash":
                crashing.restart(lose_uncommitted=True)

    assert state_of(crashing) == state_of(straight)


def test_two_pipelines_of_one_topic_see_every_event_each() -> None:
    driver = a_driver(a_pipeline(filter="id = 1"), a_pipeline("more", route=[{"to": "more.v1"}], filter="id > 1"))

    send(driver, a_change(1), a_change(2), a_change(3))

    assert (keys_of(driver.records(OUT)), keys_of(driver.records("more.v1"))) == ([{"id": 1}], [{"id": 2}, {"id": 3}])
    assert driver.ledger() == {"processed": 3, "filtered": 3}
    assert reasons_of(driver) == []
