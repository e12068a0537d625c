"""The law of windows: whatever happens on the way, they hold what a naive model says, of all kinds.

The model keeps every record that was in time and counts anew after each, from the definition of the kind alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import a_plain, laws, send
from .tables import Contents, a_windows_driver, kept, last_published, late, published

Record = tuple[str, int, int]
"""Group, number, time."""
SIZE = 10


@dataclass(kw_only=True)
class Model:
    """Windows of one input, record by record."""

    grace: int
    clock: int = -(10**9)
    taken: list[Record] = field(default_factory=list)
    windows: Contents = field(default_factory=dict)
    late: list[int] = field(default_factory=list)
    ends_inclusive: int = 0
    """1: the last moment of a window is its end."""

    def is_open(self, end: int) -> bool:
        return self.clock < end + self.grace + self.ends_inclusive

    def take(self, record: Record) -> None:
        self.clock = max(self.clock, record[2])
        if not self.accept(record):
            self.late.append(record[2])

    def accept(self, record: Record) -> bool:
        raise NotImplementedError

    def content(self, group: str, start: int, last: int) -> frozenset[int]:
        return frozenset(number for held, number, at in self.taken if held == group and start <= at <= last)

    def closed(self) -> Contents:
        return {window: held for window, held in self.windows.items() if not self.is_open(window[2])}


@dataclass(kw_only=True)
class Aligned(Model):
    step: int

    def accept(self, record: Record) -> bool:
        group, number, at = record
        starts = [start for start in range(-200, 400, self.step) if start <= at < start + SIZE]
        fitting = [(group, start, start + SIZE) for start in starts if self.is_open(start + SIZE)]
        for window in fitting:
            self.windows[window] = self.windows.get(window, frozenset()) | {number}
        return bool(fitting)


KINDS: dict[str, tuple[Callable[[int], Model], Callable[[int], dict[str, Any]]]] = {
    "tumbling": (
        lambda grace: Aligned(grace=grace, step=SIZE),
        lambda grace: {"tumbling": "10ms", "grace": f"{grace}ms"},
    ),
    "hopping": (
        lambda grace: Aligned(grace=grace, step=4),
        lambda grace: {"hopping": {"size": "10ms", "step": "4ms"}, "grace": f"{grace}ms"},
    ),
}
TIMES = st.lists(st.tuples(st.sampled_from("AB"), st.integers(-20, 80)), max_size=30)
NEAR = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 30)), max_size=30)
MISHAPS = st.lists(st.sampled_from(["go on", "go on", "go on", "commit", "crash"]), min_size=30, max_size=30)
GRACES = st.sampled_from([0, 3, 15, 1_000])


def run(driver: Driver, records: list[Record], mishaps: list[str]) -> Driver:
    for (group, number, at), mishap in zip(records, mishaps, strict=False):
        send(driver, a_plain(1, at=at, code=group, amount=1 << number, timestamp_ms=0), partition=0)
        if mishap == "commit":
            driver.commit()
        elif mishap == "crash":
            driver.restart(lose_uncommitted=True)
    return driver


@pytest.mark.parametrize("is_exchanged", [False, True], ids=["direct", "exchanged"])
@pytest.mark.parametrize("kind", KINDS)
@laws
@given(times=st.one_of(TIMES, NEAR), mishaps=MISHAPS, grace=GRACES)
def test_windows_are_those_of_a_naive_model_whatever_happens(
    kind: str, is_exchanged: bool, times: list[tuple[str, int]], mishaps: list[str], grace: int
) -> None:
    model, window = KINDS[kind][0](grace), KINDS[kind][1](grace)
    records = [(group, number, at) for number, (group, at) in enumerate(times)]
    for record in records:
        model.take(record)
    current, final = (a_windows_driver(window, emit=emit, is_exchanged=is_exchanged) for emit in ("current", "final"))

    for driver in (current, final):
        run(driver, records, mishaps)

    assert kept(current) == kept(final) == last_published(current) == model.windows
    assert Counter(published(final)) == Counter(model.closed().items())
    assert sorted(late(current)) == sorted(late(final)) == sorted(model.late)
