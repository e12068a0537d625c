"""The workload: every case of ``fixtures/cases-pg15.jsonl``, run as its SQL says, and which case wrote which log."""

from __future__ import annotations

import io
import json
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

FIXTURES = Path(__file__).parent.parent / "fixtures"
TABLES = ("users", "orders", "products", "order_items", "audit_log", "types_demo", "dbz_signal")
INTERLEAVED = (
    ("A", "BEGIN"),
    ("A", "INSERT INTO users(id,email,created_at) VALUES(250,'A-first','2026-04-07+00')"),
    ("B", "BEGIN"),
    ("B", "INSERT INTO users(id,email,created_at) VALUES(251,'B-between','2026-04-07+00')"),
    ("B", "COMMIT"),
    ("A", "INSERT INTO users(id,email,created_at) VALUES(252,'A-last','2026-04-07+00')"),
    ("A", "COMMIT"),
)
"""(session, statement): the case's own text is for people."""
LAST = "end-of-fixtures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case, and the log it wrote."""

    name: str
    end_lsn: int
    """Where the log stood after it."""


@dataclass(frozen=True, slots=True)
class Course:
    """The cases that were run, in order."""

    cases: tuple[Case, ...]

    def case_at(self, lsn: int) -> str:
        """The case that wrote the log at ``lsn``."""
        return self.cases[bisect_left(self.cases, lsn + 1, key=lambda case: case.end_lsn)].name


def lay_out(dsn: str) -> None:
    """The tables and the rows of the snapshot."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute((FIXTURES / "schema.sql").read_text())


def run_cases(dsn: str, after: Callable[[str], None]) -> Course:
    """Run every case; ``after`` is called with its name before the next one begins."""
    cases = []
    with closing(psycopg2.connect(dsn)) as first, closing(psycopg2.connect(dsn)) as second:
        sessions = {"A": first, "B": second}
        first.autocommit = second.autocommit = True
        for name, statements in _read_cases():
            for session, statement in statements:
                with sessions[session].cursor() as cursor:
                    _execute(cursor, statement)
            after(name)
            with first.cursor() as cursor:
                cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
                cases.append(Case(name=name, end_lsn=int(cursor.fetchone()[0])))
    return Course(tuple(cases))


def _read_cases() -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for line in (FIXTURES / "cases-pg15.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["case"] == "tx_interleaved":
            yield case["case"], INTERLEAVED
        else:
            yield case["case"], tuple(("A", statement) for unit in case["sql"] for statement in unit)


def _execute(cursor: Any, statement: str) -> None:
    copy, _, rows = statement.partition(" FROM STDIN: ")
    if rows:
        text = rows.strip("'").encode().decode("unicode_escape")
        cursor.copy_expert(f"{copy} FROM STDIN", io.StringIO(text))
    else:
        cursor.execute(statement)
