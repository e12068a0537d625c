"""Widths: how many bytes an entry of a table takes, guessed from what the contract says of its columns.

A guess for choosing machines and retention, within a factor of two where texts are short. Stores compress,
changelogs hold several versions of an entry until they are compacted; neither is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.contracts.model import Column, ColumnType

UNKNOWN_TEXT = 24
"""Bytes of a text whose length nobody bounds."""
LONGEST_GUESS = 64
_BYTES = {
    ColumnType.BOOLEAN: 5,
    ColumnType.INTEGER: 8,
    ColumnType.DECIMAL: 10,
    ColumnType.DOUBLE: 12,
    ColumnType.TIMESTAMP: 29,
    ColumnType.DATE: 12,
    ColumnType.TIME: 17,
    ColumnType.UUID: 38,
    ColumnType.BYTES: 64,
    ColumnType.ARRAY: 64,
    ColumnType.UNKNOWN: UNKNOWN_TEXT,
}
ROW_BYTES = 60
"""What a stored row has beside its columns: version, order, brackets."""
SEEN_BYTES = 60
"""An identity that is remembered for deduplication, in its pack and in the store."""


def row_width(columns: Mapping[str, Column], schema: Mapping[str, object]) -> int:
    """Bytes of a row as JSON; ``schema`` may bound the length of its texts."""
    bounds = schema.get("properties")
    shapes = bounds if isinstance(bounds, dict) else {}
    return 2 + sum(len(name) + 4 + column_width(column, shapes.get(name)) for name, column in columns.items())


def column_width(column: Column, shape: object = None) -> int:
    """Bytes of a value as JSON."""
    if column.type is ColumnType.OBJECT:
        return 2 + sum(len(name) + 4 + column_width(held) for name, held in column.fields.items())
    if column.type is ColumnType.TEXT:
        longest = shape.get("maxLength") if isinstance(shape, dict) else None
        return 2 + (min(longest, LONGEST_GUESS) if isinstance(longest, int) else UNKNOWN_TEXT)
    return _BYTES[column.type]


def key_width(names: Iterable[str], columns: Mapping[str, Column]) -> int:
    """Bytes of a canonical key."""
    return 2 + sum(1 + (column_width(columns[name]) if name in columns else UNKNOWN_TEXT) for name in names)
