"""Markers: what ``source.snapshot`` says of a row.

Of the first snapshot as Debezium 3.7's: ``first`` of all rows, ``first_in_data_collection`` of each further table,
``true`` between, ``last_in_data_collection``, and ``last`` of all; of every later snapshot ``incremental``. A row of
which the log told something newer is not told again, so a marker may be missing: nobody should wait for one. After a
crash they go on, for the position knows how many rows there were.
"""

from __future__ import annotations

from dataclasses import dataclass

INCREMENTAL = "incremental"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPlace:
    """Where in the first snapshot a chunk stands."""

    is_first_table: bool
    is_last_table: bool
    is_first_chunk: bool
    """Of its table; so is the next."""
    is_last_chunk: bool


def markers_of(count: int, place: ChunkPlace | None) -> list[str]:
    """Of each row of a chunk; ``None``: not of the first snapshot."""
    if place is None or not count:
        return [INCREMENTAL] * count
    markers = ["true"] * count
    if place.is_last_chunk:
        markers[-1] = "last" if place.is_last_table else "last_in_data_collection"
    # The only row of a table is its last one rather than its first, unless it is the first of all.
    if place.is_first_chunk and place.is_first_table and markers[0] != "last":
        markers[0] = "first"
    elif place.is_first_chunk and markers[0] == "true":
        markers[0] = "first_in_data_collection"
    return markers
