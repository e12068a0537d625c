"""Envelope: a change in Debezium's shape, JSON without schema.

Fields as Debezium 3.7's PostgreSQL connector writes them with ``provide.transaction.metadata``; decimals are text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ..log.pgoutput import Relation, Values
from ..postgres.types import Convert, converter_of

UNAVAILABLE = "__debezium_unavailable_value"
VERSION = "contract-streams-0.1"

encode_json = msgspec.json.Encoder(decimal_format="number").encode

Image = dict[str, object]
Envelope = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTarget:
    """Where the changes of a table go."""

    table: str
    topic: str
    key: tuple[str, ...]
    """Columns of the record's key; empty: the table has none, records have no key."""
    primary_key: tuple[str, ...] = ()
    identity: str = "d"
    """REPLICA IDENTITY: ``d`` default, ``f`` full."""
    is_key_masked: bool = False
    """A mask covers the primary key."""

    @property
    def resume_key(self) -> tuple[str, ...]:
        """Columns by which a snapshot goes on, since their values stand in the topic of positions.

        Empty: it cannot, the table is read in one transaction. So it is where they are masked.
        """
        return () if self.is_key_masked else self.primary_key


class TableShape:
    """One version of a table's columns, with the converters of their types."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.columns: list[tuple[str, Convert | None]] = [
            (column.name, converter_of(column.type_oid)) for column in relation.columns
        ]
        self._keys = frozenset(column.name for column in relation.columns if column.is_key)

    def image(self, values: Values, unchanged: Mapping[str, object]) -> Image:
        """A row; what was not sent comes from ``unchanged`` or is said to be unavailable."""
        row: Image = {}
        for (name, convert), value in zip(self.columns, values, strict=True):
            if isinstance(value, str):
                row[name] = value if convert is None else convert(value)
            else:
                row[name] = None if value is None else unchanged.get(name, UNAVAILABLE)
        return row

    def identity(self, values: Values) -> Image:
        """An old row of which only the replica identity is true: the other columns are null."""
        return {name: value if name in self._keys else None for name, value in self.image(values, {}).items()}


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where in the log a change stands."""

    xid: int | None
    lsn: int
    commit_us: int
    """Commit time, microseconds since 1970."""
    last_end_lsn: int | None
    """End of the previous commit; first part of ``source.sequence``."""
    total_order: int | None
    table_order: int | None
    snapshot: str = "false"


class EnvelopeWriter:
    """Makes envelopes of changes; ``name`` is ``source.name``, ``database`` is ``source.db``."""

    def __init__(self, name: str, database: str) -> None:
        self.name = name
        self._database = database

    def envelope(
        self, table: str, schema: str, change: tuple[str, Image | None, Image | None], place: Place, *, now_us: int
    ) -> Envelope:
        """One envelope; ``change`` is (op, before, after)."""
        op, before, after = change
        return {
            "before": before,
            "after": after,
            "source": self.source(table, schema, place),
            "transaction": transaction_of(place),
            "op": op,
            "ts_ms": now_us // 1_000,
            "ts_us": now_us,
            "ts_ns": now_us * 1_000,
        }

    def frame(self, table: str, schema: str) -> bytes:
        """What all envelopes of a table have in common, for ``encode_change``: encoding it each time costs more."""
        names = (VERSION, self.name, self._database, schema, table)
        return _FRAME % tuple(encode_json(name).replace(b"%", b"%%") for name in names)

    def source(self, table: str, schema: str, place: Place) -> dict[str, Any]:
        """Debezium's ``source``."""
        last = None if place.last_end_lsn is None else str(place.last_end_lsn)
        return {
            "version": VERSION,
            "connector": "postgresql",
            "name": self.name,
            "ts_ms": place.commit_us // 1_000,
            "snapshot": place.snapshot,
            "db": self._database,
            "sequence": msgspec.json.encode([last, str(place.lsn)]).decode(),
            "ts_us": place.commit_us,
            "ts_ns": place.commit_us * 1_000,
            "schema": schema,
            "table": table,
            "txId": place.xid,
            "lsn": None if place.snapshot == "incremental" else place.lsn,
            "xmin": None,
            "origin": None,
            "origin_lsn": None,
        }


_FRAME = (
    b'{"before":%%b,"after":%%b,"source":{"version":%b,"connector":"postgresql","name":%b,"ts_ms":%%d,"snapshot":"%%b",'
    b'"db":%b,"sequence":"[%%b,\\"%%d\\"]","ts_us":%%d,"ts_ns":%%d000,"schema":%b,"table":%b,"txId":%%b,"lsn":%%b,'
    b'"xmin":null,"origin":null,"origin_lsn":null},"transaction":%%b,"op":"%%b","ts_ms":%%d,"ts_us":%%d,"ts_ns":%%d000}'
)
_TRANSACTION = b'{"id":"%d:%d","total_order":%d,"data_collection_order":%d}'


def encode_change(
    frame: bytes, change: tuple[str, Image | None, Image | None], place: Place, *, now_us: int
) -> bytes:
    """``encode_json`` of the envelope, byte for byte."""
    op, before, after = change
    xid, lsn, commit_us, last = place.xid, place.lsn, place.commit_us, place.last_end_lsn
    return frame % (
        b"null" if before is None else encode_json(before),
        b"null" if after is None else encode_json(after),
        commit_us // 1_000,
        place.snapshot.encode(),
        b"null" if last is None else b'\\"%d\\"' % last,
        lsn,
        commit_us,
        commit_us,
        b"null" if xid is None else b"%d" % xid,
        b"null" if place.snapshot == "incremental" else b"%d" % lsn,
        b"null" if place.total_order is None else _TRANSACTION % (xid, lsn, place.total_order, place.table_order),
        op.encode(),
        now_us // 1_000,
        now_us,
        now_us,
    )


def transaction_of(place: Place) -> dict[str, object] | None:
    """Debezium's ``transaction``; ``None`` outside of one."""
    if place.total_order is None:
        return None
    return {
        "id": f"{place.xid}:{place.lsn}",
        "total_order": place.total_order,
        "data_collection_order": place.table_order,
    }


def key_of(target: TableTarget, row: Mapping[str, object]) -> bytes | None:
    """The record's key: a JSON object of the key columns."""
    if not target.key:
        return None
    return encode_json({column: _plain(row.get(column)) for column in target.key})


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value
