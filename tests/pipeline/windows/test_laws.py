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
GAP = 6


@dataclass(kw_only=True)
class Model:
    """Windows of one input, record by record."""

    grace: int
    clock: int = -(10**9)
    """As the record in hand found it: that of its partition."""
    clocks: dict[int, int] = field(default_factory=dict)
    taken: list[Record] = field(default_factory=list)
    windows: Contents = field(default_factory=dict)
    late: list[int] = field(default_factory=list)
    ends_inclusive: int = 0
    """1: the last moment of a window is its end."""

    def is_open(self, end: int) -> bool:
        return self.clock < end + self.grace + self.ends_inclusive

    def take(self, record: Record, partition: int = 0) -> None:
        self.clock = self.clocks[partition] = max(self.clocks.get(partition, record[2]), record[2])
        if not self.accept(record):
            self.late.append(record[2])

    def accept(self, record: Record) -> bool:
        raise NotImplementedError

    def content(self, group: str, start: int, last: int) -> frozenset[int]:
        return frozenset(number for held, number, at in self.taken if held == group and start <= at <= last)

    def closed(self, partitions: int = 1) -> Contents:
        """Every partition has passed them."""
        self.clock = min(self.clocks.get(partition, -(10**9)) for partition in range(partitions))
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


@dataclass(kw_only=True)
class Sessions(Model):
    """Every session of the group that is open and within the gap becomes one with the record's."""

    ends_inclusive: int = 1 + GAP

    def accept(self, record: Record) -> bool:
        group, number, at = record
        met = {
            window: held
            for window, held in self.windows.items()
            if window[0] == group and window[1] - GAP <= at <= window[2] + GAP and self.is_open(window[2])
        }
        start, end = min([at, *(window[1] for window in met)]), max([at, *(window[2] for window in met)])
        if not self.is_open(end):
            return False
        for window in met:
            del self.windows[window]
        self.windows[group, start, end] = frozenset().union({number}, *met.values())
        return True


@dataclass(kw_only=True)
class Slides(Model):
    """Every window that a record is in or brings about, if open and not empty, begins with all that is in it by then.

    Of several partitions one may find a window closed that is open to another: what is late for a window that is there
    does not come into it with the next record.
    """

    ends_inclusive: int = 1

    def accept(self, record: Record) -> bool:
        group, number, at = record
        if not self.is_open(at + SIZE):
            return False
        self.taken.append(record)
        starts = {start for held, _, time in self.taken if held == group for start in (time - SIZE, time + 1)}
        for start in starts:
            window, is_in = (group, start, start + SIZE), start <= at <= start + SIZE
            if not self.is_open(start + SIZE) or not (is_in or start == at + 1):
                continue
            if window in self.windows:
                self.windows[window] |= {number} if is_in else set()
            elif inside := self.content(*window):
                self.windows[window] = inside
        return True


KINDS: dict[str, tuple[Callable[[int], Model], Callable[[int], dict[str, Any]]]] = {
    "tumbling": (
        lambda grace: Aligned(grace=grace, step=SIZE),
        lambda grace: {"tumbling": "10ms", "grace": f"{grace}ms"},
    ),
    "hopping": (
        lambda grace: Aligned(grace=grace, step=4),
        lambda grace: {"hopping": {"size": "10ms", "step": "4ms"}, "grace": f"{grace}ms"},
    ),
    "sliding": (lambda grace: Slides(grace=grace), lambda grace: {"sliding": "10ms", "grace": f"{grace}ms"}),
    "session": (lambda grace: Sessions(grace=grace), lambda grace: {"session": "6ms", "grace": f"{grace}ms"}),
}
TIMES = st.lists(st.tuples(st.sampled_from("AB"), st.integers(-20, 80)), max_size=30)
NEAR = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 30)), max_size=30)
MISHAPS = st.lists(st.sampled_from(["go on", "go on", "go on", "commit", "crash"]), min_size=30, max_size=30)
GRACES = st.sampled_from([0, 3, 15, 1_000])


def run(driver: Driver, records: list[Record], mishaps: list[str], partitions: list[int]) -> Driver:
    for (group, number, at), mishap, partition in zip(records, mishaps, partitions, strict=False):
        send(driver, a_plain(1, at=at, code=group, amount=1 << number, timestamp_ms=0), partition=partition)
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
        run(driver, records, mishaps, [0] * len(records))

    assert kept(current) == kept(final) == last_published(current) == model.windows
    assert Counter(published(final)) == Counter(model.closed().items())
    assert sorted(late(current)) == sorted(late(final)) == sorted(model.late)


@pytest.mark.parametrize("kind", KINDS)
@laws
@given(times=st.one_of(TIMES, NEAR), places=st.lists(st.integers(0, 2), min_size=30, max_size=30), grace=GRACES,
       commits=st.lists(st.sampled_from(["go on", "commit"]), min_size=30, max_size=30))  # fmt: skip
def test_each_partition_has_a_clock_of_its_own_and_windows_wait_for_the_slowest(
    kind: str, times: list[tuple[str, int]], places: list[int], grace: int, commits: list[str]
) -> None:
    model, window = KINDS[kind][0](grace), KINDS[kind][1](grace)
    records = [(group, number, at) for number, (group, at) in enumerate(times)]
    for record, partition in zip(records, places, strict=False):
        model.take(record, partition)
    current, final = (
        a_windows_driver(window, emit=emit, is_exchanged=True, partitions=3) for emit in ("current", "final")
    )

    for driver in (current, final):
        run(driver, records, commits, places)

    assert kept(current) == kept(final) == last_published(current) == model.windows
    assert Counter(published(final)) == Counter(model.closed(3).items())
    assert sorted(late(current)) == sorted(late(final)) == sorted(model.late)
