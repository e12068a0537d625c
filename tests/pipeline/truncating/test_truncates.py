"""A TRUNCATE comes in one partition: what it takes of the others, when, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from streams.pipeline import sweep
from streams.pipeline.topology import TopicKind
from streams.pipeline.truncating.build import fit_partitions
from streams.pipeline.truncating.state import Cut, Truncated, is_before
from streams.records import Operation, SourceRecord
from streams.testing import Driver

from ..builders import (
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain_pipeline,
    a_topology,
    keys_of,
    rows_of,
    send,
)
from ..joining.test_relate import JOIN, PRODUCTS, a_product, orders, products
from ..test_join import USERS, a_user, users
from ..test_join import orders as looking_up

TABLE = a_pipeline(table={"name": "latest"})
TOLD = "driver-orders-truncates-repartition"
GROUP = {"table": "groups", "over": "rows", "by": ["code"], "columns": {"n": "count(*)"}, "to": "groups.v1"}


def a_truncate(lsn: int, time_ms: int = 1_000, **source: Any) -> Any:
    return a_change(0, op="t", lsn=lsn, time_ms=time_ms, source=source, customer_id=None)


def in_three(*pipelines: Mapping[str, Any], **options: Any) -> Driver:
    partitions = dict.fromkeys((TOPIC, PRODUCTS, USERS), 3)
    return a_driver(*(pipelines or (TABLE,)), partitions=partitions, **options)


def told(driver: Driver) -> list[tuple[int, int | None]]:
    """(id, amount or ``None`` for a tombstone), as published."""
    records = driver.records(OUT)
    amounts = [None if row is None else row.get("amount") for row in rows_of(records)]
    return [(key["id"], amount) for key, amount in zip(keys_of(records), amounts, strict=True)]


# -- rows of other partitions


def test_rows_of_all_partitions_go_and_their_topic_says_so() -> None:
    driver = in_three()
    for id in range(6):
        send(driver, a_change(id, lsn=1 + id), partition=id % 3)

    send(driver, a_truncate(10), partition=1)

    assert driver.table("latest") == {}
    assert sorted(key for key, amount in told(driver) if amount is None) == [0, 1, 2, 3, 4, 5]
    assert driver.ledger() == {"processed": 7}


def test_a_row_that_is_newer_survives_although_it_came_before() -> None:
    driver = in_three()
    send(driver, a_change(1, lsn=5), a_change(2, lsn=20), partition=0)

    send(driver, a_truncate(10), partition=1)

    assert list(driver.table("latest")) == [2]
    assert sorted(told(driver), key=str) == [(1, 5), (1, None), (2, 5)]


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_row_that_is_older_and_comes_later_is_told_and_is_gone_again(is_lost: bool) -> None:
    driver = in_three(a_pipeline(table={"name": "latest"}, aggregate=[GROUP]))
    send(driver, a_truncate(10), partition=1)
    driver.commit()
    driver.restart(lose_uncommitted=is_lost)

    send(driver, a_change(1, lsn=5), a_change(1, op="u", lsn=6, amount=6), a_change(2, lsn=11), partition=0)

    assert list(driver.table("latest")) == [2]
    assert [amount for id, amount in told(driver) if id == 1] == [5, None, 6, None]
    assert driver.table("groups") == {"A-1": {"code": "A-1", "n": 1}}
    assert driver.ledger() == {"processed": 4}


@pytest.mark.parametrize("extra", [{}, {"value": "envelope"}, {"on_delete": "event"}])
def test_a_row_ends_the_same_whether_it_came_before_the_truncate_or_after(extra: Mapping[str, Any]) -> None:
    row, truncate = a_change(1, lsn=5, time_ms=1_000), a_truncate(10, time_ms=9_000)
    ends = []
    for sent in ([(row, 0), (truncate, 1)], [(truncate, 1), (row, 0)]):
        driver = in_three(a_pipeline(table={"name": "latest"}, route=[{"to": OUT, **extra}]))
        for record, partition in sent:
            send(driver, record, partition=partition)
            driver.commit()
        ends.append([(each.key, each.value, each.timestamp_ms) for each in driver.records(OUT)])

    assert ends[0] == ends[1]
    assert [time_ms for _, _, time_ms in ends[0]] == [1_000, 9_000]


def test_what_was_committed_later_is_there_whatever_its_order_says() -> None:
    """Another database goes on under the old name, and its log begins anew."""
    driver = in_three()
    send(driver, a_truncate(1_000_000, time_ms=1_000), partition=1)
    driver.commit()

    send(driver, a_change(1, lsn=5, time_ms=2_000), partition=0)
    assert list(driver.table("latest")) == [1]

    send(driver, a_truncate(9, time_ms=3_000), partition=1)
    assert driver.table("latest") == {}


def test_a_truncate_of_another_database_that_is_still_being_swept_takes_no_row_that_comes() -> None:
    old = Truncated(order=(1_000_000, 1_000_000, 1), committed_ms=1_000, time_ms=1_000, left={"rows": ""})
    new = Truncated(order=(9, 9, 1), committed_ms=3_000, time_ms=3_000, left={"rows": ""})
    record = SourceRecord(TOPIC, 0, 0, 3_000, None, None)

    def taker_of(lsn: int) -> Truncated | None:
        event = replace(
            new.event(record), operation=Operation.INSERT, source={"lsn": lsn, "sequence": f'["{lsn}","{lsn}"]'}
        )
        return Cut(new.behind(old)).taker_of(event)

    assert taker_of(50) is None
    assert taker_of(5) is not None


def test_of_two_that_are_told_in_another_order_the_newer_counts() -> None:
    driver = in_three()
    send(driver, a_truncate(20, time_ms=2_000), partition=1)
    driver.commit()
    send(driver, a_truncate(10, time_ms=1_000), partition=2)
    driver.commit()

    send(driver, a_change(1, lsn=15), partition=0)

    assert driver.table("latest") == {}


@pytest.mark.parametrize(
    ("order", "truncated", "says"),
    [
        ((4, 5, 1), (4, 6, 2), True),
        ((8, 9, 1), (4, 9, 2), False),
        ((0, 5, 0), (4, 6, 2), True),  # of a first snapshot, which follows no commit
        ((0, 7, 0), (4, 6, 2), False),  # of one that was made later
        ((3, 5, 1), (0, 6, 1), True),  # before a TRUNCATE that is told first after a start
        ((4, 4, 0), (4, 6, 2), True),  # of an incremental snapshot
        ((0, 0, 0), (4, 6, 2), True),
    ],
)
def test_which_change_came_before(order: Any, truncated: Any, says: bool) -> None:
    assert is_before(order, truncated) is says


def test_a_change_that_has_no_place_is_taken_as_it_comes() -> None:
    driver = in_three()
    send(driver, a_truncate(10), partition=1)
    driver.commit()

    send(driver, a_change(1, op="r", lsn=None), partition=0)

    assert list(driver.table("latest")) == [1]


def test_groups_of_other_tasks_lose_their_rows_too() -> None:
    driver = in_three(a_pipeline(aggregate=[GROUP], route=None))
    for id in range(6):
        send(driver, a_change(id, lsn=1 + id, code="AB"[id % 2]), partition=id % 3)
    driver.commit()

    send(driver, a_truncate(5), partition=1)

    assert driver.table("groups") == {"A": {"code": "A", "n": 1}, "B": {"code": "B", "n": 1}}


def test_rows_outside_go_as_members_do() -> None:
    unsent = "__debezium_unavailable_value"
    driver = in_three(a_pipeline(where="amount > 2", table={"name": "members"}))
    send(driver, a_change(1, lsn=1, amount=1, note="old"), a_change(2, lsn=2), partition=0)
    driver.commit()
    send(driver, a_truncate(10), partition=1)
    driver.commit()

    send(driver, a_change(3, lsn=3, amount=0), a_change(1, op="u", lsn=12, amount=5, note=unsent), partition=0)

    assert {id: row.get("note") for id, row in driver.table("members").items()} == {1: None}
    (task,) = (task for place, task in driver._tasks.items() if place == (TOPIC, 0))
    assert list(task._tables["orders"].outside.scan()) == []


@pytest.mark.parametrize("in_order", ["park", "supersede", "ignore"])
def test_what_waits_is_told_when_it_comes_back_and_leaves_no_row(in_order: str) -> None:
    errors = {"retry": {"join_missing": ["5s"]}, "in_order": in_order}
    waiting = looking_up("retry", errors=errors, table={"name": "latest"})
    driver = in_three(waiting, users(), start_ms=1_000)
    send(driver, a_change(1, customer_id=8, lsn=1), a_change(1, op="u", customer_id=8, lsn=2, amount=6), partition=0)
    send(driver, a_truncate(10), partition=1)
    driver.commit()
    send(driver, a_change(2, customer_id=8, lsn=11), partition=0)

    send(driver, a_user(8), partition=0).advance(ms=5_000)

    assert list(driver.table("latest")) == [2]
    amounts = [amount for id, amount in told(driver) if id == 1]
    assert amounts == ([6, None] if in_order == "supersede" else [5, None, 6, None])


@pytest.mark.parametrize("where", ["amount > 2", None])
def test_rows_that_come_late_teach_those_behind_them_nothing_wherever_batches_are_cut(where: str | None) -> None:
    def published(*, is_together: bool) -> list[Any]:
        driver = in_three(a_pipeline(table={"name": "latest"}, where=where))
        send(driver, a_truncate(10), partition=1)
        driver.commit()
        unsent = a_change(1, op="u", lsn=6, note="__debezium_unavailable_value")
        send(driver, a_change(1, lsn=5, note="long"), unsent, a_change(1, op="d", lsn=7), partition=0)
        if is_together:
            driver.restart(lose_uncommitted=True)
        return [(record.key, record.value) for record in driver.records(OUT)]

    assert published(is_together=True) == published(is_together=False)


def test_deletes_can_be_told_as_events() -> None:
    driver = in_three(a_pipeline(table={"name": "latest"}, route=[{"to": OUT, "on_delete": "event"}]))
    send(driver, a_change(1, lsn=1, amount=3), partition=0)

    send(driver, a_truncate(10), partition=1)
    driver.commit()
    send(driver, a_change(2, lsn=2, amount=4), partition=0)

    rows = rows_of(driver.records(OUT))
    assert [(row["id"], row["amount"], row.get("op")) for row in rows if row is not None] == [
        (1, 3, None), (1, 3, "DELETE"), (2, 4, None), (2, 4, "DELETE"),
    ]  # fmt: skip


# -- a large table goes over several checkpoints


@pytest.fixture
def small_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "ENTRIES_PER_CHECKPOINT", 10)


def half_swept() -> Driver:
    """Of a hundred rows in one partition ten have gone, those with the least keys."""
    driver = in_three()
    send(driver, *(a_change(id, lsn=1 + id) for id in range(100, 200)), partition=0)
    driver.commit()
    send(driver, a_truncate(500), partition=1)
    driver._checkpoint()  # of the task that reads it
    driver._work_off()
    driver._checkpoint()
    return driver


def rows_left(driver: Driver) -> int:
    (task,) = (task for place, task in driver._tasks.items() if place == (TOPIC, 0))
    rows = task._tables["orders"].rows
    assert rows is not None
    return len(dict(rows.scan()))


def test_no_checkpoint_takes_more_than_a_part(small_sweeps: None) -> None:
    driver = half_swept()
    assert rows_left(driver) == 90

    driver._checkpoint()
    assert rows_left(driver) == 80

    assert driver.table("latest") == {}
    assert len(told(driver)) == 200


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_crash_repeats_nothing_and_forgets_nothing(small_sweeps: None, is_lost: bool) -> None:
    driver = half_swept()
    driver.restart(lose_uncommitted=is_lost)

    assert driver.table("latest") == {}
    assert len(told(driver)) == 200


def test_a_row_that_is_to_go_goes_before_a_change_of_it_is_read(small_sweeps: None) -> None:
    driver = half_swept()

    send(driver, a_change(199, lsn=600, amount=9), partition=0)

    assert list(driver.table("latest")) == [199]
    assert [amount for id, amount in told(driver) if id == 199] == [5, None, 9]


def test_a_second_truncate_begins_anew(small_sweeps: None) -> None:
    driver = half_swept()
    send(driver, *(a_change(id, lsn=501 + id) for id in range(100, 105)), partition=0)

    send(driver, a_truncate(900), partition=2)

    assert driver.table("latest") == {}


def test_a_row_goes_with_the_first_that_takes_it_wherever_checkpoints_are(small_sweeps: None) -> None:
    def times(*, is_cut: bool) -> list[tuple[int, int]]:
        driver = a_driver(TABLE)
        for time_ms in (1_000, 2_000, 3_000):
            send(driver, *(a_change(id, lsn=10 * time_ms + id, time_ms=time_ms) for id in range(time_ms, time_ms + 30)))
            send(driver, a_truncate(10 * time_ms + 9_000, time_ms=time_ms + 500))
            if is_cut:
                driver.commit()
        gone = [record for record in driver.records(OUT) if record.value is None]
        return sorted((key["id"], record.timestamp_ms) for key, record in zip(keys_of(gone), gone, strict=True))

    assert times(is_cut=False) == times(is_cut=True)


def test_nobody_finds_a_row_that_is_to_go(small_sweeps: None) -> None:
    driver = in_three(looking_up("keep"), users())
    send(driver, *(a_user(id, lsn=id) for id in range(100, 150)), partition=0)
    driver.commit()
    truncate = msgspec.structs.replace(a_truncate(500), topic=USERS)
    send(driver, truncate, a_change(1, customer_id=149, lsn=600), partition=0)

    (row,) = rows_of(driver.records(OUT))

    assert row is not None and row["customer_code"] is None


def test_what_a_row_was_before_it_is_known_to_be_truncated(small_sweeps: None) -> None:
    join = {**JOIN, "type": "asof", "keep": "1h", "missing": "keep"}
    driver = in_three(orders(join=join, table=None), products())
    send(driver, *(a_product(id, "x", lsn=id, time_ms=1_000) for id in range(100, 150)), partition=0)
    driver.commit()
    truncate = msgspec.structs.replace(a_truncate(500, time_ms=2_000), topic=PRODUCTS)
    send(driver, truncate, partition=0)
    for _ in range(2):  # swept in no part, and swept
        for time_ms in (1_500, 2_500):
            send(driver, a_change(149, customer_id=149, time_ms=time_ms), partition=0)
        driver.commit()
    for id in (149, 180):  # one that was known, and one that was not
        send(driver, a_product(id, "late", lsn=450, time_ms=1_800), partition=0)
        send(driver, *(a_change(id, customer_id=id, time_ms=time_ms) for time_ms in (1_900, 2_500)), partition=0)

    rows = [row for row in rows_of(driver.records(OUT)) if row is not None]
    assert [row["product"] for row in rows if row["id"] == 149] == ["x", None, "x", None, "late", None]
    assert [row["product"] for row in rows if row["id"] == 180] == ["late", None]


def test_rows_that_are_to_go_follow_nobody(small_sweeps: None) -> None:
    driver = in_three(orders(), products())
    send(driver, a_product(7, "old", lsn=1), *(a_change(id, lsn=id) for id in range(100, 200)), partition=0)
    driver.commit()
    send(driver, a_truncate(500), a_product(7, "new", op="u", lsn=600), partition=0)

    rows = rows_of(driver.records(OUT))

    assert [row["product"] for row in rows if row is not None] == ["old"] * 100
    assert len(rows) == 200
    assert driver.table("latest") == {}


@pytest.mark.parametrize("table", [{"name": "latest"}, None])
def test_a_row_that_comes_late_follows_nobody(table: dict[str, str] | None) -> None:
    driver = in_three(orders(table=table), products())
    send(driver, a_product(7, "old", lsn=1), partition=0)
    send(driver, a_truncate(10), partition=1)
    driver.commit()
    send(driver, a_change(1, lsn=5), a_change(2, lsn=11), partition=0)
    driver.commit()
    send(driver, a_product(7, "new", op="u", lsn=12), partition=0)

    records = driver.records(OUT)
    rows = [(key["id"], row and row["product"]) for key, row in zip(keys_of(records), rows_of(records), strict=True)]
    assert sorted(rows, key=str) == [(1, "old"), (1, None), (2, "new"), (2, "old")]


# -- which pipelines tell


@pytest.mark.parametrize(
    ("parts", "tells"),
    [
        ({}, False),
        ({"table": {"name": "latest"}}, True),
        ({"aggregate": [GROUP]}, True),
        ({"aggregate": [{"table": "n", "by": ["id"], "columns": {"n": "count(*)"}}]}, False),
        ({"where": "amount > 1"}, True),
        ({"quality": {"rules": {"uniqueness": ["code"]}}}, True),
        ({"quality": {"rules": {"validity": {"code": "enum:A"}}}}, False),
    ],
)
def test_who_keeps_nothing_of_rows_tells_nobody(parts: dict[str, Any], tells: bool) -> None:
    topology = a_topology(a_pipeline(**parts), partitions=3)

    names = [spec.name for spec in topology.topics if spec.kind is TopicKind.REPARTITION]
    assert ("app-orders-truncates-repartition" in names) is tells
    assert "app-orders-truncates-repartition" not in [spec.name for spec in alone(topology).topics]


def alone(topology: Any) -> Any:
    return fit_partitions(topology, {TOPIC: 1})


def test_rows_of_a_format_that_has_no_truncate_need_no_topic() -> None:
    (plan,) = a_topology(a_plain_pipeline(table={"name": "latest"}), partitions=3).plans

    assert plan.truncates is None


def test_with_one_partition_all_is_as_if_there_were_no_others() -> None:
    topology = a_topology(TABLE, partitions=2)
    (sub,) = alone(topology).subtopologies

    assert sub.source_topics == (TOPIC,)
    assert fit_partitions(topology, {TOPIC: 2}) is fit_partitions(topology, {}) is topology
    assert a_driver(TABLE).topics.keys() == {spec.name.replace("app-", "driver-") for spec in alone(topology).topics}


def test_what_is_told_is_read_by_every_partition_and_kept_masked() -> None:
    driver = in_three()
    send(driver, a_truncate(10), partition=1)

    assert [record.partition for record in driver.records(TOLD)] == [0, 1, 2]
    assert {record.key for record in driver.records(TOLD)} == {None}
