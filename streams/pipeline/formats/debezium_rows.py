"""Rows as Debezium writes them: the contract's form of every value, columns that were not sent.

Sources: Debezium 3.7 connector for PostgreSQL (``unavailable.value.placeholder``, its forms by type) and real captures.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streams.contracts.model import Column, ColumnType
from streams.records import Row

from .bare import bare_view, respells
from .views import UNFIT, view_of
from .wires import PLAIN, Convert, Kind, Wire, plain_json

UNAVAILABLE = "__debezium_unavailable_value"
"""Stands for a column that did not change and was not sent."""
ALL_SENT: frozenset[str] = frozenset()

MARK = UNAVAILABLE.encode()
_TEXTS = frozenset({UNAVAILABLE, b64encode(MARK).decode(), MARK.hex()})
"""Of text, and of bytes in base64 and hex."""
_ARRAYS: tuple[list[object], ...] = ([UNAVAILABLE], list(MARK))
_MAP = {UNAVAILABLE: UNAVAILABLE}


def in_order(
    held: dict[str, object], columns: Iterable[str], without: frozenset[str] = ALL_SENT
) -> dict[str, object]:
    """The columns in the contract's order, then those it does not know: sources differ in theirs, rows do not.

    Itself, where nothing is to be done.
    """
    if not without and [*held] == columns:
        return held
    row = {name: held[name] for name in columns if name in held and name not in without}
    if len(row) + len(without) != len(held):
        row.update({name: value for name, value in held.items() if name not in row and name not in without})
    return row


def is_unavailable(held: object) -> bool:
    """Whether a value only stands for one that was not sent."""
    if isinstance(held, str):
        return held in _TEXTS
    if isinstance(held, dict):  # a map, or a VariableScaleDecimal
        return held == _MAP or ("scale" in held and is_unavailable(held.get("value")))
    return held in _ARRAYS if isinstance(held, list) else held == MARK


class RowReader:
    """Images as they came become rows as the contract describes them.

    ``wires``: what the record's schema says of each column; without, the contract says it all. ``is_marked``: the
    placeholder of unsent columns was put in by who reads the record.
    """

    def __init__(
        self, columns: Mapping[str, Column], wires: Mapping[str, Wire] | None = None, *, is_marked: bool = False
    ) -> None:
        self._order = [*columns]
        self._names = frozenset(columns)
        said = wires or {}
        views = {name: _view(columns.get(name), said.get(name)) for name in {**columns, **said}}
        self._converters = {name: convert for name, convert in views.items() if convert is not None}
        self._unpacks = any(column.encoding is not None for column in columns.values())
        # The placeholder of arrays and bytes does not show in the record's text.
        hiding = [column for column in columns.values() if column.type in (ColumnType.ARRAY, ColumnType.BYTES)]
        self._hides = is_marked or bool(hiding) or any(wire.kind is Kind.ARRAY for wire in said.values())
        self._respelled = [name for name, column in columns.items() if respells(column) and name in self._converters]

    @property
    def is_plain(self) -> bool:
        """Values that are of the contract's JSON types are what they are, unless the record holds ``MARK``."""
        return not self._hides and not self._unpacks

    @property
    def respells(self) -> bool:
        """Values that the contract admits as they come may have another spelling in rows."""
        return bool(self._respelled)

    def read(self, image: dict[str, object], value: bytes) -> tuple[dict[str, object], frozenset[str]]:
        """(row, columns that were not sent) of an image in the record ``value``; a row of its own."""
        unsent = ALL_SENT
        if self._hides or MARK in value:
            unsent = frozenset(name for name, held in image.items() if is_unavailable(held))
        return self._converted(in_order(image, self._order, unsent)), unsent

    def respelled(self, row_of: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        """``row_of`` with the values that have more than one spelling in the one of rows; itself where none has."""
        names = self._respelled
        if not names:
            return row_of

        def row_respelled(held: Any) -> dict[str, Any]:
            row = row_of(held)
            for name in names:
                if name in row:
                    row[name] = self._convert(name, row[name])
            return row

        return row_respelled

    def image(self, image: dict[str, object] | None) -> dict[str, object] | None:
        """A ``before`` or a key in the contract's form."""
        if image is None or not self._converters:
            return image
        return self._converted(dict(image))

    def row(self, held: dict[str, object]) -> dict[str, object]:
        """A whole row in the contract's form and order."""
        return self._converted(in_order(held, self._order))

    def _converted(self, row: dict[str, object]) -> dict[str, object]:
        for name, convert in self._converters.items():
            value = row.get(name)
            if value is not None:
                try:
                    row[name] = convert(value)
                except UNFIT:
                    row[name] = plain_json(value)  # validation will tell, with the column's name
        return row

    def remaining(self, before: Row, believed: tuple[str, ...], key: Row) -> tuple[dict[str, object], frozenset[str]]:
        """What is true of a row that went: the ``believed`` columns of ``before``, then what its ``key`` says."""
        row = {name: self._convert(name, before[name]) for name in believed if name in before}
        row.update(key)
        return row, (self._names | frozenset(before)) - frozenset(row)

    def _convert(self, name: str, value: object) -> object:
        convert = self._converters.get(name)
        if convert is None or value is None:
            return value
        try:
            return convert(value)
        except UNFIT:
            # Not what the contract says: validation will tell, with the column's name.
            return plain_json(value)


def _view(column: Column | None, wire: Wire | None) -> Convert | None:
    if wire is not None and wire != PLAIN:
        return view_of(column, wire)
    return None if column is None else bare_view(column)
