"""The driver keeps what DESIGN promises of it: it stands for Kafka, for the worker's loop and for the clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigurationError
from streams.testing import CommittedRecord, Driver
from streams.testing.committed import hashable

from ..pipeline.builders import (
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    laws,
    rows_of,
    send,
    written,
)

TOTALS = {"table": "totals", "by": ["id"], "columns": {"n": "count(*)"}, "to": "totals.v1"}


def test_the_example_of_the_design(tmp_path: Path) -> None:
    pipeline = a_plain_pipeline(table={"name": "latest"}, aggregate=[TOTALS])
    driver = Driver(written(tmp_path, pipeline), pipelines=["orders"], start_ms=0, partitions={TOPIC: 4})

    value = b'{"id":1,"code":"a","at":1000}'
    driver.send(TOPIC, key=b'{"id":1}', value=value, timestamp_ms=1_000, partition=0, headers=())
    driver.commit()
    driver.advance(ms=60_000)

    assert driver.records(OUT) == [
        CommittedRecord(key=b'{"id":1}', value=value, headers=(), timestamp_ms=1_000, partition=0)
    ]
    assert driver.table("latest") == {1: {"id": 1, "code": "a", "at": 1_000}}
    assert driver.table("totals") == {1: {"id": 1, "n": 1}}
    assert driver.ledger() == {"processed": 1}
    driver.restart(lose_uncommitted=True)
    assert driver.ledger() == {"processed": 1}


def test_only_the_named_pipelines_run(tmp_path: Path) -> None:
    folder = written(tmp_path, a_pipeline(), a_pipeline("more", route=[{"to": "more.v1"}]))

    driver = send(Driver(folder, pipelines=["more"]), a_change(1))

    assert (len(driver.records(OUT)), len(driver.records("more.v1"))) == (0, 1)
    with pytest.raises(ConfigurationError, match="no pipeline 'mroe'; there are: more, orders"):
        Driver(folder, pipelines=["mroe"])


def test_a_topic_that_nobody_reads_takes_nothing() -> None:
    with pytest.raises(KeyError):
        a_driver().send("unknown.v1", key=None, value=None)


# -- partitions


HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""What Kafka's own UtilsTest says of murmur2."""


@pytest.mark.parametrize("key", HASHES)
def test_keys_are_partitioned_as_javas_producer_does(key: bytes) -> None:
    driver = a_driver(partitions={TOPIC: 7})

    driver.send(TOPIC, key=key, value=b"garbage")

    (dead,) = driver.records("cdc.orders.v1-orders-dlt")
    assert dead.partition == (HASHES[key] & 0x7FFFFFFF) % 7


def test_an_output_has_as_many_partitions_as_its_source_and_is_partitioned_by_its_own_key() -> None:
    driver = a_driver(a_pipeline(), partitions={TOPIC: 3})

    send(driver, *(a_change(id) for id in range(20)), partition=1)

    found = {record.partition for record in driver.records(OUT)}
    assert found == {0, 1, 2}
    assert [record.partition for record in driver.records(OUT)] == sorted(r.partition for r in driver.records(OUT))


# -- the clock


def test_the_clock_is_the_newest_of_what_was_sent_and_said() -> None:
    driver = a_driver(start_ms=5_000)

    for timestamp_ms in (None, 9_000, 7_000, None):
        driver.send(TOPIC, key=b"k", value=b"garbage", timestamp_ms=timestamp_ms)

    assert [dead.timestamp_ms for dead in driver.records("cdc.orders.v1-orders-dlt")] == [5_000, 9_000, 7_000, 9_000]


def test_advance_moves_the_clock_and_ends_with_a_checkpoint() -> None:
    driver = send(a_driver(), a_change(1))

    driver.advance(ms=500)
    driver.restart(lose_uncommitted=True)
    driver.send(TOPIC, key=b"k", value=b"garbage")

    assert len(driver.records(OUT)) == 1
    assert [dead.timestamp_ms for dead in driver.records("cdc.orders.v1-orders-dlt")] == [1_500]


# -- visibility and crashes


def test_a_crash_loses_nothing_and_repeats_nothing() -> None:
    driver = a_driver(a_pipeline(table={"name": "latest"}, aggregate=[TOTALS]))
    send(driver, a_change(1), a_change(1, op="u"))
    driver.commit()
    send(driver, a_change(1, op="u", amount=9), a_change(2))

    driver.restart(lose_uncommitted=True)
    driver.restart(lose_uncommitted=True)

    assert driver.ledger() == {"processed": 4}
    assert len(driver.records(OUT)) == 4
    assert {key: row["n"] for key, row in driver.table("totals").items()} == {1: 3, 2: 1}
    assert driver.table("latest")[1]["amount"] == 9


def test_a_clean_restart_commits_first() -> None:
    kept, lost = (send(a_driver(a_pipeline(aggregate=[TOTALS], route=None)), a_change(1)) for _ in range(2))

    kept.restart(lose_uncommitted=False)
    lost.restart(lose_uncommitted=True)
    send(kept, a_change(1))
    send(lost, a_change(1))

    counts = [[row["n"] for row in rows_of(driver.records("totals.v1")) if row] for driver in (kept, lost)]
    assert counts == [[1, 2], [2]]


def test_the_ledger_sums_over_pipelines_and_adds_up() -> None:
    driver = a_driver(a_pipeline(), a_pipeline("more", filter="id > 1", route=[{"to": "more.v1"}]))

    send(driver, a_change(1), a_change(2))
    driver.send(TOPIC, key=b"k", value=b"garbage")

    assert driver.ledger() == {"processed": 3, "filtered": 1, "dead": 2}


# -- tables


@pytest.mark.parametrize(
    ("by", "window", "key"),
    [
        (["customer_id"], None, 7),
        (["customer_id", "code"], None, (7, "A-1")),
        (["customer_id"], {"tumbling": "1s"}, (7, 1_000, 2_000)),
        (["customer_id", "code"], {"tumbling": "1s"}, ((7, "A-1"), 1_000, 2_000)),
    ],
)
def test_keys_of_a_table_are_values_tuples_and_windows(
    by: list[str], window: dict[str, str] | None, key: object
) -> None:
    aggregate = {"table": "sums", "by": by, "columns": {"n": "count(*)"}, **({"window": window} if window else {})}
    driver = a_driver(a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[aggregate]))

    send(driver, a_plain(1, at=1_500))

    assert set(driver.table("sums")) == {key}
    assert driver.table("sums")[key]["n"] == 1


@pytest.mark.parametrize(("value", "key"), [({"b": 1}, '{"b":1}'), ([1, None], "[1,null]"), ("a", "a"), (None, None)])
def test_a_key_that_is_an_object_or_a_list_stands_as_its_json_text(value: object, key: object) -> None:
    assert {hashable(value): 1} == {key: 1}


def test_a_table_that_nobody_keeps_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        a_driver().table("nothing")


def test_a_table_is_that_of_all_partitions() -> None:
    driver = a_driver(a_pipeline(table={"name": "latest"}), partitions={TOPIC: 3})

    send(driver, *(a_change(id) for id in range(9)))

    assert set(driver.table("latest")) == set(range(9))


def test_topics_are_listed_with_what_they_are_for() -> None:
    kinds = {name: kind.value for name, kind in a_driver(a_pipeline(table={"name": "latest"})).topics.items()}

    assert kinds == {
        "cdc.orders.v1": "source",
        "orders.v1": "output",
        "driver-latest-changelog": "changelog",
        "driver-orders-state-changelog": "changelog",
        "cdc.orders.v1-orders-dlt": "dead_letters",
    }


@laws
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=15), st.integers(0, 14))
def test_partitions_keep_the_order_of_each_key(events: list[tuple[int, int]], crash_at: int) -> None:
    driver = a_driver(a_pipeline(), partitions={TOPIC: 3})
    for place, (id, partition) in enumerate(events):
        send(driver, a_change(id, amount=place), partition=partition)
        if place == crash_at:
            driver.restart(lose_uncommitted=True)

    by_key: dict[int, list[int]] = {}
    for row in rows_of(driver.records(OUT)):
        if row is not None:
            by_key.setdefault(row["id"], []).append(row["amount"])
    assert sorted(place for places in by_key.values() for place in places) == list(range(len(events)))
    sources = {place: partition for place, (_, partition) in enumerate(events)}
    for places in by_key.values():
        for partition in range(3):
            of_one = [place for place in places if sources[place] == partition]
            assert of_one == sorted(of_one)
