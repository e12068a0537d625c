"""Group: the canonical key of an event's group.

Values that SQL holds equal give the same bytes: 1, 1.0 and 1.00 are one group. NULLs are one group, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from streams.contracts.model import Column, ColumnType
from streams.records import ChangeEvent

from .tables import encode_key

_NUMBERS = frozenset({ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.UNKNOWN})


def group_by(names: tuple[str, ...], columns: Mapping[str, Column]) -> Callable[[ChangeEvent], bytes]:
    """A function that gives the key of an event's group: the JSON array of the values of ``names``."""
    if any(name in columns and columns[name].type in _NUMBERS for name in names):
        return lambda event: encode_key([canonical(event.row.get(name)) for name in names])
    if len(names) == 1:
        (only,) = names
        return lambda event: encode_key([event.row.get(only)])
    return lambda event: encode_key([event.row.get(name) for name in names])


def canonical(value: object) -> object:
    """A decimal without trailing zeros, whole ones as integers; anything else as it is."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    if value == value.to_integral_value():
        return int(value)
    return value.normalize()
