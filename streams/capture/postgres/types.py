"""Types: PostgreSQL's text form of a value becomes JSON.

Decimals become text, times ISO 8601 text in UTC: exact, and readable without the table's definition. Differences
from Debezium's ``isostring`` mode are its dates and local times, which end in ``Z`` and so are neither RFC 3339 nor
what PostgreSQL means.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from psycopg2.extensions import STRINGARRAY

from ..log.pgoutput import Relation

FIRST_OWN_OID = 16_384
"""Types from here on are not PostgreSQL's own."""
Convert = Callable[[str], object]


def _boolean(text: str) -> object:
    return text in ("t", "true")


def _double(text: str) -> object:
    return text if text in ("NaN", "Infinity", "-Infinity") else Decimal(text)


def _timestamp(text: str) -> object:
    """``2026-01-02 03:04:05.1+00`` as ``2026-01-02T03:04:05.100000Z``; infinities and years BC stay as they are."""
    if len(text) == 29 and text.endswith("+00"):
        return f"{text[:10]}T{text[11:26]}Z"
    if text.endswith(("infinity", "BC")):
        return text
    day, clock = text.split(" ", 1)
    clock = clock.removesuffix("+00")
    seconds, _, fraction = clock.partition(".")
    return f"{day}T{seconds}.{fraction:0<6}Z"


def _bytes(text: str) -> object:
    return b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode()


CONVERTERS: Mapping[int, Convert] = {
    16: _boolean,
    20: int,
    21: int,
    23: int,
    26: int,
    700: _double,
    701: _double,
    1114: _timestamp,
    1184: _timestamp,
    17: _bytes,
}
"""By type OID; every other type stays its text: numeric, date, time, uuid, json, enums, intervals, addresses."""

_ELEMENTS: Mapping[int, int] = {
    1000: 16, 1005: 21, 1007: 23, 1016: 20, 1021: 700, 1022: 701, 1231: 1700, 1009: 25, 1015: 1043, 1014: 1042,
    1115: 1114, 1185: 1184, 1182: 1082, 1183: 1083, 2951: 2950, 1001: 17, 199: 114, 3807: 3802,
}  # fmt: skip
"""Element type by array type."""


def converter_of(type_oid: int) -> Convert | None:
    """How a value of this type is written as JSON; ``None``: as its text."""
    element = _ELEMENTS.get(type_oid)
    if element is None:
        return CONVERTERS.get(type_oid)
    convert = CONVERTERS.get(element)

    def convert_array(text: str) -> object:
        return _convert_items(STRINGARRAY(text, None), convert)

    return convert_array


def element_of(type_oid: int) -> int | None:
    """The type of an array's elements; ``None``: it is none, or one of types that somebody made."""
    return _ELEMENTS.get(type_oid)


def has_own_types(relation: Relation) -> bool:
    """A column's type was made by somebody: it may be a domain."""
    return any(column.type_oid >= FIRST_OWN_OID for column in relation.columns)


def with_base_types(relation: Relation, base_by_domain: Mapping[int, int]) -> Relation:
    """A value of a domain is written as one of the type below it."""
    columns = tuple(replace(column, type_oid=_base(column.type_oid, base_by_domain)) for column in relation.columns)
    return replace(relation, columns=columns)


def _base(type_oid: int, base_by_domain: Mapping[int, int]) -> int:
    while (base := base_by_domain.get(type_oid)) is not None:
        type_oid = base
    return type_oid


def _convert_items(items: object, convert: Convert | None) -> object:
    if isinstance(items, list):
        return [_convert_items(item, convert) for item in items]
    if not isinstance(items, str):
        return None
    return items if convert is None else convert(items)
