"""The lane and the long way: the same bytes out, the same states, the same outcomes, whatever the records hold."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.native.load import extension
from streams.records import SourceRecord

from .rows import a_value, each_envelope, each_value
from .ways import (
    COLUMNS,
    MOMENT_NATIVE,
    MOMENT_PYTHON,
    NATIVE,
    NOW_MS,
    PYTHON,
    TIGHT_NATIVE,
    TIGHT_PYTHON,
    TOPIC,
    a_record,
    plan_of,
    walked,
)

pytestmark = pytest.mark.skipif(extension is None, reason="native code was not built: is there a C compiler?")


def some_records(chance: Random) -> list[SourceRecord]:
    """A batch."""
    wildness = chance.choice([0, 0.02, 0.02, 0.1, 1])
    return [
        SourceRecord(
            TOPIC,
            0,
            0,
            chance.choice([0, 1_000, 61_000]),
            None if chance.random() < wildness / 50 else b"{}",
            None if chance.random() < wildness / 50 else a_value(chance, wildness),
        )
        for _ in range(chance.choice([1, 3, 40, 150]))
    ]


BATCHES = st.integers(0, 1 << 40).map(lambda seed: some_batches(Random(seed)))


def some_batches(chance: Random) -> list[list[SourceRecord]]:
    """What one task gets."""
    return [some_records(chance) for _ in range(chance.randrange(1, 6))]


@given(BATCHES)
@settings(max_examples=100, deadline=None)
def test_both_ways_leave_the_same(batches: list[list[SourceRecord]]) -> None:
    assert walked(NATIVE, batches) == walked(NATIVE, batches, is_fetched=False) == walked(PYTHON, batches)


@given(BATCHES)
@settings(max_examples=30, deadline=None)
def test_both_ways_leave_the_same_where_records_are_too_large(batches: list[list[SourceRecord]]) -> None:
    assert walked(TIGHT_NATIVE, batches) == walked(TIGHT_PYTHON, batches)


@pytest.mark.parametrize("column", COLUMNS)
def test_every_value_of_a_column_goes_the_same_way(column: str) -> None:
    batches = [[SourceRecord(TOPIC, 0, 0, 0, b"{}", value)] for value in each_value(column)]

    assert walked(NATIVE, batches) == walked(PYTHON, batches)


def test_every_moment_is_the_same_time() -> None:
    batches = [[SourceRecord(TOPIC, 0, 0, 0, b"{}", value)] for value in each_value("moment")]

    assert walked(MOMENT_NATIVE, batches) == walked(MOMENT_PYTHON, batches)


def test_every_strange_envelope_goes_the_same_way() -> None:
    batches = [[SourceRecord(TOPIC, 0, 0, 0, b"{}", value)] for value in each_envelope()]

    assert walked(NATIVE, batches) == walked(PYTHON, batches)


def _others(*records: SourceRecord) -> list[int]:
    lane = plan_of(NATIVE).lane
    assert lane is not None
    return lane.reader.read(list(records), NOW_MS, 10_000).others


def test_what_fits_is_plain() -> None:
    row = {"customer": 7, "amount": -1, "flag": False, "note": "größe", "free": "", "email": "a.b@c.org"}
    update = a_record(row, op="u", before={"id": 1, "any": [1, {"of": None}]}, transaction={"id": "1:2"})

    assert _others(a_record(), a_record(row), update, a_record(op="r"), a_record(source=None)) == []


def test_what_is_not_plain_is_told_by_its_place() -> None:
    future = a_record({"at": NOW_MS + 1})

    assert _others(a_record({"id": -1}), a_record(), future, a_record(key=None), a_record(op="d")) == [0, 2, 3, 4]


def test_a_batch_is_cut_where_a_record_must_go_the_long_way() -> None:
    deleted = a_record(op="d", before={"id": 5}, after=None, key=b'{"id":5,"state":"new"}')
    records = [a_record({"id": number, "at": 1_000 * number}) for number in range(70)]
    records[30:30] = [deleted]

    assert walked(NATIVE, [records, records]) == walked(PYTHON, [records, records])


def test_windows_and_identities_end_at_the_same_moment() -> None:
    times = [1_000, 60_999, 500, 61_000, 600, 3_600_999, 1_000, 3_601_000, 1_000]
    ids = [1, 2, 3, 4, 5, 6, 1, 7, 1]
    records = [a_record({"id": id, "at": time_ms}) for id, time_ms in zip(ids, times, strict=True)]

    for batches in ([records], [[record] for record in records]):
        left = walked(NATIVE, batches)
        assert left == walked(PYTHON, batches)
        running = [json.loads(held.value)["n"] for held in left.deliveries if held.topic == "out.v1"]
        assert running == [1, 1, 2, 2, None, 1, 2, None]


def test_sums_that_outgrow_the_extension_go_on_in_python() -> None:
    large = [a_record({"id": number, "amount": Decimal("999999999999.999999")}) for number in range(3)]

    left = walked(NATIVE, [large, large])

    assert left == walked(PYTHON, [large, large])
    sums = [json.loads(held.value, parse_float=Decimal)["sum"] for held in left.deliveries if held.topic == "out.v1"]
    assert sums == [Decimal("999999999999.999999"), Decimal("1999999999999.999998"), Decimal("2999999999999.999997")]


def test_steps_out_of_their_order_are_refused() -> None:
    lane = plan_of(NATIVE).lane
    assert lane is not None
    run = lane.reader.read([a_record()], NOW_MS, 10_000)
    run.begin(0, 1, 0)

    for ask in (
        lambda: run.deduplicate({}, 1),
        lambda: run.aggregate(0, {}, bytes),
        lambda: run.place(2, 0, {}),
        lambda: run.publish(-1, 1),
    ):
        with pytest.raises(RuntimeError, match="out of its order"):
            ask()
