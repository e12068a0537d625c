"""Slots: those of a server, and how one goes with all that belongs to it.

A slot that nobody reads keeps the log for ever, until the server's disk is full.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg2
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from ..advice import slot_in_use
from ..options import CaptureError, CaptureOptions
from .publication import MARK, quoted

PATIENCE_SECONDS = 5.0
_SLOTS = """
SELECT slot_name, coalesce(plugin, ''), coalesce(database, ''), active, coalesce(wal_status, ''),
  coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, 0), coalesce(confirmed_flush_lsn::text, '')
FROM pg_replication_slots WHERE slot_type = 'logical' ORDER BY slot_name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSlot:
    """A logical slot of the server."""

    slot: str
    plugin: str
    database: str
    is_active: bool
    """Somebody reads it."""
    status: str
    """``lost``: log that it needs is gone."""
    kept_bytes: int
    """Log that the server keeps for it."""
    confirmed: str
    """Up to where it was read."""


def read_slots(cursor: Any) -> list[FoundSlot]:
    """All of the server, by name."""
    cursor.execute(_SLOTS)
    return [
        FoundSlot(
            slot=slot, plugin=plugin, database=database, is_active=is_active, status=status,
            kept_bytes=int(kept), confirmed=confirmed,
        )
        for slot, plugin, database, is_active, status, kept, confirmed in cursor.fetchall()
    ]  # fmt: skip


def drop_slot(cursor: Any, slot: str) -> bool:
    """Whether it was there; raises ``CaptureError`` while somebody reads it."""
    cursor.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (slot,))
    if cursor.fetchone() is None:
        return False
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            cursor.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            return True
        except psycopg2.errors.ObjectInUse:
            # A reader that has just ended may not have told the server yet.
            if time.monotonic() > deadline:
                raise CaptureError(slot_in_use(slot)) from None
            time.sleep(0.2)


def drop_publication(cursor: Any, publication: str) -> bool:
    """Whether it was there; raises ``CaptureError`` for one that a capture did not make."""
    cursor.execute(
        "SELECT obj_description(oid, 'pg_publication') = %s FROM pg_publication WHERE pubname = %s",
        (MARK, publication),
    )
    found = cursor.fetchone()
    if found is None:
        return False
    if not found[0]:
        raise CaptureError(
            f"publication {publication} was made by somebody else; if nobody needs it: DROP PUBLICATION"
            f" {quoted(publication)};"
        )
    cursor.execute(f"DROP PUBLICATION {quoted(publication)}")
    return True


def forget_position(options: CaptureOptions) -> bool:
    """Whether there may have been one. A capture that still runs is fenced by this."""
    topics = AdminClient(dict(options.kafka)).list_topics(timeout=30).topics
    if options.positions_topic not in topics:
        return False
    producer = Producer({**options.kafka, "transactional.id": options.transactional_id})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(options.positions_topic, None, options.slot.encode())
    producer.commit_transaction(60)
    return True
