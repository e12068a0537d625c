"""Oracle: it sees what is lost, told twice, told wrong, out of order or out of its transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from .oracle import History, Told, differences

HISTORY = History(
    changes={
        ("orders", 1): [("c", 1, "1.00"), ("u", 2, "1.01"), ("d", None, None)],
        ("orders", 2): [("c", 1, "2.00")],
        ("visits", 1): [("c", 1, "3.00"), ("u", 2, "3.01")],
    },
    size_by_xid=Counter({700: 4, 701: 2}),
)


def a_telling() -> Told:
    """Everything, once and in order."""
    return Told(
        changes={row: list(changes) for row, changes in HISTORY.changes.items()},
        orders_by_xid={700: [1, 2, 4, 3], 701: [2, 1]},
        tombstones=1,
    )


def test_a_complete_telling_has_no_differences() -> None:
    assert set(differences(HISTORY, a_telling()).values()) == {0}


def _lose(told: Told) -> None:
    del told.changes["orders", 2]


def _repeat(told: Told) -> None:
    told.changes["visits", 1].append(("u", 2, "3.01"))


def _swap(told: Told) -> None:
    told.changes["visits", 1].reverse()


def _tear(told: Told) -> None:
    told.orders_by_xid[701] = [1, 3]


def _forget_tombstone(told: Told) -> None:
    told.tombstones = 0


def _spoil(told: Told) -> None:
    told.changes["orders", 2] = [("c", 1, "2.01")]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_lose, {"changes lost": 1}),
        (_repeat, {"changes twice or never made": 1}),
        (_swap, {"rows whose changes are out of order": 1}),
        (_tear, {"transactions not numbered from 1 to their size": 1}),
        (_forget_tombstone, {"deletes without tombstone, or tombstones without delete": 1}),
        (_spoil, {"changes lost": 1, "changes twice or never made": 1}),
    ],
)
def test_what_is_wrong_is_counted(spoil: Callable[[Told], None], expected: dict[str, int]) -> None:
    told = a_telling()
    spoil(told)

    assert {kind: number for kind, number in differences(HISTORY, told).items() if number} == expected
