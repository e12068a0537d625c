"""The workload of the fixtures, run on a real server: every case that a consumer must get right."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

FIXTURES = Path(__file__).parents[1] / "fixtures"
TABLES = ("users", "orders", "products", "order_items", "audit_log", "types_demo")
KEYS = {"order_items": ("order_id", "line_no"), "audit_log": ()}
ELSEWHERE = {"incremental_snapshot", "replica_identity_index"}
"""Cases of Debezium's own signals, and of a table that capture refuses as it is."""
INTERLEAVED = (
    (0, "BEGIN"),
    (0, "INSERT INTO users(id,email,created_at) VALUES(250,'a1','2026-04-02+00')"),
    (1, "INSERT INTO users(id,email,created_at) VALUES(251,'b1','2026-04-02+00')"),
    (0, "INSERT INTO users(id,email,created_at) VALUES(252,'a2','2026-04-02+00')"),
    (0, "COMMIT"),
)
"""Two sessions; the one that begins first ends last."""


LARGE_CASE = "large_interleaved"
ROWS = "INSERT INTO order_items SELECT {order}, i, 1, repeat('x', 300) FROM generate_series({first}, {last}) i"
LARGE = (
    (0, "BEGIN"),
    (0, ROWS.format(order=600, first=1, last=500)),
    (1, "BEGIN"),
    (1, ROWS.format(order=601, first=1, last=500)),
    (0, "SAVEPOINT kept"),
    (0, ROWS.format(order=600, first=501, last=900)),
    (0, "RELEASE kept"),
    (0, "SAVEPOINT gone"),
    (0, ROWS.format(order=600, first=901, last=1_300)),
    (1, "SAVEPOINT outer_gone"),
    (1, "SAVEPOINT inner_gone"),
    (1, ROWS.format(order=601, first=501, last=900)),
    (1, "RELEASE inner_gone"),
    (1, "ROLLBACK TO outer_gone"),
    (0, "ROLLBACK TO gone"),
    (0, "INSERT INTO users(id,email,created_at) VALUES(600,'small','2026-04-02+00')"),
    (1, "UPDATE order_items SET qty = 'y' WHERE order_id = 601 AND line_no <= 400"),
    (0, "UPDATE order_items SET qty = 'y' WHERE order_id = 600 AND line_no <= 400"),
    (2, "BEGIN"),
    (2, ROWS.format(order=602, first=1, last=900)),
    (1, "COMMIT"),
    (2, "ROLLBACK"),
    (0, "DELETE FROM order_items WHERE order_id = 600 AND line_no > 700"),
    (0, "COMMIT"),
)
"""Three sessions with more than 64 kB each, two of which commit; savepoints are kept and rolled back."""


def load_schema(dsn: str) -> None:
    """The tables and their first rows."""
    _run(dsn, (FIXTURES / "schema.sql").read_text("utf-8"))


def cases() -> Iterator[tuple[str, list[list[str]]]]:
    """(name, statements by transaction) in order."""
    for line in (FIXTURES / "cases-pg15.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        yield case["case"], case["sql"]


def run_case(dsn: str, name: str, transactions: Sequence[Sequence[str]]) -> None:
    """One case, its statements as they are written."""
    if name == "tx_interleaved":
        run_sessions(dsn, INTERLEAVED)
    for statements in [] if name == "tx_interleaved" else transactions:
        _run(dsn, *statements)


def run_cases(dsn: str) -> None:
    """All cases but those of others, each behind a message of prefix ``case`` that names it."""
    for name, transactions in cases():
        if name not in ELSEWHERE:
            _run(dsn, f"SELECT pg_logical_emit_message(false, 'case', '{name}')")
            run_case(dsn, name, transactions)
    _run(dsn, f"SELECT pg_logical_emit_message(false, 'case', '{LARGE_CASE}')")
    run_sessions(dsn, LARGE)


def _run(dsn: str, *statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                _execute(cursor, statement)


def _execute(cursor: Any, statement: str) -> None:
    command, _, rows = statement.partition(" FROM STDIN: ")
    if rows:
        cursor.copy_expert(f"{command} FROM STDIN", io.StringIO(rows.strip("'").encode().decode("unicode_escape")))
    else:
        cursor.execute(statement)


def run_sessions(dsn: str, statements: Sequence[tuple[int, str]]) -> None:
    """Statements of several sessions, in this order."""
    sessions = [psycopg2.connect(dsn) for _ in range(1 + max(number for number, _ in statements))]
    for session in sessions:
        session.autocommit = True
    for number, statement in statements:
        with sessions[number].cursor() as cursor:
            cursor.execute(statement)
    for session in sessions:
        session.close()
