"""Joined and derived columns, and events that travel: the lane and the long way leave the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import attrgetter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger import Outcome
from streams.native.load import extension
from streams.pipeline.lane import arrive, walk
from streams.pipeline.plan import Limits
from streams.records import SourceRecord

from .app import JOINED, MINUTES, OF_USERS, USERS, App, an_app, lanes_of, ran
from .rows import a_value
from .ways import TOPIC, a_record, check_point

pytestmark = pytest.mark.skipif(extension is None, reason="native code was not built: is there a C compiler?")

NATIVE, PYTHON = (an_app(OF_USERS, JOINED, native=native) for native in (True, False))
TIGHT = Limits(record_bytes=480)
TIGHT_NATIVE, TIGHT_PYTHON = (an_app(OF_USERS, JOINED, native=native, limits=TIGHT) for native in (True, False))
MINUTELY = [held for held in JOINED["aggregate"] if held.get("window") == MINUTES]
UNPUBLISHED = {part: said for part, said in JOINED.items() if part != "route"} | {"aggregate": MINUTELY}
SENT_NATIVE, SENT_PYTHON = (
    an_app(OF_USERS, UNPUBLISHED, native=native, limits=Limits(record_bytes=430)) for native in (True, False)
)
LONG = {
    **{part: said for part, said in UNPUBLISHED.items() if part != "join"},
    "derive": {"long": "concat(note, note, note, note, note, note, note, note)"},
    "aggregate": [{"table": "by_long", "by": ["long"], "columns": {"n": "count(*)"}}],
}
PLAIN = {"country": ['"DE"', '"Österreich"', '""', "null"], "age": ["1", "-7", "null"], "rate": ["0.5", "1.00", "null"]}
STRANGE = {
    "country": ['"\\u0000"', '"a\\"b"', '"\\ud83d\\ude00"'],
    "age": ["1" * 18, "9" * 25, "5.0", "1e2"],
    "rate": ["0.12345678", "1e3", "-0.0"],
}
Batches = list[tuple[str, int, list[SourceRecord]]]


def a_user(chance: Random, wildness: float) -> SourceRecord:
    """Any change of a user; some columns are not there."""
    customer = chance.choice(["1", "1", "2", "999"])
    kept = [f'"customer":{customer}']
    for name, values in PLAIN.items():
        texts = [*values, *STRANGE[name]] if chance.random() < wildness else values
        kept += [f'"{name}":{chance.choice(texts)}'] * (chance.random() < 0.8)
    row, op, key = "{" + ",".join(kept) + "}", chance.choice("ccur"), f'{{"customer":{customer}}}'.encode()
    if chance.random() < 0.1:
        return SourceRecord(USERS, 0, 0, 0, key, f'{{"before":{row},"after":null,"source":{{}},"op":"d"}}'.encode())
    return SourceRecord(USERS, 0, 0, 0, key, f'{{"before":null,"after":{row},"source":{{}},"op":"{op}"}}'.encode())


def some_batches(chance: Random) -> Batches:
    """What an application gets, users and orders."""
    wildness = chance.choice([0, 0, 0.02, 0.02, 0.1])
    batches: Batches = []
    for _ in range(chance.randrange(1, 10)):
        partition = chance.randrange(2)
        if chance.random() < 0.3:
            batches.append((USERS, partition, [a_user(chance, wildness) for _ in range(chance.randrange(1, 5))]))
            continue
        values = [a_value(chance, wildness) for _ in range(chance.choice([1, 20, 60, 150]))]
        batches.append((TOPIC, partition, [SourceRecord(TOPIC, 0, 0, 500, b"{}", value) for value in values]))
    return batches


@pytest.fixture(autouse=True, scope="module")
def _however_many_cuts() -> Iterator[None]:
    """Batches are small here: each stretch between two cuts takes its way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrive, "SHARE_OF_CUTS", 1)
        patch.setattr(walk, "SHARE_OF_CUTS", 1)
        yield


BATCHES = st.integers(0, 1 << 40).map(lambda seed: some_batches(Random(seed)))


def test_all_stages_have_lanes_whose_groups_are_plain() -> None:
    assert lanes_of(NATIVE) == {
        "users": False,
        "orders": True,
        "orders-by-odd": True,
        "orders-by-country-label": True,
        "orders-by-state": False,
    }
    assert not any(lanes_of(PYTHON).values())


@given(BATCHES)
@settings(max_examples=100, deadline=None)
def test_both_ways_leave_the_same(batches: Batches) -> None:
    assert ran(NATIVE, batches) == ran(NATIVE, batches, is_fetched=False) == ran(PYTHON, batches)


@given(BATCHES)
@settings(max_examples=30, deadline=None)
def test_both_ways_leave_the_same_where_records_are_too_large(batches: Batches) -> None:
    assert ran(TIGHT_NATIVE, batches) == ran(TIGHT_PYTHON, batches)


@given(BATCHES)
@settings(max_examples=30, deadline=None)
def test_both_ways_leave_the_same_where_events_only_travel(batches: Batches) -> None:
    assert ran(SENT_NATIVE, batches) == ran(SENT_PYTHON, batches)


def test_events_that_are_too_large_to_travel_are_dead_both_ways() -> None:
    batches = [(TOPIC, 0, some_orders(9, note="ü" * 5, amount=1)), (TOPIC, 0, some_orders(3))]
    record = len(a_record({"id": 1, "customer": 1}).value or b"")
    tight = [an_app(OF_USERS, LONG, native=native, limits=Limits(record_bytes=record + 80)) for native in (True, False)]

    left = ran(tight[0], batches)

    assert left == ran(tight[1], batches)
    assert left.outcomes[0][1] == {"too_large": 9}


def some_orders(count: int, **columns: object) -> list[SourceRecord]:
    """Orders of customer 1, a second apart."""
    rows: list[dict[str, Any]] = [{"id": id, "customer": 1, "at": 1_000 * id, **columns} for id in range(count)]
    return [a_record(row) for row in rows]


def test_columns_are_published_in_the_order_in_which_they_are_made() -> None:
    user = SourceRecord(USERS, 0, 0, 0, b'{"customer":1}', b'{"op":"c","after":{"customer":1,"country":"DE","age":5}}')

    left = ran(NATIVE, [(USERS, 0, [user]), (TOPIC, 0, some_orders(1, amount=2))])

    (row,) = [json.loads(held.value) for held in left.deliveries if held.topic == "out.v1"]
    assert list(row)[-11:] == [
        "at", "country", "age", "rate", "twice", "odd", "gross", "label", "older", "flagged", "n", "ages",
    ][-11:]  # fmt: skip
    assert row["country"] == "DE"
    assert (row["rate"], row["gross"], row["older"], row["n"], row["ages"]) == (None, 2.5, 7, 1, 5)


def test_events_travel_as_one_record_each() -> None:
    left = ran(NATIVE, [(TOPIC, 0, some_orders(20, amount=1))])

    travelled = [held for held in left.deliveries if held.topic == "app-orders-by-odd-repartition" and held.key]
    assert len(travelled) == 20
    assert {held.key for held in travelled} == {b"[%d]" % odd for odd in range(7)}
    assert set(json.loads(travelled[0].value)["r"]) == {"amount", "age", "odd", "rate", "twice"}


def test_late_events_are_counted_by_table() -> None:
    records = [a_record({"id": id, "at": at}) for id, at in enumerate([1_000, 61_000, 2_000, 3_600_000, 62_000])]

    left = ran(NATIVE, [(TOPIC, 0, records)])

    assert left == ran(PYTHON, [(TOPIC, 0, records)])
    assert left.outcomes[0][2] == {"own": 2, "by_odd": 1, "odd_minutes": 1, "most": 2}


def test_events_are_late_that_are_so_for_tables_here_and_elsewhere() -> None:
    records = [a_record({"id": id, "at": at}) for id, at in enumerate([1_000, 61_000, 2_000, 3_000])]

    left = ran(SENT_NATIVE, [(TOPIC, 0, records)])

    assert left == ran(SENT_PYTHON, [(TOPIC, 0, records)])
    assert left.outcomes[0][0][Outcome.LATE] == 2


def test_what_comes_of_a_partition_that_is_behind_is_not_late_where_partitions_meet() -> None:
    batches = [(TOPIC, 0, [a_record({"id": 1, "at": 3_600_000})]), (TOPIC, 1, [a_record({"id": 8, "at": 1_000})])]

    left = ran(NATIVE, batches)

    assert left == ran(PYTHON, batches)
    assert not any(late for _, _, late, _ in left.outcomes)


def test_an_event_holds_windows_open_whose_upstream_was_idle() -> None:
    apps = [App(topology, is_fetched=topology is NATIVE) for topology in (NATIVE, PYTHON)]
    for app in apps:
        app.process(TOPIC, 0, some_orders(9))
        app.commit()
        app.wait(60_000)
        idle = app.store()
        app.process(TOPIC, 0, [a_record({"id": 9, "at": 2_000})])
        app.arrive()
        for task in filter(attrgetter("is_stage"), app.tasks.values()):
            check_point(task, app.left)
        assert app.store() != idle

    assert apps[0].left == apps[1].left
    assert apps[0].store() == apps[1].store()


def test_numbers_that_are_not_plain_are_added_up_in_python() -> None:
    user = SourceRecord(USERS, 0, 0, 0, b"1", b'{"op":"c","after":{"customer":1,"rate":0.12345678}}')
    batches = [(USERS, 0, [user]), (TOPIC, 0, some_orders(3))]

    left = ran(NATIVE, batches)

    assert left == ran(PYTHON, batches)
    (own,) = [held for held in left.deliveries if held.topic == "own.v1"]
    assert json.loads(own.value)["rates"] == 0.37037034


def test_integers_of_the_other_side_that_are_no_integers_go_the_long_way() -> None:
    user = SourceRecord(USERS, 0, 0, 0, b'{"customer":1}', b'{"op":"c","after":{"customer":1,"age":5.0}}')
    batches = [(USERS, 0, [user]), (TOPIC, 0, some_orders(3))]

    assert ran(NATIVE, batches) == ran(PYTHON, batches)


def test_values_are_refused_that_do_not_fit_their_events() -> None:
    lane = next(plan.lane for plan in NATIVE.plans if plan.lane is not None)
    run = lane.reader.read([a_record()], 10_000_000, 10_000)
    run.begin(0, 1, 0)
    made = lane.joins[0].columns[0][1].place

    for ask, error in (
        (lambda: run.put(made, (), False), ValueError),
        (lambda: run.put(0, (b"1",), False), ValueError),
        (lambda: run.put(made, ("1",), False), TypeError),  # type: ignore[arg-type]
        (lambda: run.put(made, (b"",), False), TypeError),
        (lambda: run.rows((99,)), ValueError),
        (lambda: run.keys((-1,)), ValueError),
        (lambda: run.carry(9, 1), RuntimeError),
    ):
        with pytest.raises(error):
            ask()
    assert run.put(made, (b"1.5",), True) is False
    assert run.put(made, (b"null",), True) is True
