"""Catalog: everything that PostgreSQL knows of a table and that a contract can say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.capture.options import SCHEMA, CaptureError
from streams.capture.outgoing.envelope import TableTarget
from streams.capture.postgres.catalog import quoted
from streams.capture.postgres.catalog_facts import describe_columns, relation_now
from streams.capture.postgres.facts import ColumnFacts

TABLE = "SELECT oid, relkind, obj_description(oid, 'pg_class') FROM pg_class WHERE oid = to_regclass(%s)"
COLUMNS = """
SELECT attname, col_description(attrelid, attnum), attgenerated <> '', attndims FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
"""
PRIMARY_KEY = """
SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place
"""
UNIQUE = """
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.place)
FROM pg_index i WHERE i.indrelid = %s AND i.indisunique AND NOT i.indisprimary AND i.indisvalid
AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY i.indexrelid
"""
FOREIGN_KEYS = """
SELECT r.relname, ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
                        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.place),
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k(attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.place)
FROM pg_constraint c JOIN pg_class r ON r.oid = c.confrelid
WHERE c.conrelid = %s AND c.contype = 'f' AND c.conparentid = 0 ORDER BY c.oid
"""
CHECKS = """
SELECT conname, NULL, pg_get_constraintdef(oid), convalidated FROM pg_constraint
WHERE conrelid = %s AND contype = 'c' ORDER BY conname
"""
DOMAIN_CHECKS = """
WITH RECURSIVE held AS (
  SELECT a.attname, t.oid, t.typbasetype, t.typtype FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT h.attname, t.oid, t.typbasetype, t.typtype FROM held h JOIN pg_type t ON t.oid = h.typbasetype
  WHERE h.typtype = 'd')
SELECT c.conname, h.attname, pg_get_constraintdef(c.oid), c.convalidated
FROM held h JOIN pg_constraint c ON c.contypid = h.oid WHERE c.contype = 'c' ORDER BY h.attname, c.conname
"""
TYPE_NAMES = """
SELECT format_type(oid, CASE WHEN typmod < 0 THEN NULL ELSE typmod END)
FROM unnest(%s::oid[], %s::int[]) WITH ORDINALITY AS held(oid, typmod, place) ORDER BY place
"""
_DEFINITION = re.compile(r"CHECK \((?P<sql>.*)\)(?: NO INHERIT)?(?: NOT ENFORCED)?(?: NOT VALID)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConstraint:
    """A condition that no row makes false."""

    name: str
    sql: str
    column: str | None = None
    """Of a domain: the column that has it, ``VALUE`` in the condition."""
    is_valid: bool = True
    """Old rows were asked, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns that hold a key of another table."""

    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A table."""

    name: str
    comment: str | None
    columns: tuple[ColumnFacts, ...]
    """Those whose values are in the log."""
    type_names: Mapping[str, str]
    comments: Mapping[str, str]
    generated: tuple[str, ...] = ()
    """Columns that PostgreSQL computes; no capture tells them."""
    dimensions: Mapping[str, int] = field(default_factory=dict)
    """Of arrays, as declared; PostgreSQL keeps any number of them."""
    key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[CheckConstraint, ...] = ()


def read_table(cursor: Any, table: str) -> TableFacts:
    """What the catalog says of ``table``, of schema public; raises ``CaptureError``."""
    oid, comment = _find(cursor, table)
    target = TableTarget(table=table, topic="", key=())
    facts = describe_columns(cursor, relation_now(cursor, target))
    said = _rows(cursor, COLUMNS, oid)
    names = _rows(cursor, TYPE_NAMES, [fact.type_oid for fact in facts], [fact.typmod for fact in facts])
    checks = (*_rows(cursor, CHECKS, oid), *_rows(cursor, DOMAIN_CHECKS, oid))
    return TableFacts(
        name=table,
        comment=comment,
        columns=facts,
        type_names={fact.name: name for fact, (name,) in zip(facts, names, strict=True)},
        comments={name: text for name, text, _, _ in said if text},
        generated=tuple(name for name, _, is_generated, _ in said if is_generated),
        dimensions={name: dimensions for name, _, _, dimensions in said if dimensions > 1},
        key=tuple(name for (name,) in _rows(cursor, PRIMARY_KEY, oid)),
        unique=tuple(tuple(names) for (names,) in _rows(cursor, UNIQUE, oid)),
        foreign_keys=tuple(
            ForeignKey(columns=tuple(columns), table=other, keys=tuple(keys))
            for other, columns, keys in _rows(cursor, FOREIGN_KEYS, oid)
        ),
        checks=tuple(_check(*row) for row in checks),
    )


def _find(cursor: Any, table: str) -> tuple[int, str | None]:
    found = _rows(cursor, TABLE, f"{SCHEMA}.{quoted(table)}")
    if not found:
        raise CaptureError(f"there is no table {SCHEMA}.{table}")
    oid, kind, comment = found[0]
    if kind not in ("r", "p"):
        raise CaptureError(f"{SCHEMA}.{table} is no table; only tables have changes to capture")
    return int(oid), comment


def _rows(cursor: Any, query: str, *given: object) -> list[tuple[Any, ...]]:
    cursor.execute(query, given)
    return list(cursor.fetchall())


def _check(name: str, column: str | None, definition: str, is_valid: bool) -> CheckConstraint:
    found = _DEFINITION.fullmatch(definition)
    sql = definition if found is None else found["sql"]
    return CheckConstraint(name=name, sql=sql, column=column, is_valid=is_valid and found is not None)
