"""A log as captures read it from a server: a slot for each way to read it, and the records that come of it."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2

from streams.capture.log.announcements import Announcer
from streams.capture.log.changes import ChangeStream
from streams.capture.log.pgoutput import Message, Relation
from streams.capture.log.plugins import open_reader
from streams.capture.options import CaptureOptions
from streams.capture.outgoing.envelope import EnvelopeWriter, TableTarget
from streams.capture.outgoing.records import Outgoing
from streams.capture.position import Position, lsn_number
from streams.capture.postgres.catalog import prepare_tables
from streams.capture.postgres.database import Database
from streams.capture.postgres.types import with_base_types
from streams.records import Delivery

from .builders import NOW_US

PATIENCE_SECONDS = 60.0


class LoggedSlot:
    """A slot of its own options; what was committed since it was made can be read from it, again and again."""

    def __init__(self, options: CaptureOptions) -> None:
        self.options = options
        self.database = Database(options, lambda: False)
        self.kinds: set[bytes] = set()
        """First bytes of what was sent."""

    def make(self) -> None:
        """The log is kept from now on."""
        with closing(self.database.connect_replication()) as replication:
            self.database.create_slot(replication)

    def messages(self) -> list[tuple[Message, int]]:
        """Everything up to now."""
        with self.database.session() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn()")
            end = lsn_number(cursor.fetchone()[0])
            cursor.execute("SELECT pg_logical_emit_message(false, 'streams-end', '')")
        found: list[tuple[Message, int]] = []
        with closing(self.database.connect_replication()) as replication, open_reader(
            self.options, self.database
        ) as reader:
            log = self.database.start_replication(replication, Position(), reader.options)
            for data, lsn in _sent(log, end):
                self.kinds.add(data[:1])
                found += reader.read(data, lsn)
        return found

    def records(self, targets: Iterable[TableTarget]) -> list[Delivery]:
        """What a capture tells of it."""
        writer = EnvelopeWriter("cdc", "shop")
        stream = ChangeStream(
            {target.table: target for target in targets},
            Outgoing(writer),
            Announcer(self.options, writer),
            Position(is_snapshot_done=True),
        )
        domains = self.database.domains()
        told: list[Delivery] = []
        for message, lsn in self.messages():
            shaped = with_base_types(message, domains) if isinstance(message, Relation) else message
            told += stream.feed(shaped, lsn, now_us=NOW_US)
        return told


def _sent(log: Any, end: int) -> Iterator[tuple[bytes, int]]:
    """What a server sends until it has come to ``end``."""
    deadline, is_seen = time.monotonic() + PATIENCE_SECONDS, False
    while not is_seen:
        assert time.monotonic() < deadline, "the log does not come to its end"
        message = log.read_message()
        if message is None:
            select.select([log], [], [], 0.1)
        else:
            yield message.payload, message.data_start
            is_seen = message.data_start >= end and b"streams-end" in message.payload


@contextmanager
def slots(dsn: str, tables: tuple[str, ...], **ways: dict[str, Any]) -> Iterator[dict[str, LoggedSlot]]:
    """A slot for each of ``ways`` (name and options), all made before anything else happens; dropped at the end."""
    made = {}
    for name, way in ways.items():
        options = CaptureOptions(database=dsn, tables=tables, kafka={}, slot=f"way_{name}", **way)
        made[name] = LoggedSlot(options)
        made[name].make()
    try:
        yield made
    finally:
        with closing(psycopg2.connect(dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for slot in made.values():
                    cursor.execute(
                        "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots"
                        " WHERE slot_name = %s AND active", (slot.options.slot,)
                    )  # fmt: skip
                    cursor.execute("SELECT pg_drop_replication_slot(%s)", (slot.options.slot,))


def prepared(dsn: str, tables: tuple[str, ...], **more: Any) -> dict[str, TableTarget]:
    """What a capture prepares; the publication is there then."""
    options = CaptureOptions(database=dsn, tables=tables, kafka={}, **more)
    with Database(options, lambda: False).session() as cursor:
        return prepare_tables(cursor, options)
