"""Group: the canonical key of an event's group.

Values that SQL holds equal give the same bytes: 1, 1.0 and 1.00 are one group. NULLs are one group, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation

from streams.contracts.model import Column, ColumnType
from streams.records import ChangeEvent

from .tables import encode_key

_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.UNKNOWN})
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_WRITTEN_OUT = 300
"""Digits up to which a whole number is an integer: 1e999999999 written out would fill the memory."""

Canonical = Callable[[object], object]


def group_by(names: tuple[str, ...], columns: Mapping[str, Column]) -> Callable[[ChangeEvent], bytes]:
    """A function that gives the key of an event's group: the JSON array of the values of ``names``."""
    forms = {name: form for name in names if name in columns and (form := _form_of(columns[name])) is not None}
    if len(names) == 1:
        return _group_by_one(names[0], forms.get(names[0]))
    if forms:
        placed = [(name, forms.get(name, _as_it_is)) for name in names]
        return lambda event: encode_key([form(event.row.get(name)) for name, form in placed])
    return lambda event: encode_key([event.row.get(name) for name in names])


def _group_by_one(name: str, form: Canonical | None) -> Callable[[ChangeEvent], bytes]:
    if form is None:
        return lambda event: encode_key((event.row.get(name),))

    def group(event: ChangeEvent) -> bytes:
        value = event.row.get(name)
        return encode_key((value if type(value) is int else form(value),))

    return group


def _form_of(column: Column) -> Canonical | None:
    if column.type not in _NUMBERS:
        return None
    return canonical_text if column.type is ColumnType.DECIMAL and "string" in column.json_types else canonical


def _as_it_is(value: object) -> object:
    return value


def canonical(value: object) -> object:
    """A decimal without trailing zeros, whole ones as integers; anything else as it is."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    # In a context of its own: Python's rounds to 28 digits, and two numbers would become one.
    short = value.normalize(_EXACT)
    return int(short) if short.adjusted() < _WRITTEN_OUT and short == short.to_integral_value() else short


def canonical_text(value: object) -> object:
    """The same of a decimal that is text in JSON, as text."""
    if not isinstance(value, str):
        return canonical(value)
    try:
        number = canonical(Decimal(value))
    except InvalidOperation:
        return value
    is_short = isinstance(number, Decimal) and abs(number.adjusted()) < _WRITTEN_OUT
    return format(number, "f") if is_short else str(number)
