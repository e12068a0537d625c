"""Describe: what the catalog says of a table and wal2json does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..options import SCHEMA
from ..postgres.catalog import quoted
from .wal2json_tables import DescribedTable

_TABLE = """
SELECT c.oid, coalesce(r.relname, c.relname), c.relreplident::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class r ON r.oid = pg_partition_root(c.oid)
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')
"""
_COLUMNS = """
SELECT a.attname, a.atttypid::bigint, a.atttypmod, a.attlen = -1, a.attgenerated <> '',
  c.relreplident = 'f' OR EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY(i.indkey)
    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.oid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


def describe_table(cursor: Any, schema: str, table: str) -> DescribedTable | None:
    """As it is now; ``None``: there is no such table."""
    cursor.execute(_TABLE, (schema, table))
    found = cursor.fetchone()
    if found is None:
        return None
    oid, root, identity = found
    cursor.execute(_COLUMNS, (oid,))
    rows = cursor.fetchall()
    return DescribedTable(
        root=root,
        identity=identity,
        columns=tuple((name, (oid, typmod)) for name, oid, typmod, _, is_generated, _ in rows if not is_generated),
        keys=frozenset(name for name, *_, is_generated, is_key in rows if is_key and not is_generated),
        generated=frozenset(name for name, *_, is_generated, _ in rows if is_generated),
        wide=frozenset(name for name, _, _, is_wide, *_ in rows if is_wide),
    )


def is_any_partitioned(cursor: Any, tables: Iterable[str]) -> bool:
    """Whether one of the tables has partitions, or may get some."""
    names = [f"{SCHEMA}.{quoted(table)}" for table in tables]
    cursor.execute("SELECT bool_or(relkind = 'p') FROM pg_class WHERE oid = ANY(%s::regclass[])", (names,))
    return bool(cursor.fetchone()[0])
