"""Query: rows as people ask for them, in pages, and never anything that is not committed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from streams.pipeline.plan import Plan
from streams.pipeline.query import TableRow, find_row, scan_rows, split_key
from streams.pipeline.task import Task
from streams.pipeline.windows.kinds import Hopping, Session, Sliding, Windows
from streams.state.stores.memory import MemoryStore

from .builders import a_batch, a_plain, a_plain_pipeline, a_topology

WINDOWS = {
    "table": "windows",
    "by": ["customer_id"],
    "window": {"tumbling": "1s"},
    "columns": {"n": "count(*)", "avg": "avg(amount)"},
}
TOTALS = {"table": "totals", "by": ["customer_id", "code"], "columns": {"n": "count(*)"}}
PIPELINE = a_plain_pipeline(
    source={"key": ["customer_id"]}, table={"name": "latest"}, aggregate=[WINDOWS, TOTALS], route=None
)


def a_store(*rows: Any, commits: bool = True) -> tuple[MemoryStore, Plan]:
    (sub,) = a_topology(PIPELINE).subtopologies
    task = Task(sub, 0, MemoryStore())
    task.process(a_batch(*rows), now_ms=10_000)
    if commits:
        task.prepare_checkpoint()
        task.commit({}, now_ms=0)
    assert isinstance(task.store, MemoryStore)
    return task.store, sub.plans[0]


def test_a_row_is_found_by_its_key() -> None:
    store, plan = a_store(a_plain(1), a_plain(2))

    row = find_row(store, plan, "latest", [2])

    assert row is not None
    assert (row.key, row.window, row.row["id"]) == ((2,), None, 2)
    assert find_row(store, plan, "latest", [3]) is None


def test_a_group_is_found_by_its_values_and_its_window() -> None:
    store, plan = a_store(a_plain(1, at=1_500), a_plain(2, at=1_600, amount=6))

    assert find_row(store, plan, "windows", [7], window=(1_000,)) == TableRow(
        key=(7,),
        window=(1_000, 2_000),
        row={"customer_id": 7, "window_start": 1_000, "window_end": 2_000, "n": 2, "avg": Decimal("5.5")},
    )
    assert find_row(store, plan, "windows", [7], window=(2_000,)) is None
    assert find_row(store, plan, "totals", [7, "A-1"]) == TableRow(
        key=(7, "A-1"), window=None, row={"customer_id": 7, "code": "A-1", "n": 2}
    )


def test_what_is_not_committed_is_not_there() -> None:
    store, plan = a_store(a_plain(1), commits=False)

    assert (find_row(store, plan, "latest", [1]), list(scan_rows(store, plan, "latest"))) == (None, [])


def test_a_scan_goes_on_behind_the_last_row_it_gave() -> None:
    store, plan = a_store(*(a_plain(id) for id in (3, 1, 2)))

    pages, after = [], b""
    while page := list(scan_rows(store, plan, "latest", after=after))[:1]:
        after = page[0][0]
        pages.append(page[0][1].key)

    assert pages == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "starts"),
    [
        (None, None, [-1_000, 0, 1_000, 2_000]),
        (0, None, [0, 1_000, 2_000]),
        (1, 2_000, [1_000]),
        (None, 0, [-1_000]),
        (5_000, None, []),
    ],
)
def test_windows_are_asked_for_by_their_start_oldest_first(
    from_ms: int | None, to_ms: int | None, starts: list[int]
) -> None:
    store, plan = a_store(*(a_plain(1, at=at) for at in (-1, 5, 1_005, 2_005)))

    found = [row.window for _, row in scan_rows(store, plan, "windows", from_ms=from_ms, to_ms=to_ms)]

    assert found == [(start, start + 1_000) for start in starts]


def test_bounds_of_time_mean_nothing_without_windows() -> None:
    store, plan = a_store(a_plain(1))

    assert len(list(scan_rows(store, plan, "latest", from_ms=5, to_ms=6))) == 1


def test_a_scan_of_one_table_shows_no_other() -> None:
    store, plan = a_store(a_plain(1))

    assert [len(list(scan_rows(store, plan, table))) for table in ("latest", "windows", "totals")] == [1, 1, 1]


def test_a_table_that_the_plan_has_not_is_a_key_error() -> None:
    store, plan = a_store(a_plain(1))

    for ask in (lambda: find_row(store, plan, "lates", [1]), lambda: list(scan_rows(store, plan, "lates"))):
        with pytest.raises(KeyError, match="lates"):
            ask()


@pytest.mark.parametrize(
    ("key", "windows", "parts"),
    [
        ([7], None, ([7], [])),
        ([7, "a", 1_000], Hopping(size_ms=9, step_ms=3), ([7, "a"], [1_000])),
        ([7, -5], Sliding(size_ms=9), ([7], [-5])),
        ([7, 5, 9], Session(gap_ms=9), ([7], [5, 9])),
        ([5, 9], Session(gap_ms=9), ([], [5, 9])),
    ],
)
def test_a_key_ends_with_what_names_the_window(
    key: list[object], windows: Windows | None, parts: tuple[list[object], list[int]]
) -> None:
    assert split_key(key, windows) == parts


@pytest.mark.parametrize(
    ("key", "windows", "says"),
    [
        ([], Sliding(size_ms=9), "the last part of the key is the window's start in ms"),
        ([7, "x"], Hopping(size_ms=9, step_ms=3), "the last part of the key is the window's start in ms"),
        ([7, True], Hopping(size_ms=9, step_ms=3), "the last part of the key is the window's start in ms"),
        ([9], Session(gap_ms=9), "the last parts are its start and its end in ms"),
        ([7, 1 << 63, 9], Session(gap_ms=9), "the last parts are its start and its end in ms"),
    ],
)
def test_a_key_without_its_window_is_refused(key: list[object], windows: Windows, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split_key(key, windows)


def test_a_scan_gives_the_sessions_by_their_ends_and_nothing_that_stands_beside_them() -> None:
    sessions = {**WINDOWS, "window": {"session": "1s", "grace": "1h"}}
    (sub,) = a_topology(
        a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[sessions], route=None)
    ).subtopologies
    task = Task(sub, 0, MemoryStore())
    task.process(a_batch(*[a_plain(1, at=at) for at in (0, 900, 5_000, 9_000)]), now_ms=10_000)
    task.prepare_checkpoint()
    task.commit({}, now_ms=0)

    def found(**bounds: int) -> list[tuple[int, int] | None]:
        return [row.window for _, row in scan_rows(task.store, sub.plans[0], "windows", **bounds)]  # type: ignore[arg-type]

    assert found() == [(0, 900), (5_000, 5_000), (9_000, 9_000)]
    assert found(from_ms=900, to_ms=9_000) == [(0, 900), (5_000, 5_000)]
