"""Driver: transactions of the source as a test of a pipeline sees them."""

from __future__ import annotations

import json
from typing import Any

from streams.testing import Driver

from ..builders import a_driver, a_pipeline
from .builders import ENDS, LINES, ORDERS, TIMEOUT_MS, TOLD, a_value, an_end, both, whole


def send(driver: Driver, topic: str, *values: bytes | None, partition: int = 0) -> None:
    for value in values:
        driver.send(topic, key=b'{"id":1}', value=value, timestamp_ms=1_000, partition=partition)


def ids(driver: Driver, topic: str) -> list[Any]:
    return [json.loads(record.value)["id"] for record in driver.records(topic) if record.value is not None]


def of(xid: int, before: int, *numbers: int) -> list[bytes]:
    return [a_value(number, xid=xid, before=before, number=number) for number in numbers]


def test_nothing_is_seen_before_the_end_was_told_and_everything_after() -> None:
    driver = a_driver(*both())
    send(driver, ORDERS, *of(1, 0, 1, 2))
    assert ids(driver, "orders.out") == []

    send(driver, LINES, *of(1, 0, 3))
    assert (ids(driver, "orders.out"), ids(driver, "lines.out")) == ([], [])
    send(driver, TOLD, b'{"status":"BEGIN","id":"1:50"}', an_end(1, 100, 3))

    assert (ids(driver, "orders.out"), ids(driver, "lines.out")) == ([1, 2], [3])
    assert driver.incomplete() == {}


def test_every_partition_hears_of_the_end() -> None:
    driver = a_driver(whole(), partitions={ORDERS: 3})
    for number in range(3):
        send(driver, ORDERS, *of(1, 0, number + 1), partition=number)
    assert ids(driver, "orders.out") == []

    send(driver, TOLD, an_end(1, 100, 3))

    assert sorted(ids(driver, "orders.out")) == [1, 2, 3]


def test_a_table_and_sums_are_of_whole_transactions() -> None:
    counted = {"table": "sums", "by": ["id"], "columns": {"n": "count(*)"}}
    driver = a_driver(whole(table={"name": "latest"}, aggregate=[counted]))
    send(driver, ORDERS, *of(1, 0, 1), *of(2, 100, 1, 2))
    assert (set(driver.table("latest")), driver.table("sums")) == ({1}, {1: {"id": 1, "n": 1}})

    send(driver, TOLD, an_end(2, 200))

    sums = {1: {"id": 1, "n": 2}, 2: {"id": 2, "n": 1}}
    assert (set(driver.table("latest")), driver.table("sums")) == ({1, 2}, sums)


def test_rows_of_a_snapshot_and_events_that_tell_of_no_transaction_pass_at_once() -> None:
    driver = a_driver(whole())

    send(driver, ORDERS, a_value(1, xid=None, op="r"), a_value(2, xid=None))

    assert ids(driver, "orders.out") == [1, 2]


def test_a_crash_before_the_end_loses_nothing_and_shows_nothing() -> None:
    driver = a_driver(*both())
    send(driver, ORDERS, *of(1, 0, 1), *of(2, 100, 2))
    driver.restart()
    send(driver, TOLD, an_end(1, 100))
    driver.restart()
    assert ids(driver, "orders.out") == [1]

    send(driver, LINES, *of(2, 100, 3))
    driver.restart()
    assert (ids(driver, "orders.out"), ids(driver, "lines.out")) == ([1], [])
    send(driver, TOLD, an_end(2, 200))

    assert (ids(driver, "orders.out"), ids(driver, "lines.out")) == ([1, 2], [3])


def test_what_was_heard_of_ends_is_remembered_over_a_crash() -> None:
    driver = a_driver(whole())
    send(driver, TOLD, an_end(1, 100))
    driver.commit()
    driver.restart()

    send(driver, ORDERS, *of(1, 0, 1))

    assert ids(driver, "orders.out") == [1]


def test_a_missing_end_is_waited_for_no_longer_than_the_time_out() -> None:
    driver = a_driver(whole(transactional={"timeout": "3s"}))
    send(driver, ORDERS, *of(1, 0, 1, 2))
    driver.advance(ms=2_999)
    assert ids(driver, "orders.out") == []

    driver.advance(ms=1)

    assert (ids(driver, "orders.out"), dict(driver.incomplete())) == ([1, 2], {"timeout": 1})


def test_an_end_that_cannot_be_read_is_a_dead_letter() -> None:
    driver = a_driver(whole())

    send(driver, TOLD, b'{"status":"END","id":"7"}', an_end(1, 100), b"?", None)

    assert len(driver.records(f"{TOLD}-driver-dlt")) == 2
    assert driver.ledger() == {"dead": 2, "processed": 1, "filtered": 1}
    assert driver.topics[ENDS.replace("app", "driver")].value == "repartition"


def test_windows_of_a_silent_input_close_although_ends_of_others_come() -> None:
    window = {"tumbling": "1s"}
    counted = {"table": "n", "by": ["id"], "window": window, "columns": {"n": "count(*)"}, "emit": "final",
               "idle": "5s", "to": "n.out"}  # fmt: skip
    driver = a_driver(whole(aggregate=[counted]))
    send(driver, ORDERS, *of(1, 0, 1))
    send(driver, TOLD, an_end(1, 100))
    driver.commit()

    for number in range(2, 9):
        driver.advance(ms=1_000)
        send(driver, TOLD, an_end(number, 100 * number))
        driver.commit()

    assert len(driver.records("n.out")) == 1


def test_a_window_stays_open_while_events_wait_for_their_transaction() -> None:
    window = {"tumbling": "1s"}
    counted = {"table": "n", "by": ["id"], "window": window, "columns": {"n": "count(*)"}, "emit": "final",
               "idle": "1s", "to": "n.out"}  # fmt: skip
    driver = a_driver(whole(aggregate=[counted], transactional={"timeout": "1h"}))
    send(driver, ORDERS, *of(1, 0, 1), *of(2, 100, 1))
    driver.advance(ms=TIMEOUT_MS)
    assert driver.records("n.out") == []

    send(driver, TOLD, an_end(2, 200))
    driver.advance(ms=TIMEOUT_MS)

    assert [json.loads(record.value or b"")["n"] for record in driver.records("n.out")] == [2]


def test_a_pipeline_of_the_same_topic_that_is_not_transactional_sees_them_whole_as_well() -> None:
    driver = a_driver(whole(), a_pipeline("others", source={"topic": ORDERS}, route=[{"to": "others.out"}]))
    send(driver, ORDERS, *of(1, 0, 1))
    assert (ids(driver, "orders.out"), ids(driver, "others.out")) == ([], [])

    send(driver, TOLD, an_end(1, 100))

    assert (ids(driver, "orders.out"), ids(driver, "others.out")) == ([1], [1])
