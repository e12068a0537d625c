"""Lag: warned of near the limit, ended beyond it unless it shrinks, and told with what keeps the log."""

from __future__ import annotations

import pytest

from streams.capture.postgres.lag import LagGuard, SlotLag, SlotLagError, Verdict, size_bytes_of, size_text

FINE, WARN, BEYOND = Verdict.FINE, Verdict.WARN, Verdict.BEYOND


def a_lag(kept: int, *, waiting: int | None = None) -> SlotLag:
    return SlotLag(kept_bytes=kept, waiting_bytes=kept if waiting is None else waiting)


@pytest.mark.parametrize(
    ("looks", "verdicts"),
    [
        ([10, 79, 80, 90, 100], [FINE, FINE, WARN, FINE, FINE]),
        ([80, 50, 80], [WARN, FINE, WARN]),
        ([80, 101, 102], [WARN, BEYOND, BEYOND]),
        ([80, 101, 101], [WARN, BEYOND, BEYOND]),
        ([900, 700, 500, 200, 50], [WARN, FINE, FINE, FINE, FINE]),
        ([900, 700, 700], [WARN, FINE, BEYOND]),
    ],
    ids=["once", "again after it was well", "grows", "stands", "is worked off", "is no longer worked off"],
)
def test_a_lag_is_judged_by_the_limit_and_by_where_it_goes(looks: list[int], verdicts: list[Verdict]) -> None:
    guard = LagGuard(100)

    assert [guard.judge(a_lag(kept)) for kept in looks] == verdicts


def test_without_a_limit_every_lag_is_fine() -> None:
    guard = LagGuard(None)

    assert [guard.judge(a_lag(kept)) for kept in (1, 1 << 60, 1 << 61)] == [FINE] * 3


def test_the_error_says_who_keeps_the_log_and_what_to_do() -> None:
    ours = str(SlotLagError("orders", a_lag(2 << 30), 1 << 30))
    others = str(SlotLagError("orders", a_lag(2 << 30, waiting=1 << 20), 1 << 30))

    assert "slot orders lags by 2.0 GB, and not less than before: more than --max-slot-lag 1.0 GB" in ours
    assert "streams capture drop --slot orders" in ours
    assert "a transaction that is open keeps most of it: SELECT pid" in others
    assert SlotLagError.exit_code == 3


@pytest.mark.parametrize(
    ("text", "size"),
    [("10GB", 10 << 30), ("1.5 gb", 3 << 29), ("512kB", 512 << 10), ("7", 7), ("7B", 7), ("2TB", 2 << 40)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert size_bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "GB", "1.5", "10 XB", "-1GB", "infGB", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        size_bytes_of(text)


def test_sizes_are_written_in_the_largest_unit_that_fits() -> None:
    assert [size_text(size) for size in (0, 1_023, 1_024, 5 << 20, 3 << 40)] == [
        "0 B", "1023 B", "1.0 kB", "5.0 MB", "3.0 TB",
    ]  # fmt: skip
