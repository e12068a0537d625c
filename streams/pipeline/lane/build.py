"""Build: is a pipeline plain, and what must the extension know of it?

Plain: Debezium's JSON, a contract of plain columns, identities made of columns, counts and sums since ever or in
tumbling windows, routes of whole rows. One word more in the pipeline file, and it has no lane.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from streams.contracts.model import Column, ColumnType, Contract
from streams.native.load import extension

from ..expressions.scope import ENVELOPE
from ..formats.debezium import FORMAT
from ..formats.debezium_rows import RowReader
from ..outputs import Route
from ..plan import Aggregation, Plan
from ..route import encode_json
from ..windows.kinds import Hopping

_TAKEN_IN = frozenset(
    (
        "name", "topic", "contract", "key", "codec", "event_time", "max_future_ms", "deduplicate", "deduplicate_by",
        "aggregations", "routes", "dead_letters", "dead_letter_style", "app", "limits", "spec", "lane",
    )
)  # fmt: skip
"""Parts of a plan that may be there; of all others there is none."""
_BOUNDS = {"minimum": "g", "maximum": "l", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_FORMATS = {"email": "e", "date": "d", "date-time": "m", "uuid": "u"}
_CALL = re.compile(r"(COUNT|SUM|AVG)\((\*|[a-z_][a-z0-9_]*)\)")
_SLOTS = {"COUNT": "n", "SUM": "s", "AVG": "sn"}
_NUMBERS = (ColumnType.INTEGER, ColumnType.DECIMAL)
_COUNTED = (*_NUMBERS, ColumnType.TEXT, ColumnType.BOOLEAN)
_PER_UNIT = {None: (1, 1), "ms": (1, 1), "s": (1, 1_000), "us": (1_000, 1), "ns": (1_000_000, 1)}
"""Milliseconds of an integer: divide by the first, multiply by the second."""


class _NotPlain(Exception):
    """The pipeline has no lane."""


def reader_of(plan: Plan) -> Any | None:
    """What reads batches of ``plan`` in C; ``None`` where it is not plain, or the extension was not built."""
    if extension is None:
        return None
    try:
        return extension.Reader(*_told(plan))
    except _NotPlain:
        return None


def _told(plan: Plan) -> tuple[Any, ...]:
    contract, rows = plan.contract.newest, RowReader(plan.contract.newest.columns)
    _require(all(_is_absent(held, plan) for held in fields(plan) if held.name not in _TAKEN_IN))
    _require(plan.codec.name == FORMAT and contract.validator.shape is not None and rows.is_plain)
    _require(not rows.respells)
    names = {name: place for place, name in enumerate(contract.columns)}
    kinds = {name: _kind(_shape(contract, name)) for name in names}
    columns = tuple((_lead(name), _column(contract, name, kinds[name])) for name in names)
    tables = tuple(_table(held, contract, kinds, names) for held in plan.aggregations)
    routes = tuple(_route(held, plan, contract, names) for held in plan.routes)
    return columns, tables, routes, _options(plan, kinds, names)


def _require(is_so: bool) -> None:
    if not is_so:
        raise _NotPlain


def _is_absent(held: Field[Any], plan: Plan) -> bool:
    """Whether the plan has nothing of that part."""
    default = held.default if held.default_factory is MISSING else held.default_factory()
    return bool(getattr(plan, held.name) == default)


def _lead(name: str) -> bytes:
    """What stands before the value of a column."""
    return encode_json(name) + b":"


def _shape(contract: Contract, name: str) -> Mapping[str, Any]:
    """The schema of a column; as its rows have a shape, there is nothing in it but the words of ``accept``."""
    properties = contract.schema["properties"]
    assert isinstance(properties, Mapping)
    shape: Mapping[str, Any] = properties[name]
    return shape


def _types(shape: Mapping[str, Any]) -> set[str]:
    kinds = shape.get("type", "string")
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _kind(shape: Mapping[str, Any]) -> str:
    """The letter by which the extension knows what a column holds."""
    (kind,) = _types(shape) - {"null"}
    if kind != "string":
        return kind[0]
    if "enum" in shape:
        return "w"
    name = shape.get("format")
    _require(name is None or name in _FORMATS)
    return "t" if name is None else _FORMATS[name]


def _column(contract: Contract, name: str, kind: str) -> tuple[Any, ...]:
    """As ``fill_column`` takes it."""
    shape = _shape(contract, name)
    bounds = tuple((_BOUNDS[word], limit) for word, limit in shape.items() if word in _BOUNDS)
    words = tuple(str(word).encode() for word in shape.get("enum", ()) if word is not None)
    # A word that JSON writes with an escape is one that records may have, and this way does not read.
    _require(all(encode_json(word.decode()) == b'"%b"' % word for word in words))
    least, most = shape.get("minLength", -1), shape.get("maxLength", -1)
    is_nullable = "null" in _types(shape)
    return name.encode(), kind, _is_required(contract, name), is_nullable, bounds, least, most, words


def _is_required(contract: Contract, name: str) -> bool:
    required = contract.schema.get("required", ())
    return isinstance(required, list) and name in required


def _table(
    held: Aggregation, contract: Contract, kinds: Mapping[str, str], names: Mapping[str, int]
) -> tuple[Any, ...]:
    """As ``fill_table`` takes it."""
    windows = held.windows
    _require(not (held.is_of_rows or held.is_combined or held.multisets or held.late_to))
    _require(windows is None or (isinstance(windows, Hopping) and windows.is_tumbling))
    _require(not any(_is_respelt(contract.columns[name], kinds[name]) for name in held.by))
    size_ms, open_ms = (0, 0) if windows is None else (windows.length_ms, windows.open_ms)
    slots = tuple(slot for column in held.columns for slot in _slots(column.meaning, contract, names))
    return tuple(names[name] for name in held.by), size_ms, open_ms, slots


def _is_respelt(column: Column, kind: str) -> bool:
    """Whether a group's key may spell a value otherwise than the record: decimals have several spellings."""
    return kind == "n" or (kind != "i" and column.type is ColumnType.DECIMAL)


def _slots(meaning: str, contract: Contract, names: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """What the slots of an aggregate count or add up: the words in which SQL says it leave nothing open."""
    call = _CALL.fullmatch(meaning)
    if call is None or call[2] in ENVELOPE:
        raise _NotPlain
    if call[2] == "*":
        return (("c", -1),)
    _require(contract.columns[call[2]].type in (_COUNTED if call[1] == "COUNT" else _NUMBERS))
    return tuple((kind, names[call[2]]) for kind in _SLOTS[call[1]])


def _route(route: Route, plan: Plan, contract: Contract, names: Mapping[str, int]) -> tuple[Any, ...]:
    """As ``fill_routes`` takes it."""
    _require(route.contract is None and route.condition is None and not route.is_envelope)
    _require(all(_is_required(contract, name) for name in route.key))
    added = [attachment.name for attachment in route.attachments]
    _require(not names.keys() & set(added))
    tables = {held.table: (number, held) for number, held in enumerate(plan.aggregations)}
    attachments = tuple(
        (number, _slot_of(held.read, aggregation), b"" + _lead(held.name))
        for held in route.attachments
        for number, aggregation in (tables[held.table],)
    )
    return route.to, tuple((names[name], _lead(name)) for name in route.key), attachments


def _slot_of(read: object, aggregation: Aggregation) -> int:
    """The slot that is the result of a column, counted without the event time."""
    slot = 0
    for column in aggregation.columns:
        if column.read is read:
            _require(not column.meaning.startswith("AVG"))
            return slot
        slot += len(column.initial)
    raise _NotPlain


def _options(plan: Plan, kinds: Mapping[str, str], names: Mapping[str, int]) -> tuple[Any, ...]:
    """As ``fill_rest`` takes them."""
    contract, rule, time = plan.contract.newest, plan.deduplicate, plan.event_time
    identity = () if rule is None else rule.columns
    _require(rule is None or bool(identity))
    _require(all(_is_required(contract, name) for name in identity))
    serial = names[rule.serial.name] if rule is not None and rule.serial is not None else -1
    divide, multiply = 1, 1
    if time.column is not None:
        _require(kinds[time.column] in "im")
        if kinds[time.column] == "i":
            divide, multiply = _PER_UNIT[contract.columns[time.column].unit]
    shape = contract.validator.shape
    may_hide = shape is not None and shape.has_free_text
    at = -1 if time.column is None else names[time.column]
    places = tuple(names[name] for name in identity)
    return True, bool(plan.key), may_hide, places, serial, at, divide, multiply
