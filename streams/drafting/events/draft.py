"""Draft: events of a topic as a dataset.

In:   records, and how they are read (``reading``).
Out:  a draft that admits every row that was seen.
Next: streams.drafting.write
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from streams.records import ChangeEvent, Operation, SourceRecord

from ..classes import guess_class
from ..model import FIRST_VERSION, ColumnDraft, Draft, or_null
from .keys import KeySeen
from .reading import Read
from .seen import MOST_NAMES, Seen
from .shapes import ENOUGH, decimal_scale, format_of, is_nullable, shape_of

_NO_ROWS = frozenset({Operation.DELETE, Operation.TRUNCATE, Operation.MESSAGE})
_NEW = frozenset({Operation.INSERT, Operation.READ})
_LOGICAL = {"boolean": "boolean", "integer": "integer", "number": "number", "string": "string", "array": "array",
            "object": "object"}  # fmt: skip
_BY_FORMAT = {"date-time": "timestamp", "date": "date"}


class TooWideError(ValueError):
    """Rows have more columns than a table has."""


@dataclass(slots=True, kw_only=True)
class Observed:
    """What has been seen so far."""

    rows: int = 0
    unreadable: int = 0
    columns: dict[str, Seen] = field(default_factory=dict)
    unsent: dict[str, int] = field(default_factory=dict)
    """By column, rows whose source did not send it."""
    keys: KeySeen = field(default_factory=KeySeen)

    def add(self, records: Iterable[SourceRecord], read: Read) -> None:
        """The rows of ``records``; those that cannot be read are counted."""
        for record in records:
            events = read(record)
            if events is None:
                self.unreadable += 1
                continue
            for event in events:
                if event.operation not in _NO_ROWS:
                    self._add(event)

    def _add(self, event: ChangeEvent) -> None:
        self.rows += 1
        for name in event.unsent:
            self.unsent[name] = self.unsent.get(name, 0) + 1
        for name, value in event.row.items():
            if name not in event.unsent:
                self.columns.setdefault(name, Seen()).add(value)
        if len(self.columns) > MOST_NAMES * 10:
            raise TooWideError(f"more than {MOST_NAMES * 10} columns: these are no rows of one dataset")
        self.keys.add(event.record.key, event.row, is_new=event.operation in _NEW)


def draft_events(
    seen: Observed, *, vendor: str, name: str, topic: str, form: str, version: str = FIRST_VERSION
) -> Draft:  # fmt: skip
    """The draft of what was seen in ``topic``."""
    keys = seen.keys.found(seen.columns)
    columns = tuple(
        _column(column, held, seen, is_key=column in keys.identity) for column, held in seen.columns.items()
    )
    return Draft(
        vendor=vendor,
        name=name,
        title=name,
        description=f"An event of the topic {topic}.",
        columns=columns,
        topic=topic,
        format=form,
        version=version,
        key=keys.identity,
        source_key=keys.partitioned_by,
        notes=tuple(_notes(seen, columns, keys.identity)),
    )


def _column(name: str, held: Seen, seen: Observed, *, is_key: bool) -> ColumnDraft:
    guessed = guess_class(name)
    shape = shape_of(held, is_private=guessed is not None)
    is_always = held.values + seen.unsent.get(name, 0) >= seen.rows >= ENOUGH and not is_nullable(held)
    is_required = is_key or is_always
    kinds = [kind for kind in held.kinds if not (kind == "integer" and "number" in held.kinds)]
    scale = decimal_scale(held) if format_of(held) is None else None
    logical = _LOGICAL[kinds[0]] if len(kinds) == 1 else None
    return ColumnDraft(
        name=name,
        shape=shape if is_required else or_null(shape),
        logical="number" if scale is not None else _BY_FORMAT.get(format_of(held) or "", logical),
        physical="numeric" if scale is not None else None,
        scale=scale,
        is_required=is_required,
        classification=guessed,
    )


def _notes(seen: Observed, columns: tuple[ColumnDraft, ...], key: tuple[str, ...]) -> Iterator[str]:
    if seen.rows < ENOUGH:
        yield f"only {seen.rows} rows were seen: all columns but the key may be null or missing"
    if seen.unreadable:
        yield f"{seen.unreadable} records could not be read, and would be dead letters"
    if guessed := [column.name for column in columns if column.classification]:
        yield f"privacy classes are guessed from names, and masked in the pipeline: {', '.join(guessed)}"
    if not key:
        yield "records have no keys that are columns: rows are events, and the pipeline keeps no table of them"
