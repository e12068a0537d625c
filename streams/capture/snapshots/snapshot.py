"""Snapshot: rows of a table as they are at one moment, a chunk in a short transaction of its own.

A chunk begins behind the last key of the one before (keyset pagination), so nothing has to stay open between two:
no transaction holds back VACUUM for hours, and any process can go on. Each chunk is of another moment; what makes
one whole of them and the log is said in ``incremental``. A table without a primary key has nothing to go on by and
is read in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2.extensions
from msgspec.structs import replace

from ..log.pgoutput import ColumnShape, Relation
from ..options import SCHEMA, CaptureOptions
from ..outgoing.envelope import TableShape, TableTarget
from ..position import Key, TableSnapshot
from ..postgres.catalog import quoted, read_domains
from ..postgres.database import Database
from ..postgres.types import with_base_types
from .visibility import Visible, parse_visible

FIRST_ROWS = 100
"""Fetched before anything is known of their size."""

MARK_PREFIX = "streams-mark"

Values = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows that were read in one transaction."""

    task: TableSnapshot
    """As it is once the rows are told."""
    shape: TableShape
    visible: Visible
    rows: Sequence[Values]
    is_last: bool
    """There are no more."""
    is_rest_empty: bool
    """Nor are there any in the tables that come after this one."""


class RowReader:
    """Reads tables over a connection of its own, which is there while it is needed."""

    def __init__(self, database: Database, options: CaptureOptions) -> None:
        self._database = database
        self._chunk_rows = options.snapshot_rows
        self._chunk_bytes = options.chunk_bytes
        self._connection: Any = None
        self._shapes: dict[str, TableShape] = {}

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        if self._connection is None:
            self._connection = self._database.connect()
            self._connection.set_session(isolation_level="REPEATABLE READ")
            # The text form that the log has as well; a cast to text would not keep it: it cuts char(n)'s blanks.
            for oid in psycopg2.extensions.string_types:
                self._connection.string_types[oid] = psycopg2.extensions.UNICODE
        with self._connection, self._connection.cursor() as cursor:
            yield cursor

    def mark(self, mark: str) -> None:
        """Write ``mark`` into the log."""
        with self._transaction() as cursor:
            _mark(cursor, mark)

    def read(self, task: TableSnapshot, target: TableTarget, mark: str, rest: Sequence[str]) -> Chunk:
        """The rows behind ``task.after``, up to a size, and those that are to be read again; then ``mark``.

        The mark is a message of the reading's own transaction, and so behind all that its snapshot shows. It needs no
        right to write to anything, only a server that is no standby.
        """
        with self._transaction() as cursor:
            visible = _visible(cursor)
            shape = self._shape(cursor, target)
            if task.columns != target.resume_key:
                task = _begun(cursor, task, target)
            rows, is_last = self._page(cursor, task, shape)
            again = _fetch_again(cursor, task, shape) if task.again else []
            is_rest_empty = is_last and _are_empty(cursor, rest)
            _mark(cursor, mark)
        after = task.after if not rows else _key_of(rows[-1], task, shape)
        told = replace(task, after=after, rows=task.rows + len(rows), again=())
        return Chunk(
            task=told,
            shape=shape,
            visible=visible,
            rows=[*again, *rows],
            is_last=is_last,
            is_rest_empty=is_rest_empty,
        )

    def _shape(self, cursor: Any, target: TableTarget) -> TableShape:
        """The same as long as the table is: what is compiled for a shape need not be compiled for every chunk."""
        relation, known = _relation_of(cursor, target), self._shapes.get(target.table)
        if known is None or known.relation != relation:
            known = self._shapes[target.table] = TableShape(relation)
        return known

    def _page(self, cursor: Any, task: TableSnapshot, shape: TableShape) -> tuple[list[Values], bool]:
        """(rows, whether they are the last)."""
        if task.until is None:
            return [], True
        names = _escaped(_names(task.columns))
        bounds = [(sign, key) for sign, key in ((">", task.after), ("<=", task.until)) if key is not None]
        where = " AND ".join(f"({names}) {sign} ({_places(key)})" for sign, key in bounds)
        select = _escaped(_select(task.table, shape))
        with cursor.connection.cursor(name="snapshot") as rows:
            rows.execute(
                f"{select} WHERE {where} ORDER BY {names} LIMIT {self._chunk_rows + 1}",
                [value for _, key in bounds for value in key],
            )
            page = self._up_to_size(rows)
            return page, rows.fetchone() is None

    def _up_to_size(self, rows: Any) -> list[Values]:
        page: list[Values] = []
        size, count = 0, min(FIRST_ROWS, self._chunk_rows)
        while count > 0 and (run := rows.fetchmany(count)):
            page += run
            size += _size(run)
            room = (self._chunk_bytes - size) * len(page) // max(1, size)
            count = min(room, self._chunk_rows - len(page))
        return page

    @contextmanager
    def read_whole(
        self, task: TableSnapshot, target: TableTarget, mark: str, rest: Sequence[str]
    ) -> Iterator[tuple[Chunk, Iterator[list[Values]]]]:
        """A table without a primary key: a chunk without rows, and all rows in runs; then ``mark``."""
        with self._transaction() as cursor:
            visible = _visible(cursor)
            shape = self._shape(cursor, target)
            task = replace(task, expected=_expected(cursor, task.table), contained=visible.text)
            with cursor.connection.cursor(name="snapshot") as rows:
                rows.execute(_select(task.table, shape))
                chunk = Chunk(
                    task=task,
                    shape=shape,
                    visible=visible,
                    rows=(),
                    is_last=True,
                    is_rest_empty=_are_empty(cursor, rest),
                )
                yield chunk, iter(lambda: self._up_to_size(rows), [])
            _mark(cursor, mark)


def _mark(cursor: Any, mark: str) -> None:
    cursor.execute("SELECT pg_logical_emit_message(true, %s, %s)", (MARK_PREFIX, mark))


def _visible(cursor: Any) -> Visible:
    """The first statement of the transaction: it takes the snapshot that all its statements see."""
    cursor.execute("SELECT pg_current_snapshot()::text")
    return parse_visible(cursor.fetchone()[0])


def _begun(cursor: Any, task: TableSnapshot, target: TableTarget) -> TableSnapshot:
    """The task with its last row and expectation; also where another primary key makes old places meaningless."""
    names = ", ".join(f"{_column(column)} DESC" for column in target.resume_key)
    cursor.execute(f"SELECT {_names(target.resume_key)} FROM {_name(task.table)} ORDER BY {names} LIMIT 1")
    last = cursor.fetchone()
    return replace(
        task,
        columns=target.resume_key,
        after=None,
        until=None if last is None else tuple(last),
        again=(),
        rows=0,
        expected=_expected(cursor, task.table),
    )


def _fetch_again(cursor: Any, task: TableSnapshot, shape: TableShape) -> list[Values]:
    places = ", ".join(f"({_places(key)})" for key in task.again)
    cursor.execute(
        f"{_escaped(_select(task.table, shape))} WHERE ({_escaped(_names(task.columns))}) IN ({places})",
        [value for key in task.again for value in key],
    )
    return list(cursor.fetchall())


def _key_of(row: Values, task: TableSnapshot, shape: TableShape) -> Key:
    at = {name: place for place, (name, _) in enumerate(shape.columns)}
    return tuple(str(row[at[column]]) for column in task.columns)


def _expected(cursor: Any, table: str) -> int:
    """Rows as PostgreSQL's planner estimates them: at once, also for partitions and what was never analysed."""
    cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {_name(table)}")
    (plan,) = json.loads(cursor.fetchone()[0])
    return int(plan["Plan"]["Plan Rows"])


def _are_empty(cursor: Any, tables: Sequence[str]) -> bool:
    for table in tables:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {_name(table)})")
        if cursor.fetchone()[0] == "t":  # all values are text here
            return False
    return True


def _size(rows: Sequence[Values]) -> int:
    """Characters; near enough to bytes."""
    return sum(len(value) for row in rows for value in row if value is not None) + len(rows)


def _places(key: Key) -> str:
    return ", ".join(["%s"] * len(key))


def _name(table: str) -> str:
    return f"{SCHEMA}.{quoted(table)}"


def _select(table: str, shape: TableShape) -> str:
    return f"SELECT {_names([name for name, _ in shape.columns])} FROM {_name(table)}"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(_column, columns))


def _column(name: str) -> str:
    """As SQL writes it; a column's name may hold any character."""
    return '"{}"'.format(name.replace('"', '""'))


def _escaped(text: str) -> str:
    """Of a statement with parameters."""
    return text.replace("%", "%%")


def _relation_of(cursor: Any, target: TableTarget) -> Relation:
    cursor.execute(
        "SELECT attname, atttypid FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (_name(target.table),),
    )
    columns = tuple(
        ColumnShape(name=name, type_oid=int(type_oid), is_key=name in target.key)
        for name, type_oid in cursor.fetchall()
    )
    relation = Relation(oid=0, schema=SCHEMA, table=target.table, identity=target.identity, columns=columns)
    return with_base_types(relation, read_domains(cursor))
