"""Joins of two streams: events whose times lie within an interval, each pair once, what finds no partner once."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from streams.pipeline import pairs
from streams.pipeline.pairing import close
from streams.records import ChangeEvent, SourceRecord
from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
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
from .streams import JOIN, KEYED, PAYMENTS, a_payment, an_order, joined, orders, payments, told

INNER = {"missing": "drop"}
BOTH = pytest.mark.parametrize("is_apart", [False, True], ids=["in one task", "in a stage"])
LATER = 10_000
"""So much later that every window has closed."""


def close_all(driver: Driver, at: int = LATER) -> Driver:
    """Time passes on both sides, for a customer of its own."""
    send(driver, a_payment(999, at, customer=99), an_order(999, at, customer=99))
    driver.commit()
    return driver


def alone(driver: Driver) -> list[int]:
    return [order for order, payment in told(driver) if payment is None and order != 999]


# -- what is within a window


@BOTH
@pytest.mark.parametrize(
    ("reach", "at", "is_within"),
    [
        ({"within": "100ms"}, 899, False),
        ({"within": "100ms"}, 900, True),
        ({"within": "100ms"}, 1_000, True),
        ({"within": "100ms"}, 1_100, True),
        ({"within": "100ms"}, 1_101, False),
        ({"after": "100ms"}, 999, False),
        ({"after": "100ms"}, 1_000, True),
        ({"after": "100ms"}, 1_100, True),
        ({"after": "100ms"}, 1_101, False),
        ({"before": "100ms"}, 899, False),
        ({"before": "100ms"}, 900, True),
        ({"before": "100ms"}, 1_000, True),
        ({"before": "100ms"}, 1_001, False),
        ({"before": "5ms", "after": "20ms"}, 994, False),
        ({"before": "5ms", "after": "20ms"}, 995, True),
        ({"before": "5ms", "after": "20ms"}, 1_020, True),
        ({"before": "5ms", "after": "20ms"}, 1_021, False),
        ({"within": "0ms"}, 999, False),
        ({"within": "0ms"}, 1_000, True),
        ({"within": "0ms"}, 1_001, False),
    ],
)
@pytest.mark.parametrize("order_first", [True, False])
def test_both_ends_belong_to_a_window_whichever_side_comes_first(
    reach: dict[str, object], at: int, is_within: bool, order_first: bool, is_apart: bool
) -> None:
    driver = joined({**INNER, **reach, "grace": "1s"}, is_apart=is_apart)
    records = [an_order(1, 1_000), a_payment(2, at)]

    send(driver, *(records if order_first else reversed(records)))

    assert told(driver) == ([(1, 2)] if is_within else [])


def test_windows_before_1970_are_windows_too() -> None:
    driver = joined({**INNER, "grace": "1s"})

    send(driver, an_order(1, -50), a_payment(2, -150), a_payment(3, 50), a_payment(4, 51))

    assert told(driver) == [(1, 2), (1, 3)]


@BOTH
def test_each_pair_is_told_once_when_its_second_event_comes(is_apart: bool) -> None:
    driver = joined(INNER, is_apart=is_apart)

    send(driver, an_order(1, 1_000), an_order(2, 1_010), a_payment(3, 1_020), a_payment(4, 1_030))
    assert told(driver) == [(1, 3), (2, 3), (1, 4), (2, 4)]

    send(driver, an_order(5, 1_040), an_order(6, 1_050, customer=8))
    assert told(close_all(driver))[4:] == [(5, 3), (5, 4), (999, 999)]


@BOTH
def test_a_pair_is_the_orders_row_with_the_columns_of_the_payment_and_the_newer_time(is_apart: bool) -> None:
    driver = joined(INNER, is_apart=is_apart)

    send(driver, an_order(1, 1_000, amount=5, price="1.50"), a_payment(2, 1_020, code="visa", amount=9))
    send(driver, an_order(3, 1_010, amount=6))
    records = driver.records(OUT)

    first, second = rows_of(records)
    assert first == {"id": 1, "customer_id": 7, "amount": 5, "email": "ann@example.test", "code": "A-1", "at": 1_000,
                     "price": "1.50", "paid_by": "visa", "paid": 2}  # fmt: skip
    assert second is not None and second["paid_by"] == "visa"
    assert [record.timestamp_ms for record in records] == [1_020, 1_020]
    assert keys_of(records) == [{"id": 1}, {"id": 3}]


@BOTH
def test_a_null_has_no_partner_now_or_ever(is_apart: bool) -> None:
    by = {"by": ["customer_id", "email"]}
    driver, inner = joined(by, is_apart=is_apart), joined({**by, **INNER}, is_apart=is_apart)

    for one in (driver, inner):
        send(one, an_order(1, 1_000, email=None), a_payment(2, 1_000, email=None))

    assert told(driver) == [(1, None)]
    assert told(close_all(driver)) == [(1, None), (999, 999)]
    assert told(close_all(inner)) == [(999, 999)]


# -- what finds no partner


@BOTH
def test_what_has_no_partner_is_told_once_when_time_has_passed_its_end_and_grace_and_never_before(
    is_apart: bool,
) -> None:
    driver = joined({"before": "50ms", "after": "100ms", "grace": "10ms"}, is_apart=is_apart)

    send(driver, an_order(1, 1_000), a_payment(9, 1_110, customer=8))
    assert told(driver) == []

    send(driver, a_payment(9, 1_111, customer=8))
    assert told(driver) == [(1, None)]

    send(driver, an_order(2, 1_200), a_payment(3, 1_100), a_payment(4, 1_300))
    assert [pair for pair in told(close_all(driver)) if pair[0] != 999] == [(1, None), (2, 4)]


@BOTH
def test_its_own_side_alone_ends_no_window(is_apart: bool) -> None:
    """Payments that are behind may still come: it is their time that says that none does."""
    driver = joined(is_apart=is_apart)

    send(driver, a_payment(9, 1_000, customer=8), an_order(1, 1_000), an_order(2, 90_000))
    assert told(driver) == []

    send(driver, a_payment(3, 1_050))
    assert told(driver) == [(1, 3)]


@BOTH
def test_what_has_had_a_partner_is_never_told_alone(is_apart: bool) -> None:
    driver = joined(is_apart=is_apart)

    send(driver, an_order(1, 1_000), a_payment(2, 1_050))
    close_all(driver)

    assert told(driver) == [(1, 2), (999, 999)]


@BOTH
def test_an_order_behind_all_payments_is_told_alone_at_once(is_apart: bool) -> None:
    driver = joined({"grace": "1ms"}, is_apart=is_apart)

    send(driver, a_payment(2, 5_000), an_order(1, 1_000))

    assert told(driver) == [(1, None)]


def test_in_one_key_what_is_over_comes_before_what_comes_then() -> None:
    driver = joined()

    send(driver, an_order(1, 1_000), an_order(2, 2_000), a_payment(3, 2_101), an_order(4, 2_102))

    assert told(driver) == [(1, None), (2, None), (4, 3)]


def test_what_is_over_comes_before_an_order_of_its_key_that_comes_then_too() -> None:
    driver = joined({"after": "100ms"})

    send(driver, a_payment(9, 990), an_order(1, 1_000), a_payment(8, 1_200, customer=9), an_order(2, 985))

    assert told(driver) == [(1, None), (2, 9)]


def test_many_that_end_at_once_end_a_part_at_each_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(close, "EVENTS_PER_CHECKPOINT", 3)
    driver = joined()
    send(driver, *[an_order(id, 1_000 + id, customer=id) for id in range(10)])
    driver.commit()
    send(driver, a_payment(99, LATER, customer=99))
    (task,) = driver._tasks.values()

    counts = []
    while task.is_touched:
        before = len(driver._pending)
        driver._commit(task)
        counts.append(len([record for record in driver._pending[before:] if record.topic == OUT]))

    assert counts == [3, 3, 3, 1]
    assert [row["id"] for row in rows_of(driver.records(OUT)) if row] == list(range(10))
    assert not list(task._tables["orders"].pairing.own.events.scan())  # type: ignore[union-attr]


@BOTH
def test_nothing_is_kept_that_can_meet_nothing_any_more(is_apart: bool) -> None:
    driver = joined({"before": "50ms", "after": "100ms", "grace": "10ms"}, is_apart=is_apart)

    send(driver, an_order(1, 1_000), a_payment(2, 1_000), a_payment(3, 1_000, customer=8))
    driver.commit()
    send(driver, an_order(4, 1_160), a_payment(5, 1_110))
    driver.commit()

    def kept() -> tuple[list[int], list[int]]:
        held = [tables.pairing for task in driver._tasks.values() for tables in task._tables.values() if tables.pairing]
        return (
            sorted(event.offset for tables in held for _, event in tables.own.events.scan()),
            sorted(event.offset for tables in held for _, event in tables.partner.events.scan()),
        )

    assert kept() == ([0, 1], [0, 1, 2])
    send(driver, an_order(6, 1_161), a_payment(7, 1_111))
    driver.commit()
    assert kept() == ([1, 2], [2, 3])
    moments = [
        moment
        for task in driver._tasks.values()
        for tables in task._tables.values()
        if tables.pairing is not None
        for side in (tables.pairing.own, tables.pairing.partner)
        for moment in side.moments.scan()
    ]
    assert len(moments) == 4


# -- time


@BOTH
def test_an_order_whose_window_its_own_partition_has_passed_is_late(is_apart: bool) -> None:
    driver = joined({"after": "100ms", "grace": "10ms", "missing": None}, is_apart=is_apart)

    send(driver, an_order(1, 1_110, customer=8), an_order(2, 1_000), an_order(3, 1_111, customer=8), an_order(4, 1_000))
    close_all(driver)

    assert alone(driver) == [2, 1, 3]
    assert driver.ledger() == {"processed": 5, "late": 1}


@BOTH
def test_a_payment_is_in_the_windows_that_were_open_by_the_time_of_its_own_partition(is_apart: bool) -> None:
    driver = joined({"before": "50ms", "after": "100ms"}, is_apart=is_apart)

    send(driver, an_order(1, 1_000), an_order(2, 1_050))
    send(driver, a_payment(8, 1_101, customer=8), a_payment(3, 1_040))

    assert sorted(told(driver)) == [(1, None), (2, 3)]


@BOTH
def test_it_is_the_same_whichever_side_is_read_first(is_apart: bool) -> None:
    own = [an_order(1, 1_000), an_order(2, 1_050), an_order(3, 900), an_order(4, 1_200)]
    theirs = [a_payment(5, 1_040), a_payment(6, 1_101, customer=8), a_payment(7, 1_040), a_payment(8, 1_210)]

    def results(*records: Any) -> list[tuple[int, object]]:
        driver = joined({"before": "50ms", "after": "100ms"}, is_apart=is_apart)
        return sorted(told(close_all(send(driver, *records))), key=repr)

    first = results(*own, *theirs)
    assert first == results(*theirs, *own)
    assert first == results(*[record for pair in zip(own, theirs, strict=True) for record in pair])
    assert (1, 7) not in first and (2, 7) in first


@BOTH
def test_an_input_that_is_silent_holds_nothing_open_for_ever(is_apart: bool) -> None:
    driver = joined({"idle": "30s"}, is_apart=is_apart)
    send(driver, a_payment(9, 900, customer=8), an_order(1, 1_000))

    driver.advance(ms=20_000)
    send(driver, an_order(2, 20_000, customer=9))
    driver.advance(ms=9_000)
    assert told(driver) == []

    driver.advance(ms=2_000)
    assert told(driver) == [(1, None)]
    send(driver, a_payment(3, 20_050, customer=9))
    assert told(driver) == [(1, None), (2, 3)]


@BOTH
def test_where_both_are_silent_the_wall_clock_ends_what_is_open(is_apart: bool) -> None:
    driver = joined({"idle": "30s", "after": "10s", "grace": "1s"}, is_apart=is_apart)
    send(driver, an_order(1, 1_000))
    driver.commit()

    driver.advance(ms=40_500)
    assert told(driver) == []
    driver.advance(ms=1_000)
    assert told(driver) == [(1, None)]


def test_a_stage_waits_for_every_partition_of_both_sides() -> None:
    driver = joined({"idle": "30s"}, is_apart=True, partitions={PAYMENTS: 2, "cdc.orders.v1": 3})
    send(driver, an_order(1, 1_000), partition=0)
    send(driver, a_payment(2, 5_000, customer=8), partition=0)
    driver.commit()
    assert told(driver) == []

    send(driver, a_payment(3, 1_100, customer=8), partition=1)
    driver.commit()
    assert told(driver) == []
    send(driver, a_payment(3, 1_101, customer=8), partition=1)
    assert told(driver) == [(1, None)]


def test_a_partition_of_a_stage_that_is_idle_is_not_waited_for() -> None:
    driver = joined({"idle": "30s"}, is_apart=True, partitions={PAYMENTS: 2, "cdc.orders.v1": 3})
    send(driver, an_order(1, 1_000), partition=0)
    send(driver, a_payment(2, 5_000, customer=8), partition=0)

    driver.advance(ms=1_000)
    driver.advance(ms=28_000)
    assert told(driver) == []
    driver.advance(ms=2_000)
    assert told(driver) == [(1, None)]


# -- beside other steps


def test_steps_before_the_join_are_of_events_and_steps_behind_it_of_pairs() -> None:
    driver = a_driver(
        orders(INNER, filter="code <> 'no'", mask={"email": "redact"}, derive={"both": "paid_by || code"}),
        payments(derive={"method": "upper(code)"}, filter="amount > 0"),
    )
    method = {**INNER, "columns": {"method": "paid_by", "id": "paid"}}
    held = a_driver(orders(method, derive={"both": "paid_by || code"}), payments(derive={"method": "upper(code)"}))

    for one in (driver, held):
        send(one, an_order(1, 1_000), an_order(2, 1_000, code="no"), a_payment(3, 1_000, code="visa"))
        send(one, a_payment(4, 1_000, amount=0))

    assert [row and (row["both"], row["email"]) for row in rows_of(driver.records(OUT))] == [("visaA-1", None)]
    assert [row["both"] for row in rows_of(held.records(OUT)) if row and row["paid"] == 3] == ["VISAA-1", "VISAno"]
    assert driver.ledger() == {"processed": 2, "filtered": 2}


def test_a_delete_is_joined_with_nothing() -> None:
    source = {"key": ["customer_id"]}
    driver = a_driver(
        a_pipeline(source=source, join=[{**JOIN, "within": "1s"}]),
        a_pipeline("payments", source={**source, "topic": PAYMENTS}, route=[{"to": "payments.v1"}]),
    )

    send(driver, a_change(1, op="r"), a_change(1, op="u", code="new"), a_change(1, op="d"), a_change(0, op="t"))
    send(driver, *[_elsewhere(record) for record in (a_change(5, op="u"), a_change(5, op="d"))])

    assert told(driver) == [(1, 5), (1, 5)]
    assert [row and row["code"] for row in rows_of(driver.records(OUT))] == ["A-1", "new"]
    assert driver.ledger() == {"processed": 4, "filtered": 2}


def _elsewhere(record: SourceRecord) -> SourceRecord:
    return replace(record, topic=PAYMENTS)


def test_what_a_contract_of_the_route_refuses_is_dead_with_its_place() -> None:
    criterion = "iglu:com.acme/orders/jsonschema/1-*-*"
    driver = a_driver(
        orders({"columns": {"code": "note2", "id": "paid"}}, route=[{"to": OUT, "contract": criterion}],
               derive={"code": "note2"}),
        payments(),
    )  # fmt: skip

    send(driver, an_order(1, 1_000), a_payment(2, 1_000, code="x" * 64), an_order(3, 2_000))
    close_all(driver)

    assert reasons_of(driver) == ["contract_violation"]
    (letter,) = driver.records(DEAD)
    assert (letter.key, letter.value) == (None, None)
    assert dict(letter.headers)["__connect.errors.offset"] == b"1"


def test_several_pipelines_may_join_the_same_stream_and_one_stream_itself() -> None:
    twins = a_plain_pipeline(name="twins", source={"key": ["customer_id"], "topic": "cdc.orders.v1"},
                             join=[{**JOIN, "with": "orders", "within": "10ms", "missing": "drop"}],
                             route=[{"to": "twins.v1"}])  # fmt: skip
    plain = a_plain_pipeline(source=KEYED["source"])
    more = a_plain_pipeline(name="more", source=KEYED["source"], join=[{**JOIN, "within": "1s"}],
                            route=[{"to": "more.v1"}])  # fmt: skip
    driver = a_driver(plain, twins, more, payments())

    send(driver, an_order(1, 1_000), an_order(2, 1_010), an_order(3, 1_021), a_payment(4, 1_100))

    pairs = [(row["id"], row["paid"]) for row in rows_of(driver.records("twins.v1")) if row]
    assert sorted(pairs) == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3)]
    assert [(row["id"], row["paid"]) for row in rows_of(driver.records("more.v1")) if row] == [(1, 4), (2, 4), (3, 4)]


def test_look_ups_in_tables_come_before_it() -> None:
    people = a_plain_pipeline(name="people", source={"key": ["id"], "topic": "cdc.people.v1"}, route=None,
                              table={"name": "people"})  # fmt: skip
    look_up = {"table": "people", "by": ["customer_id"], "columns": {"email": "contact"}, "missing": "drop",
               "same_keys": True}  # fmt: skip
    driver = a_driver({**orders(), "join": [look_up, {**JOIN, "within": "1s"}]}, payments(), people)

    driver.send("cdc.people.v1", key=b'{"id":7}', value=b'{"id":7,"code":"x","at":1,"email":"bo@example.test"}')
    send(driver, an_order(1, 1_000), an_order(2, 1_000, customer=6), a_payment(3, 1_000))

    assert [row and (row["id"], row["contact"], row["paid"]) for row in rows_of(driver.records(OUT))] == [
        (1, "bo@example.test", 3)
    ]


# -- crashes


@BOTH
def test_a_crash_repeats_nothing_and_loses_nothing(is_apart: bool) -> None:
    driver = joined(is_apart=is_apart)

    send(driver, an_order(1, 1_000), an_order(2, 1_010))
    driver.commit()
    send(driver, a_payment(3, 1_020))
    driver.restart()
    assert told(driver) == [(1, 3), (2, 3)]
    driver.restart()
    send(driver, an_order(4, 1_030))
    driver.restart()
    close_all(driver)
    driver.restart()

    assert told(driver) == [(1, 3), (2, 3), (4, 3), (999, 999)]


def test_a_payment_that_makes_a_step_raise_is_dead_and_has_met_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def derive(events: list[ChangeEvent], derivations: object) -> list[ChangeEvent]:
        if any(event.row["paid"] == 13 for event in events):
            raise RuntimeError("a bug")
        return events

    driver = joined()
    send(driver, an_order(1, 1_000))
    monkeypatch.setattr(pairs, "derive_columns", derive)
    send(driver, a_payment(13, 1_010))
    monkeypatch.undo()
    send(driver, a_payment(14, 1_020), an_order(2, 1_030))

    assert told(close_all(driver)) == [(1, 14), (2, 14), (999, 999)]
    (letter,) = driver.records("cdc.payments.v1-payments-dlt")
    assert header(letter, "__contract.errors.code") == "internal_error"
    assert driver.ledger() == {"processed": 5, "dead": 1}


# -- where it happens


def test_events_of_both_sides_meet_in_one_task_where_their_topics_are_partitioned_alike() -> None:
    (sub,) = a_topology(orders(), payments()).subtopologies
    assert sub.source_topics == ("cdc.orders.v1", PAYMENTS)
    assert [short for short, _ in sub.changelogs] == ["orders-join", "orders-state", "payments-state"]


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (["id"], ["customer_id"]),
        (["customer_id"], ["id"]),
        (["customer_id", "id"], ["customer_id", "id"]),
    ],
)
def test_else_they_go_to_a_stage(own: list[str], theirs: list[str]) -> None:
    topology = a_topology(orders(source={"key": own}), payments(source={"key": theirs}))
    assert len(topology.subtopologies) == 3
    stage = next(sub for sub in topology.subtopologies if sub.plans[0].name == "orders-with-payments")
    assert stage.source_topics == (
        "app-orders-with-payments-own-repartition",
        "app-orders-with-payments-partner-repartition",
    )


def test_columns_of_other_names_share_a_task_where_the_author_vouches_for_the_keys_bytes() -> None:
    join = {"by": {"customer_id": "id"}, "same_keys": True}
    assert len(a_topology(orders(join), payments(source={"key": ["id"]})).subtopologies) == 1
    assert len(a_topology(orders({**join, "same_keys": False}), payments(source={"key": ["id"]})).subtopologies) == 3


# -- what is refused


@pytest.mark.parametrize(
    ("join", "parts", "problem"),
    [
        ({"with": "refunds"}, {}, "no pipeline that can run here is called refunds"),
        ({"with": "orders"}, {}, "a pipeline is not joined with itself; a second one may read the same topic"),
        ({"by": {"customer_id": "email"}}, {}, "customer_id is integer, email of payments is text; they never match"),
        ({"by": ["nope"]}, {}, "no column 'nope'"),
        ({"columns": {"nope": "x"}}, {}, "no column 'nope'"),
        ({"columns": {"code": "code"}}, {}, "the row has a column code already; rename it"),
        ({"by": ["code"]}, {"mask": {"code": "hash"}}, "code is masked here and code of payments is not alike"),
        ({"missing": "retry"}, {}, "missing: retry is for tables"),
        ({"table": "people"}, {}, "joins the events of a pipeline; name it (with)"),
        ({"before": "1s", "within": "1s"}, {}, "within is for both directions; say it, or before and after"),
        ({"type": "lookup", "table": "x"}, {}, "with is of type: interval"),
        ({"keep": "1s"}, {}, "keep says how far back type: asof looks"),
        ({}, {"table": {"name": "t"}}, "a joined event is no row of a table"),
        (
            {},
            {"aggregate": [{"table": "t", "by": [], "columns": {"n": "count(*)"}}]},
            "aggregates of joined events arrive later",
        ),
        ({}, {"route": [{"to": OUT, "value": "envelope"}]}, "envelope: a joined event has none"),
        ({}, {"route": [{"to": OUT, "on_delete": "event"}]}, "a DELETE is joined with nothing"),
    ],
)
def test_what_cannot_be_is_refused(join: dict[str, object], parts: dict[str, Any], problem: str) -> None:
    found = problems_of(orders(join, **parts), payments())
    assert [text for text in found if problem in text], found


def test_a_join_needs_its_reach_and_its_partner_and_stands_behind_others() -> None:
    bare = {name: held for name, held in JOIN.items() if name != "with"}
    found = problems_of({**orders(), "join": [bare]}, payments())
    assert [text for text in found if "with: names the pipeline" in text]
    assert [text for text in found if "within, or before and after" in text]
    twice = problems_of({**orders(), "join": [{**JOIN, "within": "1s"}] * 2}, payments())
    assert [text for text in twice if "one for a pipeline, behind its other joins" in text]
    listed = problems_of(orders({"type": "lookup", "by": {"customer_id": "id"}}), payments())
    assert [text for text in listed if "table: names the table that is joined" in text]


def test_streams_of_pairs_and_of_rows_that_follow_are_joined_with_nothing_yet() -> None:
    third = a_plain_pipeline(name="third", source={**KEYED["source"], "topic": "cdc.third.v1"},
                             join=[{**JOIN, "with": "orders", "within": "1s"}], route=[{"to": "third.v1"}])  # fmt: skip
    found = problems_of(third, orders(), payments())
    assert [text for text in found if "what leaves orders is that of other events" in text]


def test_circles_are_refused() -> None:
    back = payments(join=[{**JOIN, "with": "orders", "within": "1s"}])
    assert [text for text in problems_of(orders(), back) if "joins lead back to this pipeline" in text]
