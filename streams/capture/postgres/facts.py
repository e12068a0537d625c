"""Facts: what a column's type says of its values, as far as the log and the catalog tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streams.contracts.model import Column, ColumnType

from ..log.pgoutput import Relation
from .types import element_of

BOOL, BYTEA, NAME, INT8, INT2, INT4, TEXT_OID, OID, JSON = 16, 17, 19, 20, 21, 23, 25, 26, 114
XML, FLOAT4, FLOAT8, BPCHAR, VARCHAR, DATE, TIME = 142, 700, 701, 1042, 1043, 1082, 1083
TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ, BIT, VARBIT, NUMERIC = 1114, 1184, 1186, 1266, 1560, 1562, 1700
UUID, JSONB = 2950, 3802
GONE_NUMBER = 100_000
"""From here on columns are counted that the catalog does not have any more."""
TEXTS = frozenset({TEXT_OID, VARCHAR, BPCHAR, NAME})

_TYPES = {
    BOOL: ColumnType.BOOLEAN, INT8: ColumnType.INTEGER, INT2: ColumnType.INTEGER, INT4: ColumnType.INTEGER,
    OID: ColumnType.INTEGER, FLOAT4: ColumnType.DOUBLE, FLOAT8: ColumnType.DOUBLE, NUMERIC: ColumnType.DECIMAL,
    TIMESTAMP: ColumnType.TIMESTAMP, TIMESTAMPTZ: ColumnType.TIMESTAMP, DATE: ColumnType.DATE, TIME: ColumnType.TIME,
    UUID: ColumnType.UUID, BYTEA: ColumnType.BYTES,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """One column of one version of a table."""

    name: str
    type_oid: int
    """Of a domain, the type below it."""
    typmod: int = -1
    """As ``pg_attribute.atttypmod``: precision, scale or length of the type; -1: none."""
    is_required: bool = False
    """NOT NULL."""
    default: str | None = None
    """The default's SQL."""
    labels: tuple[str, ...] = ()
    """Of an enum, or of the enum in an array, in their order."""
    element_oid: int | None = None
    """Of an array: its elements' type."""
    is_text: bool = False
    """Any text fits it."""
    number: int = 0
    """The column's own in its table, never given to another one."""

    @property
    def column(self) -> Column:
        """As expressions see it."""
        kind = ColumnType.ARRAY if self.element_oid is not None else _TYPES.get(self.type_oid, ColumnType.TEXT)
        return Column(name=self.name, type=kind, nullable=not self.is_required)

    @property
    def sizes(self) -> tuple[int, int] | None:
        """(precision, scale) of a ``numeric`` that has them."""
        if self.typmod < 4:
            return None
        scale = (self.typmod - 4) & 0x7FF
        return (self.typmod - 4) >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale


Describe = Callable[[Relation], tuple[ColumnFacts, ...]]
"""Facts of each column of a table, in its order."""


def facts_of(relation: Relation) -> tuple[ColumnFacts, ...]:
    """What the log alone says: any column may be null, and none has a number that lasts."""
    return tuple(
        ColumnFacts(
            name=column.name,
            type_oid=column.type_oid,
            typmod=-1 if column.typmod is None else column.typmod,
            element_oid=element_of(column.type_oid),
            is_text=column.type_oid in TEXTS,
            number=GONE_NUMBER + place,
        )
        for place, column in enumerate(relation.columns)
    )
