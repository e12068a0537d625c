"""Pace: fresh records are committed every interval, a backlog in larger checkpoints."""

from __future__ import annotations

import time

import pytest

from streams.worker.pace import CHECKPOINT_BYTES, LONGEST_S, Pace

INTERVAL_S = 0.2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("ages_s", "wait_s"),
    [
        ([], INTERVAL_S),
        ([0.0], INTERVAL_S),
        ([-3600.0], INTERVAL_S),
        ([1.9], INTERVAL_S),
        ([5.0], 0.5),
        ([3600.0], LONGEST_S),
        ([3600.0, 5.0, 60.0], 0.5),
        ([3600.0, 0.1], INTERVAL_S),
    ],
)
def test_a_checkpoint_adds_at_most_a_tenth_to_what_the_freshest_record_has_waited(
    clock: list[float], ages_s: list[float], wait_s: float
) -> None:
    held = Pace(INTERVAL_S)
    for age_s in ages_s:
        held.note(age_s)

    clock[0] = 100.0 + wait_s - 0.01
    assert not held.is_due()
    clock[0] = 100.0 + wait_s + 0.01
    assert held.is_due()


def test_a_long_interval_is_kept() -> None:
    held = Pace(3.0)
    held.note(3600.0)

    assert held.wait_s == 3.0


def test_so_many_bytes_do_not_wait() -> None:
    held = Pace(INTERVAL_S)

    assert (held.is_due(CHECKPOINT_BYTES), held.is_due(CHECKPOINT_BYTES + 1)) == (False, True)


def test_what_was_noted_before_a_checkpoint_does_not_count_for_the_next(clock: list[float]) -> None:
    held = Pace(INTERVAL_S)
    held.note(0.0)
    held.checkpoint()
    held.note(3600.0)

    clock[0] = 100.0 + INTERVAL_S + 0.01
    assert not held.is_due()
