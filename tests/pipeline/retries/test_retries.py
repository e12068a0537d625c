"""Retries: what waits, how it comes back, and what it may not do meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from struct import unpack
from typing import Any

import pytest

from streams.pipeline.plan import DeadLetterStyle
from streams.pipeline.retries import tables as retry_tables
from streams.pipeline.retries.wire import due_ms, read_return
from streams.pipeline.task import Task
from streams.pipeline.topology import TopicKind
from streams.records import ChangeEvent, SourceRecord
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
    TOPIC,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_plain_pipeline,
    a_topology,
    header,
    keys_of,
    problems_of,
    reasons_of,
    rows_of,
    send,
)
from ..test_join import JOIN, USERS, a_user, codes, orders, users

SOON, LATER = f"{TOPIC}-orders-retry-5000", f"{TOPIC}-orders-retry-60000"
ERRORS: Mapping[str, Any] = {"retry": {"join_missing": ["5s", "1m"]}}
UNSENT = "__debezium_unavailable_value"


def waits(in_order: str | None = None, **parts: Any) -> Mapping[str, Any]:
    errors = {**ERRORS, **({} if in_order is None else {"in_order": in_order})}
    return orders("retry", errors=errors, **parts)


def a_waiting_driver(in_order: str | None = None, **parts: Any) -> Driver:
    return a_driver(waits(in_order, **parts), users(), start_ms=1_000)


def published(driver: Driver) -> list[tuple[int, object]]:
    return [(row["id"], row["amount"]) for row in rows_of(driver.records(OUT)) if row is not None]


# -- what waits, and where


def test_an_event_waits_with_its_bytes_and_the_headers_of_spring() -> None:
    original = a_change(1, customer_id=8, headers=(("trace", b"7"),))
    (record,) = send(a_waiting_driver(), original).records(SOON)

    told = dict(record.headers)
    assert (record.key, record.value, record.headers[0]) == (original.key, original.value, ("trace", b"7"))
    assert told["kafka_original-topic"] == TOPIC.encode()
    assert unpack(">iq", (told["kafka_original-partition"] or b"") + (told["kafka_original-offset"] or b"")) == (0, 0)
    assert unpack(">i", told["retry_topic-attempts"] or b"") == (2,)
    assert unpack(">q", told["retry_topic-backoff-timestamp"] or b"") == (6_000,)
    assert unpack(">q", told["retry_topic-original-timestamp"] or b"") == (1_000,)
    assert told["kafka_exception-fqcn"] == b"streams.errors.JoinMissingError"
    assert told["__contract.retry.reason"] == b"join_missing"


def test_what_waits_is_read_back_as_it_was() -> None:
    driver = send(a_waiting_driver(), a_change(9), original := a_change(1, customer_id=8, headers=(("trace", b"7"),)))
    (_, record) = driver.records(SOON)
    waiting = SourceRecord(SOON, 0, 0, 0, record.key, record.value, record.headers)

    back = read_return(waiting)

    assert back.record == SourceRecord(TOPIC, 0, 1, 1_000, original.key, original.value, (("trace", b"7"),))
    assert (back.attempt, back.found_ms, back.first_failed_ms, due_ms(waiting)) == (2, 1_000, 1_000, 6_000)


@pytest.mark.parametrize("headers", [(), (("retry_topic-attempts", b""),) * 16])
def test_a_record_that_nobody_here_wrote_is_due_and_told(headers: tuple[tuple[str, bytes], ...]) -> None:
    foreign = SourceRecord(SOON, 0, 0, 0, None, b"{}", headers)

    assert due_ms(foreign) == 0
    with pytest.raises(ValueError, match="without its headers"):
        read_return(foreign)


def test_the_topics_of_the_delays_are_part_of_the_plan() -> None:
    topology = a_topology(waits(), users())
    made = {spec.name: dict(spec.config) for spec in topology.topics if spec.kind is TopicKind.RETRY}
    (sub,) = topology.subtopologies

    assert list(made) == [SOON, LATER]
    assert {config["message.timestamp.type"] for config in made.values()} == {"LogAppendTime"}
    assert {config["retention.ms"] for config in made.values()} == {"-1"}
    assert sub.source_topics == (TOPIC, USERS, SOON, LATER)
    assert "orders-pending" in sub.shapes


def test_equal_delays_share_a_topic() -> None:
    driver = a_driver(orders("retry", errors={"retry": {"join_missing": ["5s", "5s", "5s"]}}), users(), start_ms=1_000)

    send(driver, a_change(1, customer_id=8)).advance(ms=14_999)

    assert [unpack(">i", dict(held.headers)["retry_topic-attempts"] or b"")[0] for held in driver.records(SOON)] == [
        2, 3, 4,
    ]  # fmt: skip
    assert (driver.ledger(), reasons_of(driver)) == ({"retried": 1}, [])


# -- how it ends


def test_an_event_that_fails_each_time_is_dead_with_what_it_went_through() -> None:
    driver = send(a_waiting_driver(), a_change(1, customer_id=8))
    driver.advance(ms=65_000)

    (dead,) = driver.records(DEAD)
    assert (driver.ledger(), header(dead, "__contract.errors.code")) == ({"dead": 1}, "join_missing")
    assert header(dead, "__contract.errors.attempt") == "3"
    assert header(dead, "__contract.errors.first_failed_at") == "1000"
    assert (header(dead, "__connect.errors.topic"), header(dead, "__connect.errors.offset")) == (TOPIC, "0")
    assert [name for name, _ in dead.headers if name.startswith(("retry_topic-", "__contract.retry."))] == []


def test_spring_reads_from_its_dead_letter_how_often_it_was_tried() -> None:
    (sub,) = a_topology(waits(), users(), style=DeadLetterStyle.SPRING).subtopologies
    task, now_ms = Task(sub, 0, MemoryStore()), 1_000
    sent = task.process(a_batch(a_change(1, customer_id=8)), now_ms=now_ms).deliveries
    for _ in range(2):
        (waiting,) = sent
        record = SourceRecord(waiting.topic, 0, 0, now_ms, waiting.key, waiting.value, waiting.headers)
        sent = task.process(_batch(record), now_ms=now_ms).deliveries

    (dead,) = sent
    told = {name: value or b"" for name, value in dead.headers}
    assert (dead.topic, told["kafka_dlt-original-topic"]) == (DEAD, TOPIC.encode())
    assert unpack(">q", told["kafka_dlt-original-offset"]) == (0,)
    assert unpack(">i", told["retry_topic-attempts"]) == (3,)
    assert told["kafka_dlt-exception-fqcn"] == b"streams.errors.JoinMissingError"


def _batch(record: SourceRecord) -> Any:
    held = a_batch(record)
    return type(held)(topic=record.topic, partition=0, records=[record], next_offset=record.offset + 1)


def test_what_waits_behind_a_dead_event_is_dead_and_has_its_fingerprint() -> None:
    driver = send(a_waiting_driver(), a_change(1, customer_id=8), a_change(1, op="u"), a_change(2))
    driver.advance(ms=65_000)
    send(driver, a_user(7), a_change(1, op="u", amount=9))

    assert reasons_of(driver) == ["join_missing", "join_missing", "parked_behind_dead"]
    assert len({header(dead, "__contract.errors.fingerprint") for dead in driver.records(DEAD)}) == 1
    assert published(driver) == [(1, 9)]


def test_a_duplicate_of_what_waits_is_one() -> None:
    event = a_change(1, customer_id=8, lsn=5)
    driver = send(a_waiting_driver(), event, event, a_user(8))
    driver.advance(ms=5_000)

    assert (driver.ledger(), codes(driver)) == ({"processed": 2, "duplicate": 1}, [(1, "X")])


def test_a_step_that_raises_on_what_comes_back_buries_it_alone() -> None:
    poison: Mapping[str, Any] = {"table": "sums", "by": ["id"], "columns": {"sum": "sum(customer_id)"}}
    driver = a_waiting_driver(aggregate=[poison], join={"by": ["id"]}, source={"key": ["id"]})
    send(driver, a_change(1, customer_id=1), a_change(2, customer_id=1))
    huge = a_change(1, op="u").value or b""
    driver.send(TOPIC, key=b'{"id":1}', value=huge.replace(b'"customer_id":7', b'"customer_id":1e9999999'))
    send(driver, a_change(1, op="u", customer_id=3), a_user(1), a_user(2))

    driver.advance(ms=5_000)

    assert (driver.ledger(), reasons_of(driver)) == ({"processed": 5, "dead": 1}, ["internal_error"])
    assert driver.table("sums")[1]["sum"] == 4


# -- order


def test_other_rows_go_on_while_one_waits() -> None:
    driver = send(a_waiting_driver(), a_user(7), a_change(1, customer_id=8), a_change(2), a_change(1, op="u"))

    assert published(driver) == [(2, 5)]
    assert driver.ledger() == {"processed": 2, "retried": 1, "parked": 1}


def test_a_row_that_gets_another_key_while_it_waits_does_so_under_both() -> None:
    driver = a_waiting_driver(table={"name": "latest"})
    send(driver, a_user(7), a_change(1, customer_id=8))
    moved = (("__debezium.newkey", b'{"id":2}'),), (("__debezium.oldkey", b'{"id":1}'),)
    send(driver, a_change(1, op="d", headers=moved[0]), a_change(2, headers=moved[1], email=UNSENT))
    send(driver, a_change(2, op="u", amount=6), a_change(3))
    assert published(driver) == [(3, 5)]

    send(driver, a_user(8)).advance(ms=5_000)

    assert published(driver) == [(3, 5), (1, 5), (2, 5), (2, 6)]
    assert driver.table("latest").keys() == {2, 3}
    assert [row["email"] for row in rows_of(driver.records(OUT)) if row is not None and row["id"] == 2] == [
        "ann@example.test",
    ] * 2  # fmt: skip
    assert driver.ledger() == {"processed": 7}


def test_a_truncate_waits_for_nobody_and_what_is_older_leaves_no_row() -> None:
    driver = a_waiting_driver(table={"name": "latest"}, route=[{"to": OUT}])
    send(driver, a_user(7), a_change(1, customer_id=8), a_change(2), a_change(1, op="u", amount=6))
    driver.send(TOPIC, key=None, value=b'{"op":"t","source":{"lsn":999999,"ts_ms":1000}}', partition=0)
    send(driver, a_change(1, op="u", amount=7, lsn=1_000_000), a_change(3, customer_id=9, lsn=1_000_001), a_user(8))
    assert driver.table("latest") == {}

    send(driver, a_user(9)).advance(ms=5_000)

    assert published(driver) == [(2, 5), (1, 5), (3, 5), (1, 6), (1, 7)]
    assert {key: row["amount"] for key, row in driver.table("latest").items()} == {1: 7, 3: 5}


def test_an_event_that_takes_the_place_of_another_must_go_on_itself() -> None:
    driver = a_waiting_driver("supersede", filter="amount > 0")
    send(driver, a_user(7), a_change(1, customer_id=8), a_change(1, op="u", amount=0))
    send(driver, a_change(1, op="u", email=UNSENT))
    assert driver.ledger() == {"processed": 1, "retried": 1, "filtered": 1, "parked": 1}

    send(driver, a_change(1, op="u", amount=9)).advance(ms=5_000)

    assert published(driver) == [(1, 9)]
    assert driver.ledger() == {"processed": 2, "filtered": 3}


def test_without_a_key_there_is_no_order_to_keep() -> None:
    keyless = {"source": {"format": "json", "event_time": "at", "contract": "iglu:com.acme/lines/jsonschema/1-*-*"}}
    rows = a_plain_pipeline(**keyless, join=[{**JOIN, "missing": "retry"}], errors=ERRORS)
    told = problems_of({**rows, "errors": {**ERRORS, "in_order": "park"}}, users())

    assert any("the contract has no key, so there are no rows to keep in order; say ignore" in held for held in told)


# -- time


WINDOW: Mapping[str, Any] = {
    "table": "minutes", "by": ["customer_id"], "window": {"tumbling": "1m"}, "columns": {"n": "count(*)"},
    "to": "minutes.v1", "late": "late.v1", "idle": "10h",
}  # fmt: skip


@pytest.mark.parametrize(
    ("emit", "windows", "late"),
    [("current", {(8, 0, 60_000): 1, (7, 180_000, 240_000): 1}, 0), ("final", {(7, 180_000, 240_000): 1}, 1)],
)
def test_an_event_is_late_for_a_window_that_was_published_for_good_meanwhile(
    emit: str, windows: Mapping[object, int], late: int
) -> None:
    driver = a_waiting_driver(aggregate=[{**WINDOW, "emit": emit}], route=[{"to": OUT}])
    send(driver, a_user(7), a_change(1, customer_id=8), a_change(2, time_ms=200_000), a_user(8))
    driver.advance(ms=60_000)

    assert published(driver) == [(2, 5), (1, 5)]
    assert {key: row["n"] for key, row in driver.table("minutes").items()} == windows
    assert len(driver.records("late.v1")) == late


def test_what_comes_back_moves_no_clock_and_what_waits_holds_no_window_open() -> None:
    driver = a_waiting_driver(aggregate=[{**WINDOW, "emit": "final", "idle": "30s"}])
    send(driver, a_user(7), a_change(1), a_change(2, customer_id=8))

    driver.advance(ms=50_000)  # in the minute's tier until then
    assert rows_of(driver.records("minutes.v1")) == []
    driver.advance(ms=41_000)

    assert [row and row["n"] for row in rows_of(driver.records("minutes.v1"))] == [1]


# -- bounds and refusals


def test_a_source_is_not_read_on_while_too_much_is_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_tables, "MOST_PARKED_EVENTS", 2)
    (sub,) = a_topology(waits(), users()).subtopologies
    task = Task(sub, 0, MemoryStore())
    few = task.process(a_batch(a_change(1), a_change(1, op="u")), now_ms=5), task.full_topics()
    many = task.process(a_batch(a_change(1, op="u"), offset=2), now_ms=5), task.full_topics()

    assert (few[1], many[1]) == (frozenset(), {TOPIC})
    assert (task.waiting()["orders"].retrying, task.waiting()["orders"].parked) == (1, 2)


@pytest.mark.parametrize(
    ("pipeline", "problem"),
    [
        (a_pipeline(errors=ERRORS), "errors.retry.join_missing: no step of this pipeline fails with join_missing"),
        (a_pipeline(errors={"in_order": "park"}), "errors.in_order: nothing is tried again, so nothing waits"),
        (
            waits("supersede", aggregate=[{"table": "t", "by": ["id"], "columns": {"n": "count(*)"}}]),
            "errors.in_order: an aggregate counts each change, so none may take the place of another; say park",
        ),
        (orders("retry", errors={"retry": {"join_missing": []}}), "errors.retry.join_missing"),
        (orders("retry", errors={"retry": {"decode_failed": ["5s"]}}), "errors.retry"),
    ],
)
def test_what_would_never_be_tried_again_is_refused(pipeline: Mapping[str, Any], problem: str) -> None:
    assert [told for told in problems_of(pipeline, users()) if problem in told]


def test_keys_and_reasons_are_told_by_value_of_no_row() -> None:
    driver = send(a_waiting_driver(), a_change(1, customer_id=8, code="secret", email="eve@example.test"))
    (record,) = driver.records(SOON)

    assert b"secret" not in b" ".join(value or b"" for _, value in record.headers)
    assert keys_of(driver.records(OUT)) == []


def test_rows_are_told_apart_by_their_keys_alone() -> None:
    (orders_plan, _) = a_topology(waits(), users()).plans
    assert orders_plan.retries is not None

    def row_of(record: SourceRecord) -> bytes | None:
        event = orders_plan.codec.decode(record)
        assert isinstance(event, ChangeEvent)
        assert orders_plan.retries is not None
        return orders_plan.retries.row_of(event)

    assert row_of(a_change(1)) == row_of(a_change(1, op="d")) != row_of(a_change(2))
