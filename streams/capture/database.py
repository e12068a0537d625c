"""Database: what a capture asks of PostgreSQL besides its log."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extras import LogicalReplicationConnection

from .envelope import TableTarget
from .options import CaptureError, CaptureOptions
from .position import lsn_number

TEXT_SETTINGS = "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c bytea_output=hex"
"""So that text forms do not depend on the server's or the user's settings."""
SLOT_PATIENCE_SECONDS = 60.0
SNAPSHOT_ROWS = 5_000


class Database:
    """Plain connections for the catalog, replication connections for the log."""

    def __init__(self, options: CaptureOptions) -> None:
        self._options = options

    @contextmanager
    def session(self) -> Iterator[Any]:
        """A cursor in autocommit; connection errors say what to check."""
        connection = self.connect()
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def connect(self) -> Any:
        """A plain connection."""
        try:
            return psycopg2.connect(self._options.database, options=TEXT_SETTINGS)
        except psycopg2.OperationalError as error:
            raise CaptureError(f"cannot connect to the database: {_first_line(error)}") from None

    def connect_replication(self) -> Any:
        """A connection that speaks the replication protocol."""
        try:
            return psycopg2.connect(
                self._options.database, options=TEXT_SETTINGS, connection_factory=LogicalReplicationConnection
            )
        except psycopg2.OperationalError as error:
            raise CaptureError(f"cannot connect for replication: {_first_line(error)}") from None

    def prepare(self) -> dict[str, TableTarget]:
        """Targets by table; creates the publication. Raises ``CaptureError`` for what must be put right first."""
        with self.session() as cursor:
            cursor.execute("SHOW wal_level")
            if cursor.fetchone()[0] != "logical":
                raise CaptureError(
                    "wal_level is not logical; run: ALTER SYSTEM SET wal_level = 'logical'; and restart PostgreSQL"
                )
            targets = {table: self._target(cursor, table) for table in self._options.tables}
            self._publish(cursor)
        return targets

    def _target(self, cursor: Any, table: str) -> TableTarget:
        cursor.execute("SELECT oid, relreplident FROM pg_class WHERE oid = to_regclass(%s)", (f"public.{table}",))
        found = cursor.fetchone()
        if found is None:
            raise CaptureError(f"there is no table public.{table}")
        oid, identity = found
        cursor.execute(
            "SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
            " WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place",
            (oid,),
        )
        primary_key = tuple(row[0] for row in cursor.fetchall())
        key = self._options.keys.get(table, primary_key)
        self._check_key(cursor, oid, table, key)
        if not set(key) <= set(primary_key) and identity != "f":
            raise CaptureError(
                f"{table}: a DELETE does not tell {', '.join(sorted(set(key) - set(primary_key)))};"
                f" run: ALTER TABLE {table} REPLICA IDENTITY FULL;"
            )
        if identity == "i":
            raise CaptureError(f"{table}: REPLICA IDENTITY USING INDEX hides the primary key of deleted rows; use FULL")
        return TableTarget(table=table, topic=self._options.topic_of(table), key=key, primary_key=primary_key)

    def _check_key(self, cursor: Any, oid: int, table: str, key: tuple[str, ...]) -> None:
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0", (oid,))
        columns = {row[0] for row in cursor.fetchall()}
        if missing := [column for column in key if column not in columns]:
            raise CaptureError(f"{table} has no column {', '.join(missing)}; correct --key")

    def _publish(self, cursor: Any) -> None:
        name, wanted = self._options.publication, set(self._options.tables)
        cursor.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (name,))
        tables = ", ".join(f"public.{_quoted(table)}" for table in self._options.tables)
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE PUBLICATION {_quoted(name)} FOR TABLE {tables}")
            return
        cursor.execute("SELECT tablename FROM pg_publication_tables WHERE pubname = %s", (name,))
        if missing := wanted - {row[0] for row in cursor.fetchall()}:
            raise CaptureError(
                f"publication {name} lacks {', '.join(sorted(missing))}; run: ALTER PUBLICATION {name} ADD TABLE …,"
                " or name another one with --publication and --slot, which starts with a snapshot"
            )

    def slot_exists(self) -> bool:
        """The slot is there."""
        with self.session() as cursor:
            cursor.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (self._options.slot,))
            return cursor.fetchone() is not None

    def drop_slot(self) -> None:
        """Drop a slot whose snapshot was never finished, waiting for a killed predecessor's sender to go."""
        deadline = time.monotonic() + SLOT_PATIENCE_SECONDS
        while True:
            try:
                with self.session() as cursor:
                    cursor.execute("SELECT pg_drop_replication_slot(%s)", (self._options.slot,))
                return
            except psycopg2.errors.UndefinedObject:
                return
            except psycopg2.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise CaptureError(slot_in_use(self._options.slot)) from None
                time.sleep(0.5)

    def name(self) -> str:
        """The database's name."""
        with self.session() as cursor:
            cursor.execute("SELECT current_database()")
            return str(cursor.fetchone()[0])

    def slot_lag_bytes(self, cursor: Any) -> int:
        """Log that PostgreSQL must keep for the slot."""
        cursor.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots"
            " WHERE slot_name = %s",
            (self._options.slot,),
        )
        found = cursor.fetchone()
        return 0 if found is None or found[0] is None else int(found[0])

    def create_slot(self, replication: Any) -> tuple[int, str]:
        """(consistent point, exported snapshot); the snapshot lives until the connection's next command."""
        cursor = replication.cursor()
        cursor.create_replication_slot(self._options.slot, output_plugin="pgoutput")
        _, point, snapshot, _ = cursor.fetchone()
        return lsn_number(point), str(snapshot)


def slot_in_use(slot: str) -> str:
    """What to do when somebody else reads the slot."""
    return (
        f"slot {slot} is in use by another process; stop that capture, or name another slot with --slot;"
        f" SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{slot}' tells which it is"
    )


def _quoted(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name):
        raise CaptureError(f"{name!r} is no plain name")
    return f'"{name}"'


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
