"""A database whose changes are told to several partitions, each read at a pace of its own.

What must be there in the end is what the database holds: a dict, changed in the order of its log.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from streams.records import SourceRecord
from streams.testing import Driver

from ..builders import a_change, keys_of, rows_of, send

PARTITIONS = 3
ROWS = st.fixed_dictionaries(
    {
        "customer_id": st.integers(0, 2),
        "amount": st.sampled_from([None, 0, 1, 2, 3, 4]),
        "code": st.sampled_from(["A", "B", "C"]),
        "note": st.sampled_from([None, "x", "y", "z"]),
    }
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 6), ROWS),
        st.tuples(st.just("put"), st.integers(0, 6), ROWS),
        st.tuples(st.just("delete"), st.integers(0, 6)),
        st.tuples(st.just("move"), st.integers(0, 6), st.integers(0, 6)),
        st.tuples(st.just("truncate"), st.integers(0, PARTITIONS - 1)),
        st.tuples(st.just("snapshot")),
    ),
    max_size=40,
)
PACES = st.integers(0, 1 << 30)


class Database:
    """Rows by id, and the log of what became of them, by partition."""

    def __init__(self, make: Callable[..., SourceRecord] = a_change) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.logs: list[deque[SourceRecord]] = [deque() for _ in range(PARTITIONS)]
        self._make = make
        self._lsn = 0

    def change(self, step: tuple[Any, ...]) -> None:
        """Do ``step``."""
        match step:
            case "put", id, row:
                self._tell(id, "u" if id in self.rows else "c", row)
                self.rows[id] = row
            case "delete", id if id in self.rows:
                del self.rows[id]
                self._tell(id, "d", {})
            case "move", id, to if id in self.rows and to not in self.rows:
                self.rows[to] = self.rows.pop(id)
                self._tell(id, "d", {})
                self._tell(to, "c", self.rows[to])
            case "truncate", partition:
                self.rows.clear()
                self._append(partition, self._record(0, "t", {"customer_id": None}))
            case ("snapshot",):
                for id, row in self.rows.items():
                    self._tell(id, "r", row)

    def _tell(self, id: int, op: str, row: Mapping[str, Any]) -> None:
        self._append(id % PARTITIONS, self._record(id, op, row))

    def _record(self, id: int, op: str, row: Mapping[str, Any]) -> SourceRecord:
        self._lsn += 1
        end = self._lsn - self._lsn % 4  # of the commit before
        place = {"sequence": f'["{end}","{self._lsn}"]'} if end else {"sequence": f'[null,"{self._lsn}"]'}
        return self._make(id, op=op, lsn=self._lsn, time_ms=1_000 + self._lsn // 3, source=place, **row)

    def _append(self, partition: int, record: SourceRecord) -> None:
        self.logs[partition].append(record)

    def deliver(self, driver: Driver, chance: random.Random, *, most: int = 1 << 30) -> None:
        """Everything, each partition in its order; now and then there is a checkpoint, or a crash.

        ``most``: in so many runs of records, what is left comes later.
        """
        while (waiting := [number for number, log in enumerate(self.logs) if log]) and most:
            number, most = chance.choice(waiting), most - 1
            for _ in range(chance.choice([1, 1, 2, 8])):
                if self.logs[number]:
                    send(driver, self.logs[number].popleft(), partition=number)
            match chance.randrange(6):
                case 0 | 1:
                    driver.commit()
                case 2:
                    driver.restart(lose_uncommitted=chance.random() < 0.7)


def standing(driver: Driver, topic: str) -> dict[int, dict[str, Any]]:
    """What a reader of a compacted topic has in the end, by id."""
    records = driver.records(topic)
    held = {key["id"]: row for key, row in zip(keys_of(records), rows_of(records), strict=True)}
    return {id: row for id, row in held.items() if row is not None}


def compacted(driver: Driver, topic: str) -> list[dict[str, Any]]:
    """What a reader of a compacted topic has in the end."""
    records = driver.records(topic)
    held = {record.key: row for record, row in zip(records, rows_of(records), strict=True)}
    return [row for row in held.values() if row is not None]


def claims_of(driver: Driver) -> list[Any]:
    """The tables of what rows claim, of all tasks."""
    opened = [tables for task in driver._tasks.values() for tables in task._tables.values()]
    return [held for tables in opened for held in tables.claims.values()]
