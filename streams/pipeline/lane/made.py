"""Made: the columns of events in hand that are joined and derived.

In:   a run whose duplicates are known.
Out:  the run, with these columns as JSON beside those that it has read.
Next: streams.pipeline.lane.walk (aggregate)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from ..route import encode_json
from ..tables import PipelineTables
from .plan import Derived, Joined, Lane, Made

if TYPE_CHECKING:
    from streams.native.lane import Run

NULL = b"null"
_decode_rows = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal).decode


class _Bare:
    """An event to whoever asks for nothing but its row."""

    __slots__ = ("row",)

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row


def make_columns(run: Run, lane: Lane, tables: PipelineTables) -> bool:
    """Whether all values are plain."""
    joined = all(_join(run, join, tables) for join in lane.joins)
    return joined and (lane.derived is None or _derive(run, lane.derived))


def _join(run: Run, join: Joined, tables: PipelineTables) -> bool:
    keys = run.keys(join.by)
    known: Mapping[bytes | None, Any] = tables.partners[join.table].get_many([key for key in keys if key is not None])
    partners = [known.get(key) for key in keys]
    return all(
        _put(run, made, [NULL if held is None else encode_json(held.row.get(name)) for held in partners])
        for name, made in join.columns
    )


def _derive(run: Run, derived: Derived) -> bool:
    events: list[Any] = [_Bare(row) for row in _decode_rows(run.rows(derived.reads))]
    for event in events:
        for name, _, evaluate in derived.columns:
            event.row[name] = evaluate(event)
    return all(_put(run, made, [encode_json(event.row[name]) for event in events]) for name, made, _ in derived.columns)


def _put(run: Run, made: Made, values: list[bytes]) -> bool:
    return run.put(made.place, tuple(values), made.is_whole)
