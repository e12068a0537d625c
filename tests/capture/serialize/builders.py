"""Tables in a registry's formats: columns by type, a table's way out, and what readers make of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from streams.capture.log.pgoutput import ColumnShape, Relation
from streams.capture.outgoing.envelope import EnvelopeWriter, Image, Place, TableShape, TableTarget
from streams.capture.outgoing.records import Outgoing
from streams.capture.outgoing.rules import Rules
from streams.capture.postgres.facts import ColumnFacts
from streams.capture.postgres.types import element_of
from streams.capture.serialize.registered import MakeCodec, RegisteredCodecs
from streams.capture.serialize.subjects import Subjects
from streams.contracts.registry import MemoryRegistry, SchemaRegistry
from streams.records import Delivery

NOW_US = 1_790_000_000_123_456
MOOD = ("sad", "ok", "happy")
NEXT, NOW = "nextval('t_id_seq'::regclass)", "now()"
PLACE = Place(xid=7, lsn=100, commit_us=NOW_US, last_end_lsn=90, total_order=1, table_order=1, snapshot="false")


def a_fact(name: str, type_oid: int, typmod: int = -1, **others: Any) -> ColumnFacts:
    return ColumnFacts(name=name, type_oid=type_oid, typmod=typmod, element_oid=element_of(type_oid), **others)


def numeric(precision: int, scale: int) -> int:
    return (precision << 16 | scale) + 4


TYPES = tuple(
    a_fact(name, type_oid, typmod, number=number, **others)
    for number, (name, type_oid, typmod, others) in enumerate(
        (
            ("id", 23, -1, {"is_required": True}), ("n_fixed", 1700, numeric(12, 2), {}), ("n_free", 1700, -1, {}),
            ("f4", 700, -1, {}), ("f8", 701, -1, {}), ("b", 16, -1, {}), ("i2", 21, -1, {}), ("d", 1082, -1, {}),
            ("t", 1083, -1, {}), ("ttz", 1266, -1, {}), ("ts", 1114, -1, {}), ("ts3", 1114, 3, {}),
            ("tstz", 1184, -1, {}), ("iv", 1186, -1, {}), ("u", 2950, -1, {}), ("by", 17, -1, {}),
            ("arr", 1009, -1, {}), ("iarr", 1007, -1, {}), ("j", 114, -1, {}), ("jb", 3802, -1, {}),
            ("m", 99_999, -1, {"labels": MOOD}), ("net", 869, -1, {}), ("bits", 1560, 5, {}), ("nul", 25, -1, {}),
        ),
        1,
    )
)  # fmt: skip
ROW_1 = (
    "1", "1234567890.12", "3.14159265358979323846", "1.5", "2.5e+100", "t", "-32768", "2026-03-29", "23:59:59.123456",
    "23:59:59.123456+05:30", "2026-03-29 02:30:00.123456", "2026-03-29 02:30:00.123", "2026-03-29 00:30:00.123456+00",
    "P1Y2M3DT4H5M6.789S", "11111111-2222-3333-4444-555555555555", "\\x00ff10", '{a,NULL,"c d"}', "{1,2,3}",
    '{"z":1, "a":2}', '{"a": 2, "z": 1}', "happy", "10.0.0.1/24", "10110", None,
)  # fmt: skip
ROW_2 = (
    "2", "-0.01", "0", "NaN", "-Infinity", "f", "0", "0001-01-01", "00:00:00", "00:00:00+00", "0001-01-01 00:00:00",
    "1969-12-31 23:59:59.999", "1969-12-31 23:59:59.999999+00", "P-1D", None, "\\x", "{}", None, None, None, "sad",
    None, None, None,
)  # fmt: skip
"""Rows of the fixtures' ``types_demo``, as PostgreSQL sends them."""


def a_shape(columns: tuple[ColumnFacts, ...], identity: str = "d", table: str = "types_demo") -> TableShape:
    return TableShape(
        Relation(
            oid=1, schema="public", table=table, identity=identity,
            columns=tuple(ColumnShape(name=fact.name, type_oid=fact.type_oid, is_key=fact.name == "id",
                                      typmod=fact.typmod) for fact in columns),
        )
    )  # fmt: skip


TARGET = TableTarget(table="types_demo", topic="cdc.types_demo.v1", key=("id",), primary_key=("id",))


class Written:
    """A table's way into a format."""

    def __init__(
        self, make: MakeCodec, columns: tuple[ColumnFacts, ...], identity: str = "d", *,
        registry: SchemaRegistry | None = None, rules: Rules | None = None, subjects: Subjects = Subjects.TOPIC,
    ) -> None:  # fmt: skip
        self.registry = registry or MemoryRegistry()
        self.shape = a_shape(columns, identity)
        self.outgoing = Outgoing(
            EnvelopeWriter("shopavro", "postgres"),
            rules=rules,
            describe=lambda relation: columns,
            codecs=RegisteredCodecs(make, self.registry, "shopavro", subjects),
        )

    def change(self, op: str, before: Image | None, after: Image | None, *, order: int = 1) -> list[Delivery]:
        place = replace(PLACE, total_order=order)
        return list(self.outgoing.records(TARGET, self.shape, (op, before, after), place, now_us=NOW_US))
