"""What a reader of the database has told Kafka, as plain JSON: nothing of ours decodes it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from confluent_kafka.admin import AdminClient

from tests.integration.cluster import WholeRecord, read_whole

TRANSACTION = "transaction"
SNAPSHOT = "snapshot"
INCREMENTAL = "incremental_snapshot"
SCHEMA_CHANGES = "schema-changes"
Identity = tuple[object, ...]
"""Which change this is, whoever tells it: its transaction and its place among the changes of its table there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One record, with the tombstone behind it."""

    table: str
    """Or ``message``, ``transaction``."""
    partition: int
    offset: int
    """Its place among the partition's committed records."""
    key: str | None
    value: Mapping[str, Any]
    headers: Mapping[str, str | None]
    tombstone: Mapping[str, str | None] | None = None
    """The headers of a tombstone with the same key that follows at once."""

    @property
    def op(self) -> str:
        """Debezium's letter, or ``BEGIN``, ``END`` of a transaction."""
        return str(self.value["status" if self.table == TRANSACTION else "op"])

    @property
    def xid(self) -> int | None:
        if self.table == TRANSACTION:
            return int(self.value["id"].split(":")[0])
        return self.value["source"]["txId"]

    @property
    def lsn(self) -> int:
        """Where in the log; 0 for rows of an incremental snapshot, which are not in it."""
        lsn = int(self.value["id"].split(":")[1]) if self.table == TRANSACTION else self.value["source"]["lsn"]
        # What they say of a message or an END is where it ends.
        return (lsn or 0) - (self.op in ("m", "END"))

    @property
    def total_order(self) -> int:
        """Its place in its transaction, from 1 on; 0: it has none."""
        place = self.value.get("transaction")
        return 0 if place is None else place["total_order"]

    @property
    def snapshot(self) -> str | None:
        """Which snapshot a row was read for; ``None``: the log told it."""
        if self.op != "r":
            return None
        return INCREMENTAL if self.value["source"]["snapshot"] == "incremental" else SNAPSHOT


def read_all(brokers: str, prefix: str) -> dict[Identity, Event]:
    """Everything below a topic prefix."""
    topics = _topics_of(brokers, prefix)
    topics.pop(SCHEMA_CHANGES, None)  # ours alone, and beside the log
    return by_identity(event for table, topic in topics.items() for event in read_events(brokers, topic, table))


def _topics_of(brokers: str, prefix: str) -> dict[str, str]:
    """Topic by table; ``message`` and ``transaction`` are among them."""
    # x.public.users is Debezium's, x.users.v1 ours.
    found = AdminClient({"bootstrap.servers": brokers}).list_topics(timeout=30).topics
    own = [name for name in found if name.startswith(prefix + ".")]
    return {name.removeprefix(prefix + ".").removeprefix("public.").removesuffix(".v1"): name for name in own}


def read_events(brokers: str, topic: str, table: str) -> list[Event]:
    """Every record of a topic, tombstones with what they follow."""
    events: list[Event] = []
    numbers: Counter[int] = Counter()
    for record in read_whole(brokers, topic):
        numbers[record.partition] += 1
        if record.value is None:
            events[-1] = _with_tombstone(events[-1], record)
        else:
            events.append(_event(table, numbers[record.partition], record, record.value))
    return events


def _event(table: str, offset: int, record: WholeRecord, value: bytes) -> Event:
    return Event(
        table=table,
        partition=record.partition,
        offset=offset,
        key=_text(record.key),
        value=json.loads(value, parse_float=Decimal),
        headers=_headers(record),
    )


def _with_tombstone(event: Event, record: WholeRecord) -> Event:
    follows = event.op == "d" and event.tombstone is None and event.partition == record.partition
    assert follows and event.key == _text(record.key), f"{event.table}: a tombstone that follows no delete of its key"
    return replace(event, tombstone=_headers(record))


def _headers(record: WholeRecord) -> dict[str, str | None]:
    headers = {name: _text(value) for name, value in record.headers}
    assert len(headers) == len(record.headers), "a header came twice"
    return headers


def _text(held: bytes | None) -> str | None:
    return None if held is None else held.decode()


def by_identity(events: Iterable[Event]) -> dict[Identity, Event]:
    """Events by what they tell of. Rows of a snapshot: by key, or by all of the row where there is none."""
    found: dict[Identity, Event] = {}
    numbers: Counter[Identity] = Counter()
    for event in sorted(events, key=lambda event: (event.lsn, event.total_order, event.offset)):
        beginning = _beginning(event)
        numbers[beginning] += 1
        found[(*beginning, numbers[beginning])] = event
    return found


def _beginning(event: Event) -> Identity:
    if event.table == TRANSACTION:
        return (event.xid, event.table, event.op)
    if event.snapshot is not None:
        row = json.dumps(event.value["after"], default=str, sort_keys=True)
        return (event.snapshot, event.table, event.key or row)
    return (event.xid, event.table)


def order_by_key(told: Mapping[Identity, Event]) -> dict[object, list[Identity]]:
    """What was told of each key, in the order of its partition."""
    return _ordered(told, lambda event: event.key and (event.table, event.key), lambda event: event.offset)


def order_by_transaction(told: Mapping[Identity, Event]) -> dict[object, list[Identity]]:
    """What was told of each transaction, in its order."""
    return _ordered(told, lambda event: event.total_order and event.xid, lambda event: event.total_order)


def _ordered(
    told: Mapping[Identity, Event], group: Callable[[Event], object], place: Callable[[Event], int]
) -> dict[object, list[Identity]]:
    found: dict[object, list[Identity]] = defaultdict(list)
    for identity, event in sorted(told.items(), key=lambda pair: place(pair[1])):
        if name := group(event):
            found[name].append(identity)
    return dict(found)
