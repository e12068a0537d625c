"""Announcements: what Debezium tells beside rows. Logical messages, and where transactions begin and end."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from streams.records import Delivery

from ..options import CaptureOptions
from ..outgoing.envelope import EnvelopeWriter, Place, encode_json, transaction_of
from .pgoutput import Begin, Commit, LogicalMessage


class Announcer:
    """Makes those records; the topic of transactions is off unless asked for."""

    def __init__(self, options: CaptureOptions, writer: EnvelopeWriter) -> None:
        self._options = options
        self._writer = writer

    @property
    def topics(self) -> tuple[str, ...]:
        """Where they go; one partition each."""
        topics = (self._options.message_topic, self._options.transaction_topic)
        return topics if self._options.is_telling_transactions else topics[:1]

    def message(self, message: LogicalMessage, place: Place, *, now_us: int) -> Delivery:
        """Op ``m``. Debezium writes no microseconds of its own clock here."""
        value = {
            "op": "m",
            "ts_ms": now_us // 1_000,
            "source": self._writer.source("", "", place),
            "transaction": transaction_of(place),
            "message": {"prefix": message.prefix, "content": b64encode(message.content).decode()},
        }
        return self._delivery(self._options.message_topic, {"prefix": message.prefix}, value, now_us)

    def begin(self, begin: Begin, lsn: int, *, now_us: int) -> tuple[Delivery, ...]:
        """A transaction that has something for us begins; ``lsn`` is where its first record stands."""
        return self._boundary("BEGIN", begin, lsn, None, now_us)

    def end(
        self, begin: Begin, commit: Commit, counts: Mapping[str, int], total: int, now_us: int
    ) -> tuple[Delivery, ...]:
        """It ends with ``total`` events, messages among them, and ``counts`` of them by table."""
        facts = {
            "event_count": total,
            "data_collections": [{"data_collection": name, "event_count": count} for name, count in counts.items()],
        }
        return self._boundary("END", begin, commit.end_lsn, facts, now_us)

    def _boundary(
        self, status: str, begin: Begin, lsn: int, facts: Mapping[str, object] | None, now_us: int
    ) -> tuple[Delivery, ...]:
        if not self._options.is_telling_transactions:
            return ()
        name = f"{begin.xid}:{lsn}"
        counted = facts or {"event_count": None, "data_collections": None}
        value = {"status": status, "id": name, **counted, "ts_ms": begin.commit_us // 1_000}
        return (self._delivery(self._options.transaction_topic, {"id": name}, value, now_us),)

    def _delivery(
        self, topic: str, key: Mapping[str, object], value: Mapping[str, object], now_us: int
    ) -> Delivery:
        return Delivery(topic=topic, key=encode_json(key), value=encode_json(value), timestamp_ms=now_us // 1_000)
