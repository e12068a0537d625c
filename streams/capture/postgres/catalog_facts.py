"""Catalog facts: what the catalog adds to the columns that the log tells of.

The log says a column's type, precision and scale as they were; whether it may be null, its default and an enum's
labels are only in the catalog, as they are now. A column that is gone by now may be null.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..log.pgoutput import ColumnShape, Relation
from ..options import SCHEMA
from ..outgoing.envelope import TableTarget
from .catalog import read_domains
from .facts import TEXTS, ColumnFacts, Describe, facts_of
from .types import FIRST_OWN_OID, with_base_types

COLUMNS = """
SELECT a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
"""
STORED = """
SELECT attname, atttypid, atttypmod FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
TYPES = """
SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull, t.typcategory, t.typelem,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid IN (t.oid, t.typelem) ORDER BY e.enumsortorder)
FROM pg_type t WHERE t.oid >= %s OR t.oid = ANY(%s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    number: int
    type_oid: int
    typmod: int
    is_required: bool
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Type:
    is_domain: bool
    base: int
    typmod: int
    is_required: bool
    category: str
    element: int
    labels: tuple[str, ...]


def describe_columns(cursor: Any, relation: Relation) -> tuple[ColumnFacts, ...]:
    """Facts of every column of ``relation``, which is as the log says it."""
    cursor.execute(COLUMNS, (relation.schema, relation.table))
    known = {
        name: _Column(number=number, type_oid=int(oid), typmod=typmod, is_required=is_required, default=default)
        for name, number, oid, typmod, is_required, default in cursor.fetchall()
    }
    types = _types(cursor, [column.type_oid for column in known.values()])
    is_told = {column.name for column in relation.columns if column.typmod is not None}
    return tuple(
        _fact(fact, known[fact.name], types, is_told=fact.name in is_told) if fact.name in known else fact
        for fact in facts_of(relation)
    )


def _types(cursor: Any, oids: list[int]) -> dict[int, _Type]:
    cursor.execute(TYPES, (FIRST_OWN_OID, oids))
    return {
        int(oid): _Type(
            is_domain=kind == "d", base=int(base), typmod=typmod, is_required=is_required, category=category,
            element=int(element), labels=tuple(labels),
        )
        for oid, kind, base, typmod, is_required, category, element, labels in cursor.fetchall()
    }  # fmt: skip


def _fact(told: ColumnFacts, known: _Column, types: dict[int, _Type], *, is_told: bool) -> ColumnFacts:
    """``is_told``: the log says what size the type has, so the catalog need not."""
    oid, is_required = known.type_oid, known.is_required
    typmod = told.typmod if is_told else known.typmod
    while (kind := types.get(oid)) is not None and kind.is_domain:
        is_required = is_required or kind.is_required
        oid, typmod = kind.base, kind.typmod if typmod < 0 else typmod
    if oid != told.type_oid:  # another type by now
        return replace(told, number=known.number)
    fact = replace(told, number=known.number, typmod=typmod, is_required=is_required, default=known.default)
    if kind is None:
        return fact
    is_array = kind.category == "A"
    return replace(
        fact,
        labels=kind.labels,
        element_oid=(told.element_oid or kind.element) if is_array else None,
        is_text=oid in TEXTS or (kind.category == "S" and oid >= FIRST_OWN_OID),
    )


def relation_now(cursor: Any, target: TableTarget) -> Relation:
    """A table as the catalog has it, in the log's words."""
    cursor.execute(STORED, (f'{SCHEMA}."{target.table}"',))
    known = frozenset(target.primary_key)
    columns = tuple(
        ColumnShape(name=name, type_oid=int(oid), is_key=target.identity == "f" or name in known, typmod=typmod)
        for name, oid, typmod in cursor.fetchall()
    )
    relation = Relation(oid=0, schema=SCHEMA, table=target.table, identity=target.identity, columns=columns)
    return with_base_types(relation, read_domains(cursor))


def describer(session: Any) -> Describe:
    """``session()`` is a context manager that gives a cursor."""

    def describe(relation: Relation) -> tuple[ColumnFacts, ...]:
        with session() as cursor:
            return describe_columns(cursor, relation)

    return describe
