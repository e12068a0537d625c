"""Catalog: the tables to capture as the database knows them, and the publication that lets their changes out.

Whatever must be put right first is said before anything is created, with the statement that does it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

from .envelope import TableTarget
from .options import PGOUTPUT, SCHEMA, CaptureError, CaptureOptions
from .transform import check_fields

logger = logging.getLogger("streams.capture")

PLAIN, PARTITIONED = "r", "p"
OPERATIONS = ("insert", "update", "delete", "truncate")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """What the catalog says of a table."""

    oid: int
    identity: str
    """``d`` default, ``f`` full, ``i`` index, ``n`` nothing; several letters: its partitions do not agree."""
    is_partitioned: bool
    columns: frozenset[str]
    primary_key: tuple[str, ...]


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
        _publish(cursor, options, {table for table in found if found[table].is_partitioned})
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
        primary_key=_primary_key(cursor, oid),
    )


def _columns(cursor: Any, oid: int) -> frozenset[str]:
    """Columns whose values are in the log."""
    cursor.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        (oid,),
    )
    return frozenset(row[0] for row in cursor.fetchall())


def _primary_key(cursor: Any, oid: int) -> tuple[str, ...]:
    cursor.execute(
        "SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place",
        (oid,),
    )
    return tuple(row[0] for row in cursor.fetchall())


def _target(table: str, found: FoundTable, options: CaptureOptions) -> TableTarget:
    key = options.keys.get(table, found.primary_key)
    if missing := [column for column in key if column not in found.columns]:
        raise CaptureError(f"{table} has no column {', '.join(missing)} that is stored; correct --key")
    if why := _why_full_is_needed(table, found, key):
        raise CaptureError(f"{why}; run: ALTER TABLE {quoted(table)} REPLICA IDENTITY FULL;")
    return TableTarget(
        table=table, topic=options.topic_of(table), key=key, primary_key=found.primary_key, identity=found.identity
    )


def _why_full_is_needed(table: str, found: FoundTable, key: tuple[str, ...]) -> str | None:
    if found.identity == "f":
        return None
    if len(found.identity) > 1:
        return f"{table}: its partitions do not have the same REPLICA IDENTITY; give it and each of them the same"
    if found.identity == "i":
        return f"{table}: REPLICA IDENTITY USING INDEX hides the primary key of deleted rows"
    if found.identity == "n" or not found.primary_key:
        return f"{table} has nothing that identifies a row: once published, its UPDATE and DELETE would fail"
    if hidden := sorted(set(key) - set(found.primary_key)):
        return f"{table}: a DELETE does not tell {', '.join(hidden)}"
    return None


def read_domains(cursor: Any) -> dict[int, int]:
    """The type below each domain, which may be a domain itself."""
    cursor.execute("SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'")
    return {int(domain): int(base) for domain, base in cursor.fetchall()}


def _publish(cursor: Any, options: CaptureOptions, partitioned: set[str]) -> None:
    name = options.publication
    cursor.execute(
        "SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication WHERE pubname = %s",
        (name,),
    )
    found = cursor.fetchone()
    if found is None:
        tables = ", ".join(f"{SCHEMA}.{quoted(table)}" for table in options.tables)
        # Rows of partitions belong to the table that was named, whichever partition holds them.
        cursor.execute(f"CREATE PUBLICATION {quoted(name)} FOR TABLE {tables} WITH (publish_via_partition_root = true)")
        logger.info("created publication %s", name)
        return
    *published, via_root = found
    if silent := [operation for operation, is_on in zip(OPERATIONS, published, strict=True) if not is_on]:
        raise CaptureError(
            f"publication {name} leaves out {', '.join(silent)};"
            f" run: ALTER PUBLICATION {quoted(name)} SET (publish = '{', '.join(OPERATIONS)}');"
        )
    if partitioned and not via_root:
        raise CaptureError(
            f"publication {name} tells of partitions, not of {', '.join(sorted(partitioned))};"
            f" run: ALTER PUBLICATION {quoted(name)} SET (publish_via_partition_root = true);"
        )
    _check_published(cursor, options)


def _check_published(cursor: Any, options: CaptureOptions) -> None:
    name = options.publication
    cursor.execute(
        "SELECT tablename FROM pg_publication_tables WHERE pubname = %s AND schemaname = %s", (name, SCHEMA)
    )
    if missing := sorted(set(options.tables) - {row[0] for row in cursor.fetchall()}):
        tables = ", ".join(quoted(table) for table in missing)
        raise CaptureError(
            f"publication {name} lacks {', '.join(missing)}; run: ALTER PUBLICATION {quoted(name)} ADD TABLE {tables};"
            " rows that are there already do not come: for a snapshot of them, name another --publication and --slot"
        )


def quoted(name: str) -> str:
    """A name as SQL writes it; raises ``CaptureError`` for one that is not plain."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name):
        raise CaptureError(f"{name!r} is no plain name; letters, digits and _ make one, without a schema")
    return f'"{name}"'
