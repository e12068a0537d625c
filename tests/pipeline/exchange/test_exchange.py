"""Exchange: groups by other columns than the topic's key meet in one task; uneven partitions make nothing late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import (
    DEAD,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    a_topology,
    header,
    laws,
    problems_of,
    reasons_of,
    rows_of,
    send,
)

HOUR_MS = 3_600_000
EVER = {"table": "by_customer", "by": ["customer_id"], "columns": {"n": "count(*)", "total": "sum(amount)"}}
MINUTES = {
    "table": "minutes",
    "by": ["customer_id"],
    "window": {"tumbling": "1m", "grace": "10s"},
    "columns": {"n": "count(*)", "total": "sum(amount)"},
    "emit": "final",
    "to": "minutes.v1",
    "late": "late.v1",
}
REPARTITION = "driver-orders-by-customer_id-repartition"


def minutes_driver(partitions: int = 4, **more: Any) -> Driver:
    return a_driver(a_plain_pipeline(aggregate=[{**MINUTES, **more}], route=None), partitions={TOPIC: partitions})


def results_of(driver: Driver) -> list[dict[str, Any]]:
    """Closed windows, in an order of their own."""
    rows = [row for row in rows_of(driver.records("minutes.v1")) if row is not None]
    return sorted(rows, key=lambda row: (row["customer_id"], row["window_start"]))


def test_a_group_by_a_column_that_is_not_the_key_is_one_group_over_all_partitions() -> None:
    driver = a_driver(a_pipeline(aggregate=[EVER], route=None), partitions={TOPIC: 4})

    for id in range(40):
        send(driver, a_change(id, customer_id=id % 3, amount=id), partition=id % 4)

    assert driver.table("by_customer") == {
        customer: {
            "customer_id": customer,
            "n": len(range(customer, 40, 3)),
            "total": sum(range(customer, 40, 3)),
        }
        for customer in range(3)
    }
    assert driver.ledger() == {"processed": 40}


def test_aggregations_by_the_same_columns_share_one_topic() -> None:
    topology = a_topology(a_pipeline(aggregate=[EVER, MINUTES, {**EVER, "table": "more", "by": ["code"]}], route=None))

    found = [spec for spec in topology.topics if spec.kind.value == "repartition"]
    assert [spec.name for spec in found] == [
        "app-orders-by-customer_id-repartition",
        "app-orders-by-code-repartition",
    ]
    assert all(spec.source == TOPIC and dict(spec.config)["retention.ms"] == "-1" for spec in found)


def test_a_group_by_the_key_stays_where_it_is() -> None:
    topology = a_topology(a_pipeline(aggregate=[{**EVER, "by": ["customer_id", "id"]}], route=None))

    assert "repartition" not in {spec.kind.value for spec in topology.topics}


def test_only_needed_columns_travel_and_what_is_masked_is_masked() -> None:
    aggregate = {**EVER, "by": ["email"]}
    driver = a_driver(a_pipeline(aggregate=[aggregate], mask={"email": "hash"}, route=None))

    send(driver, a_change(1, email="ann@example.test"))

    (record,) = driver.records("driver-orders-by-email-repartition")
    assert record.value is not None
    assert b"ann@" not in record.value + (record.key or b"")
    assert b"A-1" not in record.value


def test_attach_of_a_table_in_another_stage_is_refused_by_name() -> None:
    route = [{"to": "o.v1", "attach": {"n": "by_customer.n"}}]

    (problem,) = problems_of(a_pipeline(aggregate=[EVER], route=route))

    assert "by_customer is grouped by customer_id and kept in another stage" in problem


def test_what_fails_behind_an_exchange_is_dead_with_the_coordinates_of_its_source_and_no_raw_value() -> None:
    columns = {"sum": "sum(customer_id)", "who": "max(email)"}
    aggregate = {"table": "by_code", "by": ["code"], "columns": columns}
    driver = a_driver(a_pipeline(aggregate=[aggregate], mask={"email": "hash"}, route=None), partitions={TOPIC: 4})
    poison = a_change(2, customer_id=Decimal("1e9999999"))  # honours its contract, and nothing can add it up

    send(driver, a_change(1), poison, a_change(3), partition=3)

    (dead,) = driver.records(DEAD)
    told = {name: header(dead, f"__connect.errors.{name}") for name in ("topic", "partition", "offset")}
    assert told == {"topic": TOPIC, "partition": "3", "offset": "1"}
    assert (dead.partition, reasons_of(driver)) == (3, ["internal_error"])
    (counted,) = driver.table("by_code").values()
    masked = counted["who"]
    assert (counted["sum"], isinstance(masked, str) and "ann@" not in masked) == (14, True)
    # The original is where the headers say; what travelled holds the mask of it, so nothing raw was in between.
    assert str(masked).encode() in (dead.value or b"")
    assert b"ann@" not in (dead.value or b"") + b"".join(value or b"" for _, value in dead.headers)
    assert dead.key != poison.key


# -- time


def minutes_of(ids: Iterable[int], *, start_ms: int = 0) -> list[tuple[int, Any]]:
    """(partition, event) of three hours, one event every 20 s, on four partitions in turn."""
    return [
        (id % 4, a_plain(id, at=start_ms + id * 20_000, customer_id=id % 5, amount=id, timestamp_ms=4 * HOUR_MS))
        for id in ids
    ]


def test_a_partition_two_hours_behind_makes_nothing_late_and_the_results_are_those_of_an_orderly_run() -> None:
    events = minutes_of(range(540))
    orderly, uneven = minutes_driver(), minutes_driver()
    for partition, event in events:
        send(orderly, event, partition=partition)
        orderly.commit()
    for number, (partition, event) in enumerate(held for held in events if held[0] != 3):
        send(uneven, event, partition=partition)
        if number % 7 == 0:
            uneven.commit()
    assert results_of(uneven) == []  # nobody has heard of the fourth partition
    uneven.restart(lose_uncommitted=True)
    for partition, event in [held for held in events if held[0] == 3]:
        send(uneven, event, partition=partition)
        uneven.commit()

    for driver in (orderly, uneven):
        driver.advance(ms=HOUR_MS)
    assert results_of(uneven) == results_of(orderly)
    assert sum(row["n"] for row in results_of(uneven)) == 540
    assert (uneven.records("late.v1"), uneven.ledger()) == ([], {"processed": 540})


def test_lateness_is_decided_by_the_events_own_partition() -> None:
    driver = minutes_driver(2)
    send(driver, a_plain(1, at=0), a_plain(2, at=200_000), a_plain(3, at=0), partition=0)
    send(driver, a_plain(4, at=0), partition=1)

    assert driver.ledger() == {"processed": 3, "late": 1}
    assert [row["id"] for row in rows_of(driver.records("late.v1")) if row] == [3]


def test_a_partition_that_is_empty_holds_windows_open_until_it_says_that_it_is_idle() -> None:
    driver = minutes_driver(2)
    send(driver, a_plain(1, at=0), a_plain(2, at=200_000), partition=0)
    driver.advance(ms=29_000)
    before = results_of(driver)

    driver.advance(ms=40_000)

    assert before == []
    assert [row["window_start"] for row in results_of(driver)] == [0]


def test_what_an_idle_partition_brings_into_a_closed_window_is_late_and_counted_once() -> None:
    driver = minutes_driver(2)
    send(driver, a_plain(1, at=0), partition=1)
    send(driver, a_plain(2, at=0), partition=0)
    driver.advance(ms=30_000)  # both say that they are idle
    send(driver, a_plain(3, at=200_000), partition=0)
    driver.commit()  # the second is not waited for any more
    send(driver, a_plain(4, at=1_000), a_plain(5, at=200_001), partition=1)
    driver.advance(ms=HOUR_MS)

    assert sum(row["n"] for row in results_of(driver)) == 4
    assert [row["id"] for row in rows_of(driver.records("late.v1")) if row] == [4]
    assert driver.ledger() == {"processed": 5}


def test_when_all_inputs_are_idle_windows_close_by_the_wall_clock() -> None:
    driver = minutes_driver(4)
    send(driver, a_plain(1, at=0), partition=2)
    driver.advance(ms=99_000)
    open_yet = results_of(driver)

    driver.advance(ms=1_000)

    assert (open_yet, [row["n"] for row in results_of(driver)]) == ([], [1])


# -- a law

EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 400_000), st.sampled_from(["", "commit", "crash"])),
    max_size=30,
)


@laws
@given(events=EVENTS, partitions=st.integers(1, 4))
def test_any_interleaving_with_crashes_gives_what_a_naive_model_gives(
    events: list[tuple[int, int, int, str]], partitions: int
) -> None:
    driver = minutes_driver(partitions)
    newest: dict[int, int] = {}
    counted: Counter[tuple[int, int]] = Counter()
    for id, (place, customer, at, then) in enumerate(events):
        partition = place % partitions
        send(driver, a_plain(id, at=at, customer_id=customer, timestamp_ms=500_000), partition=partition)
        newest[partition] = max(newest.get(partition, 0), at)
        start = at - at % 60_000
        if start + 70_000 > newest[partition]:
            counted[customer, start] += 1
        if then == "commit":
            driver.commit()
        elif then == "crash":
            driver.restart(lose_uncommitted=True)
    driver.advance(ms=HOUR_MS)

    found = {(row["customer_id"], row["window_start"]): row["n"] for row in results_of(driver)}
    assert found == dict(counted)
    assert sum(driver.ledger().values()) == len(events)
    assert len(driver.records("minutes.v1")) == len(counted)


def test_what_is_late_upstream_for_one_table_stays_late_for_it_beside_events_of_a_slower_partition() -> None:
    patient = {**MINUTES, "table": "patient", "window": {"tumbling": "1m", "grace": "1d"}, "to": None, "late": None}
    tables = [MINUTES, {name: part for name, part in patient.items() if part is not None}]
    driver = a_driver(a_plain_pipeline(aggregate=tables, route=None), partitions={TOPIC: 2})
    send(driver, a_plain(1, at=200_000), a_plain(2, at=0), partition=0)
    send(driver, a_plain(3, at=10), partition=1)

    assert driver.table("minutes")[7, 0, 60_000]["n"] == 1  # the one of the slower partition
    assert driver.table("patient")[7, 0, 60_000]["n"] == 2
    assert [row["id"] for row in rows_of(driver.records("late.v1")) if row] == [2]
