"""Publication: what lets changes of the captured tables out, for pgoutput.

One that we made is ours, as its comment says: it gets every table that is named later. One made by somebody else is
only looked at, and what it lacks is told with the statement that helps.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from ..options import SCHEMA, CaptureError, CaptureOptions

logger = logging.getLogger("streams.capture")

OPERATIONS = ("insert", "update", "delete", "truncate")
MARK = "made by streams capture"
PARTS_SINCE = 150_000
"""Server version that can publish only some rows or columns of a table."""

_FOUND = """
SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, obj_description(oid, 'pg_publication') = %s
FROM pg_publication WHERE pubname = %s
"""
_PARTS = """
SELECT c.relname, r.prqual IS NOT NULL FROM pg_publication_rel r
JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
WHERE p.pubname = %s AND c.relname = ANY(%s) AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)
"""


def publish(cursor: Any, options: CaptureOptions, partitioned: set[str]) -> None:
    """Make the publication, or see that it lets everything out; raises ``CaptureError`` where it does not."""
    name = options.publication
    cursor.execute(_FOUND, (MARK, name))
    found = cursor.fetchone()
    if found is None:
        # Rows of partitions belong to the table that was named, whichever partition holds them.
        tables = _named(options.published)
        cursor.execute(f"CREATE PUBLICATION {quoted(name)} FOR TABLE {tables} WITH (publish_via_partition_root = true)")
        cursor.execute(f"COMMENT ON PUBLICATION {quoted(name)} IS %s", (MARK,))
        logger.info("created publication %s", name)
        return
    *published, via_root, is_ours = found
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
    _add_missing(cursor, options, is_ours=bool(is_ours))
    _check_whole(cursor, options)


def _add_missing(cursor: Any, options: CaptureOptions, *, is_ours: bool) -> None:
    name = options.publication
    cursor.execute(
        "SELECT tablename FROM pg_publication_tables WHERE pubname = %s AND schemaname = %s", (name, SCHEMA)
    )
    missing = sorted(set(options.published) - {row[0] for row in cursor.fetchall()})
    if not missing:
        return
    statement = f"ALTER PUBLICATION {quoted(name)} ADD TABLE {_named(missing)};"
    if not is_ours:
        raise CaptureError(f"publication {name} lacks {', '.join(missing)}; run: {statement}")
    cursor.execute(statement)
    logger.info("added %s to publication %s", ", ".join(missing), name)


def _check_whole(cursor: Any, options: CaptureOptions) -> None:
    """A snapshot reads whole tables: with parts of them in the log, neither would be true."""
    if cursor.connection.server_version < PARTS_SINCE:
        return
    cursor.execute(_PARTS, (options.publication, list(options.published)))
    for table, is_filtered in cursor.fetchall():
        what, instead = ("rows", "--filter") if is_filtered else ("columns", "--mask")
        statement, held = f"ALTER PUBLICATION {quoted(options.publication)}", _named([table])
        raise CaptureError(
            f"publication {options.publication} leaves out {what} of {table}: use {instead} for that, and run:"
            f" {statement} DROP TABLE {held}; {statement} ADD TABLE {held};"
        )


def _named(tables: Iterable[str]) -> str:
    return ", ".join(f"{SCHEMA}.{quoted(table)}" for table in tables)


def quoted(name: str) -> str:
    """A name as SQL writes it; raises ``CaptureError`` for one that is not plain."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name):
        raise CaptureError(f"{name!r} is no plain name; letters, digits and _ make one, without a schema")
    return f'"{name}"'
