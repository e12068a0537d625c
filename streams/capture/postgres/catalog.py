"""Catalog: the tables to capture as the database knows them.

Whatever must be put right first is said before anything is created, with the statement that does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..options import PGOUTPUT, SCHEMA, CaptureError, CaptureOptions
from ..outgoing.envelope import TableTarget
from ..outgoing.transform import check_fields
from .publication import publish
from .publication import quoted as quoted

PLAIN, PARTITIONED = "r", "p"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """What the catalog says of a table."""

    oid: int
    identity: str
    """``d`` default, ``f`` full, ``i`` index, ``n`` nothing; several letters: its partitions do not agree."""
    is_partitioned: bool
    columns: frozenset[str]
    primary_key: tuple[str, ...]
    index: tuple[str, ...] = ()
    """Columns of REPLICA IDENTITY USING INDEX."""

    @property
    def told(self) -> tuple[str, ...]:
        """Columns that say which row an UPDATE or DELETE is about, unless the whole row is told."""
        if self.identity == "n":
            return ()
        return self.index if self.identity == "i" else self.primary_key


def prepare_tables(cursor: Any, options: CaptureOptions) -> dict[str, TableTarget]:
    """Targets by table; creates the publication where the plugin needs one.

    Raises ``CaptureError`` for what must be put right first.
    """
    cursor.execute("SHOW wal_level")
    if cursor.fetchone()[0] != "logical":
        raise CaptureError(
            "wal_level is not logical; run: ALTER SYSTEM SET wal_level = 'logical'; and restart PostgreSQL"
        )
    found = {table: _find(cursor, table) for table in options.tables}
    check_fields(options.rules, {table: found[table].columns for table in found})
    targets = {table: _target(table, found[table], options) for table in found}
    if options.plugin == PGOUTPUT:
        publish(cursor, options, {table for table in found if found[table].is_partitioned})
    return targets


def _find(cursor: Any, table: str) -> FoundTable:
    cursor.execute(
        "SELECT oid, relkind FROM pg_class WHERE oid = to_regclass(%s)", (f"{SCHEMA}.{quoted(table)}",)
    )
    found = cursor.fetchone()
    if found is None:
        raise CaptureError(f"there is no table {SCHEMA}.{table}; create it, or correct --tables")
    oid, kind = found
    if kind not in (PLAIN, PARTITIONED):
        raise CaptureError(f"{SCHEMA}.{table} is no table; only tables have changes to capture")
    cursor.execute(
        "SELECT string_agg(DISTINCT c.relreplident::text, '') FROM pg_class c"
        " WHERE c.oid = %s OR c.oid IN (SELECT relid FROM pg_partition_tree(%s))",
        (oid, oid),
    )
    (identity,) = cursor.fetchone()
    return FoundTable(
        oid=oid,
        identity=identity,
        is_partitioned=kind == PARTITIONED,
        columns=_columns(cursor, oid),
        primary_key=_indexed(cursor, oid, "indisprimary"),
        index=_indexed(cursor, oid, "indisreplident"),
    )


def _columns(cursor: Any, oid: int) -> frozenset[str]:
    """Columns whose values are in the log."""
    cursor.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        (oid,),
    )
    return frozenset(row[0] for row in cursor.fetchall())


def _indexed(cursor: Any, oid: int, which: str) -> tuple[str, ...]:
    """Columns of the index that is ``which``, in its order."""
    cursor.execute(
        "SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        f" WHERE i.indrelid = %s AND i.{which} ORDER BY k.place",
        (oid,),
    )
    return tuple(row[0] for row in cursor.fetchall())


def _target(table: str, found: FoundTable, options: CaptureOptions) -> TableTarget:
    key = options.keys.get(table, found.primary_key)
    if missing := [column for column in key if column not in found.columns]:
        raise CaptureError(f"{table} has no column {', '.join(missing)} that is stored; correct --key")
    if why := _why_not(table, found, key):
        raise CaptureError(why)
    # What tells rows apart in the log: with another index as identity, a DELETE says nothing of the primary key.
    primary_key = found.index if found.identity == "i" else found.primary_key
    return TableTarget(
        table=table,
        topic=options.topic_of(table),
        key=key,
        primary_key=primary_key,
        identity=found.identity,
        is_key_masked=not options.rules.masked(table).isdisjoint(primary_key),
    )


def _why_not(table: str, found: FoundTable, key: tuple[str, ...]) -> str | None:
    """Why changes of a table could not be told, and the statement that helps; ``None``: they can."""
    full = f"run: ALTER TABLE {quoted(table)} REPLICA IDENTITY FULL;"
    if len(found.identity) > 1:
        why = f"{table}: its partitions do not have the same REPLICA IDENTITY; give it and each of them the same"
        return f"{why}; {full}"
    if found.identity == "f":
        return None
    if not found.told:
        return f"{table} has nothing that identifies a row: once published, its UPDATE and DELETE would fail; {full}"
    hidden = sorted(set(key) - set(found.told))
    if hidden and found.identity == "i":
        columns = ",".join(found.index)
        why = f"{table}: REPLICA IDENTITY USING INDEX tells deleted rows by {columns} alone"
        return f"{why}; name --key {table}={columns}, or {full}"
    return f"{table}: a DELETE does not tell {', '.join(hidden)}; {full}" if hidden else None


def read_domains(cursor: Any) -> dict[int, int]:
    """The type below each domain, which may be a domain itself."""
    cursor.execute("SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'")
    return {int(domain): int(base) for domain, base in cursor.fetchall()}
