"""What Kafka Streams' tests of its windowed joins of two streams expect, as facts: the same events, the same pairs.

Keys 0 to 3 have one event each on one side, 1 ms apart; on the other each key has one at the time in question. Results
of a left join are told when the window closes, as Kafka Streams does since 3.1, and not before.
"""

from __future__ import annotations

import pytest

from ..builders import OUT, rows_of, send
from .streams import a_payment, an_order, joined, told

WIDE = {"grace": "1d"}
KEYS = range(4)
BOTH = pytest.mark.parametrize("is_apart", [False, True], ids=["in one task", "in a stage"])

UPPER = [(1_100, {0, 1, 2, 3}), (1_101, {1, 2, 3}), (1_102, {2, 3}), (1_103, {3}), (1_104, set())]
LOWER = [(899, set()), (900, {0}), (901, {0, 1}), (902, {0, 1, 2}), (903, {0, 1, 2, 3})]
FROM = [(999, set()), (1_000, {0}), (1_001, {0, 1}), (1_002, {0, 1, 2}), (1_003, {0, 1, 2, 3})]
UNTIL = [(1_000, {0, 1, 2, 3}), (1_001, {1, 2, 3}), (1_002, {2, 3}), (1_003, {3}), (1_004, set())]


def matched(reach: dict[str, object], at: int, *, order_moves: bool, is_apart: bool) -> set[int]:
    """Keys that are joined when one side has its four events at 1,000 to 1,003 and the other all of its at ``at``."""
    driver = joined({**WIDE, **reach, "missing": "drop"}, is_apart=is_apart)
    moving, still = (an_order, a_payment) if order_moves else (a_payment, an_order)
    send(driver, *[still(key, 1_000 + key, customer=key) for key in KEYS])
    send(driver, *[moving(key, at, customer=key) for key in KEYS])
    pairs = told(driver)
    assert all(order == payment for order, payment in pairs)
    assert len(pairs) == len(set(pairs))
    return {order for order, _ in pairs}


@BOTH
@pytest.mark.parametrize("order_moves", [True, False])
@pytest.mark.parametrize(("at", "keys"), UPPER + LOWER)
def test_a_window_to_both_sides(at: int, keys: set[int], order_moves: bool, is_apart: bool) -> None:
    assert matched({"within": "100ms"}, at, order_moves=order_moves, is_apart=is_apart) == keys


@BOTH
@pytest.mark.parametrize(("at", "keys"), UPPER + FROM)
def test_a_window_after_the_event(at: int, keys: set[int], is_apart: bool) -> None:
    assert matched({"after": "100ms"}, at, order_moves=False, is_apart=is_apart) == keys


@BOTH
@pytest.mark.parametrize(("at", "keys"), LOWER + UNTIL)
def test_a_window_before_the_event(at: int, keys: set[int], is_apart: bool) -> None:
    assert matched({"before": "100ms"}, at, order_moves=False, is_apart=is_apart) == keys


@BOTH
def test_every_event_meets_every_one_of_its_key_that_is_there(is_apart: bool) -> None:
    """Rounds of events of both sides at one time; each brings a pair with each event of the other side before it."""
    driver = joined({**WIDE, "within": "100ms", "missing": "drop"}, is_apart=is_apart)
    told_before = 0
    rounds = [(an_order, 2, 0), (a_payment, 2, 2), (an_order, 4, 2), (a_payment, 4, 6), (an_order, 2, 4)]
    for make, keys, new in rounds:
        send(driver, *[make(key, 0, customer=key) for key in range(keys)])
        assert len(told(driver)) - told_before == new
        told_before += new


@BOTH
def test_the_time_of_a_pair_is_the_newer_one_and_of_what_is_alone_its_own(is_apart: bool) -> None:
    driver = joined({"within": "100ms"}, is_apart=is_apart)

    send(driver, an_order(1, 1_000), a_payment(1, 1_100), an_order(2, 1_150), a_payment(2, 1_120))
    send(driver, an_order(3, 1_160, customer=8), a_payment(9, 5_000, customer=9))
    records = driver.records(OUT)

    times = {
        (row["id"], row["paid"]): held.timestamp_ms for row, held in zip(rows_of(records), records, strict=True) if row
    }
    assert times == {(1, 1): 1_100, (2, 1): 1_150, (2, 2): 1_150, (3, None): 1_160}


@BOTH
@pytest.mark.parametrize(("clock", "is_told"), [(1_110, False), (1_111, True)])
def test_what_is_alone_is_told_when_stream_time_is_past_its_end_and_grace(
    clock: int, is_told: bool, is_apart: bool
) -> None:
    driver = joined({"within": "100ms", "grace": "10ms"}, is_apart=is_apart)

    send(driver, an_order(1, 1_000), a_payment(9, clock, customer=9), an_order(9, clock, customer=8))

    assert told(driver) == ([(1, None)] if is_told else [])


@BOTH
def test_what_comes_out_of_order_within_grace_is_joined_and_is_not_told_alone(is_apart: bool) -> None:
    driver = joined({"within": "100ms", "grace": "50ms"}, is_apart=is_apart)

    send(driver, an_order(1, 1_000), a_payment(9, 1_150, customer=9), a_payment(2, 900), a_payment(3, 1_100))
    send(driver, a_payment(9, 1_151, customer=9), a_payment(4, 1_000))

    assert told(driver) == [(1, 2), (1, 3)]
