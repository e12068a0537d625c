"""Told: what the extension must know of columns, groups and windows; who cannot be told so is not plain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from streams.contracts.model import Column, ColumnType

from ..expressions.scope import ENVELOPE
from ..plan import Aggregation, Plan
from ..route import encode_json
from ..windows.kinds import Hopping, Windows

ANY, INTEGER, NUMBER = "a", "i", "n"
"""Letters by which the extension knows what a column holds: any plain value, integers, numbers."""
_CALL = re.compile(r"(COUNT|SUM|AVG)\((\*|[a-z_][a-z0-9_]*)\)")
_SLOTS = {"COUNT": "n", "SUM": "s", "AVG": "sn"}
_NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL)
_COUNTED = (*_NUMBERS, ColumnType.TEXT, ColumnType.BOOLEAN)
_RESPELT = (ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.UNKNOWN)


class NotPlain(Exception):
    """The pipeline has no lane."""


def require(is_so: bool) -> None:
    """Else it is not plain."""
    if not is_so:
        raise NotPlain


def require_only(plan: Plan, names: Iterable[str]) -> None:
    """The plan has nothing but these parts."""
    require(all(_is_absent(held, plan) for held in fields(plan) if held.name not in names))


def _is_absent(held: Field[Any], plan: Plan) -> bool:
    default = held.default if held.default_factory is MISSING else held.default_factory()
    return bool(getattr(plan, held.name) == default)


def lead(name: str) -> bytes:
    """What stands before the value of a column."""
    return encode_json(name) + b":"


def kind_of(column: Column) -> str:
    """The letter of a column whose values nobody checks."""
    return INTEGER if column.type is ColumnType.INTEGER else ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a run, those that records have first."""

    held: Mapping[str, Column]
    kinds: Mapping[str, str]
    """By name the letter of each."""

    @property
    def places(self) -> Mapping[str, int]:
        """By name where each stands."""
        return {name: place for place, name in enumerate(self.held)}

    def is_respelt(self, name: str) -> bool:
        """Whether a group's key may spell a value otherwise than the record: decimals have several spellings."""
        kind, column = self.kinds[name], self.held[name]
        if kind in (INTEGER, ANY):
            return kind == ANY and column.type in _RESPELT
        return kind == NUMBER or column.type is ColumnType.DECIMAL


def table_of(held: Aggregation, columns: Columns) -> tuple[Any, ...]:
    """As ``fill_table`` takes it."""
    require(not (held.is_of_rows or held.is_combined or held.multisets or held.late_to))
    slots = tuple(slot for column in held.columns for slot in _slots(column.meaning, columns))
    return places_of_group(held.by, columns), *size_and_open(held.windows), slots


def places_of_group(by: Iterable[str], columns: Columns) -> tuple[int, ...]:
    """Where the columns stand whose values are a group's key, as they are."""
    require(not any(columns.is_respelt(name) for name in by))
    return tuple(columns.places[name] for name in by)


def size_and_open(windows: Windows | None) -> tuple[int, int]:
    """How long windows are and how long they stay open, in ms from their start; 0: there are none."""
    require(windows is None or (isinstance(windows, Hopping) and windows.is_tumbling))
    return (0, 0) if windows is None else (windows.length_ms, windows.open_ms)


def _slots(meaning: str, columns: Columns) -> Iterable[tuple[str, int]]:
    """What the slots of an aggregate count or add up: the words in which SQL says it leave nothing open."""
    call = _CALL.fullmatch(meaning)
    if call is None or call[2] in ENVELOPE:
        raise NotPlain
    if call[2] == "*":
        return (("c", -1),)
    column, is_counted = columns.held[call[2]], call[1] == "COUNT"
    require(column.type in (_COUNTED if is_counted else _NUMBERS))
    require(is_counted or "string" not in column.json_types)
    return tuple((kind, columns.places[call[2]]) for kind in _SLOTS[call[1]])
