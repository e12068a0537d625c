"""Moments: times of rows that could have happened, spelled as their columns have them.

What is created comes before what is updated, and nothing comes after the moment at which the rows are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from streams.contracts.model import Column, ColumnType

KINDS = frozenset({ColumnType.TIMESTAMP, ColumnType.DATE, ColumnType.TIME})
SPAN_MS = 30 * 86_400_000
"""Rows are of the last month."""
_DENSE = 500
"""Rows that come until half of that time has passed."""
_FIRST = re.compile(r"creat|insert|order|open|start|begin|regist|signed|sent|placed|occur|event|from|since")
_LAST = re.compile(r"updat|modif|chang|clos|end|finish|deliver|cancel|delet|expire|until|to$|last|complet")
_BIRTH = re.compile(r"birth|born|dob")
_UNITS = {"s": 1_000, "ms": 1}
_FINER = {"us": 1_000, "ns": 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000


def moments_of(columns: Iterable[Column], number: int, random: Random, *, at_ms: int) -> Mapping[str, int]:
    """By column a time in ms since the epoch; row ``number`` comes after those before it, however many will be."""
    time_ms = at_ms - SPAN_MS * _DENSE // (_DENSE + number)
    made: dict[str, int] = {}
    for column in sorted(columns, key=lambda column: _rank(column.name)):
        if _BIRTH.search(column.name.lower()):
            made[column.name] = at_ms - random.randrange(18 * 365, 80 * 365) * _DAY_MS
            continue
        made[column.name] = time_ms
        time_ms += random.randrange(max(min(at_ms - time_ms, 2 * _DAY_MS), 1))
    return made


def _rank(name: str) -> int:
    lowered = name.lower()
    return 0 if _FIRST.search(lowered) else 2 if _LAST.search(lowered) else 1


def spelled(time_ms: int, column: Column) -> object:
    """``time_ms`` as ``column`` has it: text by RFC 3339, else a number in the column's unit."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    is_text = "string" in column.json_types or not column.json_types
    match column.type:
        case ColumnType.DATE:
            return moment.date().isoformat() if is_text else time_ms // _DAY_MS
        case ColumnType.TIME:
            since_ms = time_ms % _DAY_MS
            suffix = "Z" if column.format == "time" else ""
            return moment.time().isoformat("seconds") + suffix if is_text else _in_unit(since_ms, column.unit)
        case _:
            text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            return text if is_text else _in_unit(time_ms, column.unit)


def _in_unit(time_ms: int, unit: str | None) -> int:
    if unit in _FINER:
        return time_ms * _FINER[unit]
    return time_ms // _UNITS.get(unit or "ms", 1)


def read(day: str) -> int:
    """A bound of a rule, such as ``2020-01-01``, in ms since the epoch."""
    moment = datetime.fromisoformat(day)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)
