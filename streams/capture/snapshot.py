"""Snapshot: every row that was there before the log begins, as op ``r``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2.extensions

from streams.records import Delivery

from .catalog import quoted, read_domains
from .envelope import Place, TableShape, TableTarget
from .options import SCHEMA
from .outgoing import Outgoing
from .pgoutput import ColumnShape, Relation
from .types import with_base_types

SNAPSHOT_ROWS = 5_000

_AS_SENT = psycopg2.extensions.new_type(
    tuple(psycopg2.extensions.string_types), "AS_SENT", lambda value, cursor: value
)
"""Keeps the text form that the log has as well; a cast to text would not: it cuts the blanks of ``char(n)``."""

Progress = Callable[[str, int, int], None]
"""(table, rows read, rows expected)."""


def read_snapshot(
    connection: Any,
    snapshot: str | None,
    targets: list[TableTarget],
    outgoing: Outgoing,
    lsn: int,
    progress: Progress,
) -> Iterator[list[Delivery]]:
    """Records of all rows as of the exported ``snapshot`` (``None``: as of now), in runs of a few thousand."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    psycopg2.extensions.register_type(_AS_SENT, connection)
    with connection.cursor() as cursor:
        if snapshot is not None:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
        for target in targets:
            yield from _read_table(connection, cursor, target, outgoing, lsn, progress)
    connection.rollback()


def _read_table(
    connection: Any, cursor: Any, target: TableTarget, outgoing: Outgoing, lsn: int, progress: Progress
) -> Iterator[list[Delivery]]:
    shape = _shape_of(cursor, target)
    cursor.execute("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                   (f"{SCHEMA}.{quoted(target.table)}",))  # fmt: skip
    expected = int(cursor.fetchone()[0])
    columns = ", ".join('"{}"'.format(name.replace('"', '""')) for name, _ in shape.columns)
    done = 0
    with connection.cursor(name=f"snapshot_{target.table}") as rows:
        rows.itersize = SNAPSHOT_ROWS
        rows.execute(f"SELECT {columns} FROM {SCHEMA}.{quoted(target.table)}")
        while run := rows.fetchmany(SNAPSHOT_ROWS):
            done += len(run)
            yield [record for row in run for record in _records(row, shape, target, outgoing, lsn)]
            progress(target.table, done, max(done, expected))
    progress(target.table, done, done)


def _records(
    row: Any, shape: TableShape, target: TableTarget, outgoing: Outgoing, lsn: int
) -> Iterator[Delivery]:
    now_us = time.time_ns() // 1_000
    place = Place(
        xid=None, lsn=lsn, commit_us=now_us, last_end_lsn=None, total_order=None, table_order=None, snapshot="true"
    )
    return outgoing.records(target, shape, ("r", None, shape.image(tuple(row), {})), place, now_us=now_us)


def _shape_of(cursor: Any, target: TableTarget) -> TableShape:
    cursor.execute(
        "SELECT attname, atttypid FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (f"{SCHEMA}.{quoted(target.table)}",),
    )
    columns = tuple(
        ColumnShape(name=name, type_oid=int(type_oid), is_key=name in target.key)
        for name, type_oid in cursor.fetchall()
    )
    relation = Relation(oid=0, schema=SCHEMA, table=target.table, identity=target.identity, columns=columns)
    return TableShape(with_base_types(relation, read_domains(cursor)))
