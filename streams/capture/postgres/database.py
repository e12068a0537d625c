"""Database: connections for the catalog and for the log, and the slot that keeps the log for us."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extras import LogicalReplicationConnection

from ..advice import first_line, slot_in_use, slot_is_gone, slot_is_lost, slot_of_another, slot_of_plugin
from ..log.wal2json import AS_TEXT
from ..options import CaptureError, CaptureOptions, StoppedError
from ..position import Position, lsn_number
from .catalog import read_domains
from .lag import SlotLag

logger = logging.getLogger("streams.capture")

SESSION_SETTINGS = (
    "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c bytea_output=hex -c extra_float_digits=1"
    " -c row_security=off"
)
"""So that text forms do not depend on the server's or the user's settings, and no policy hides a row unseen."""
SLOT_PATIENCE_SECONDS = 60.0
STOP_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A replication slot that exists."""

    plugin: str
    is_ours: bool
    """It belongs to the captured database."""
    is_lost: bool
    """PostgreSQL has removed log that it needed."""
    confirmed_lsn: int | None
    """What need not be sent again; ``None``: the slot is being made."""


class Database:
    """Plain connections for the catalog, replication connections for the log."""

    def __init__(self, options: CaptureOptions, is_stopping: Callable[[], bool]) -> None:
        self._options = options
        self._is_stopping = is_stopping

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
        return self._connect("connect to the database", None)

    def connect_replication(self) -> Any:
        """A connection that speaks the replication protocol."""
        return self._connect("connect for replication", LogicalReplicationConnection)

    def _connect(self, what: str, factory: Any) -> Any:
        try:
            return psycopg2.connect(self._options.database, options=SESSION_SETTINGS, connection_factory=factory)
        except psycopg2.OperationalError as error:
            raise CaptureError(f"cannot {what}: {first_line(error)}") from None
        except psycopg2.ProgrammingError:  # its text repeats the URL, and with it the password
            raise CaptureError("--database is no URL such as postgresql://user@host:5432/name") from None

    def name(self) -> str:
        """The database's name."""
        with self.session() as cursor:
            cursor.execute("SELECT current_database()")
            return str(cursor.fetchone()[0])

    def version(self) -> int:
        """The server's: 15.20 is 150020."""
        with self.session() as cursor:
            return int(cursor.connection.server_version)

    def domains(self) -> dict[int, int]:
        """The type below each domain, as of now."""
        with self.session() as cursor:
            return read_domains(cursor)

    # -- the slot

    def find_slot(self) -> Slot | None:
        """The slot, once a process that is making it has ended or made it."""
        while True:
            slot = self._look_for_slot()
            if slot is None or slot.confirmed_lsn is not None or self._is_stopping():
                return slot
            time.sleep(0.5)

    def _look_for_slot(self) -> Slot | None:
        with self.session() as cursor:
            cursor.execute(
                "SELECT plugin, coalesce(database = current_database(), false), coalesce(wal_status = 'lost', false),"
                " confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s",
                (self._options.slot,),
            )
            found = cursor.fetchone()
        if found is None:
            return None
        plugin, is_ours, is_lost, lsn = found
        number = None if lsn is None else lsn_number(lsn)
        return Slot(plugin=plugin or "", is_ours=is_ours, is_lost=is_lost, confirmed_lsn=number)

    def check_slot(self, slot: Slot | None, position: Position | None) -> None:
        """Whether ``slot`` goes with ``position``; raises ``CaptureError`` with what to do where it does not."""
        name = self._options.slot
        if slot is None:
            if position is not None and position.end_lsn:
                raise CaptureError(slot_is_gone(name, position))
            return
        if not slot.is_ours or position is None:
            raise CaptureError(slot_of_another(name, self._options.app))
        if slot.plugin != self._options.plugin:
            raise CaptureError(slot_of_plugin(name, slot.plugin, self._options.plugin))
        if slot.is_lost:
            raise CaptureError(slot_is_lost(name))

    def create_slot(self, replication: Any) -> tuple[int, str]:
        """(consistent point, exported snapshot); the snapshot lives until the connection's next command."""
        cursor, name, plugin = replication.cursor(), self._options.slot, self._options.plugin
        self._wait(replication, lambda: cursor.create_replication_slot(name, output_plugin=plugin))
        _, point, snapshot, _ = cursor.fetchone()
        return lsn_number(point), str(snapshot)

    def _wait(self, connection: Any, call: Callable[[], None]) -> None:
        """A call that waits for others' transactions, and that no signal interrupts: a stop cancels it.

        Raises ``StoppedError``; PostgreSQL leaves nothing of it behind.
        """
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(call)
            while True:
                try:
                    return waiting.result(STOP_SECONDS)
                except TimeoutError:
                    if self._is_stopping():
                        connection.cancel()
                except psycopg2.errors.QueryCanceled:
                    if self._is_stopping():
                        raise StoppedError("before there was a slot; the next start makes it") from None
                    raise

    def start_replication(self, replication: Any, position: Position, options: Mapping[str, str]) -> Any:
        """Follow from the position on; a killed predecessor's sender may hold the slot for a while."""
        deadline, told = time.monotonic() + SLOT_PATIENCE_SECONDS, dict(options)
        while True:
            cursor = replication.cursor()
            try:
                cursor.start_replication(
                    slot_name=self._options.slot, start_lsn=position.end_lsn, options=told, status_interval=2
                )
                return cursor
            except psycopg2.errors.InvalidParameterValue:
                # A plugin refuses what a later version of it knows.
                if told.pop(AS_TEXT, None) is None:
                    raise
                logger.warning("wal2json before 2.6 writes NaN and Infinity of numbers as null")
            except psycopg2.errors.ObjectInUse:
                if time.monotonic() > deadline or self._is_stopping():
                    raise CaptureError(slot_in_use(self._options.slot)) from None
                time.sleep(0.5)

    def slot_lag(self, cursor: Any) -> SlotLag:
        """Log that PostgreSQL must keep for the slot."""
        cursor.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint,"
            " pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint"
            " FROM pg_replication_slots WHERE slot_name = %s",
            (self._options.slot,),
        )
        kept, waiting = cursor.fetchone() or (None, None)
        return SlotLag(kept_bytes=int(kept or 0), waiting_bytes=int(waiting or 0))
