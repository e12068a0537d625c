"""Build: is a pipeline plain, and what must the extension know of it?

Plain: Debezium's JSON, a contract of plain columns, identities made of columns, look-ups of rows in the same task,
columns derived from those of the row, counts and sums since ever or in tumbling windows, here or behind an exchange,
routes of whole rows. One word more in the pipeline file, and it has no lane. So with the stage behind an exchange: it
is plain where its groups are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts.model import Column, Contract
from streams.native.load import extension

from ..exchange.plan import Exchange
from ..formats.debezium import FORMAT
from ..formats.debezium_rows import RowReader
from ..joining.plan import Join, Missing
from ..outputs import Route
from ..plan import Aggregation, Derivation, Plan
from ..route import encode_json
from .plan import Derived, Joined, Lane, Made
from .told import (
    INTEGER,
    Columns,
    NotPlain,
    kind_of,
    lead,
    places_of_group,
    require,
    require_only,
    size_and_open,
    table_of,
)

_TAKEN_IN = frozenset(
    (
        "name", "topic", "contract", "key", "codec", "event_time", "max_future_ms", "deduplicate", "deduplicate_by",
        "partners", "joins", "derivations", "aggregations", "exchanges", "routes", "dead_letters", "dead_letter_style",
        "app", "limits", "spec", "lane",
    )
)  # fmt: skip
"""Parts of a plan that may be there; of all others there is none."""
_TAKEN_IN_BEHIND = _TAKEN_IN - {"partners", "joins", "derivations", "exchanges", "routes", "spec"} | {"receives"}
"""The same of a stage behind an exchange."""
_BOUNDS = {"minimum": "g", "maximum": "l", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_FORMATS = {"email": "e", "date": "d", "date-time": "m", "uuid": "u"}
_PER_UNIT = {None: (1, 1), "ms": (1, 1), "s": (1, 1_000), "us": (1_000, 1), "ns": (1_000_000, 1)}
"""Milliseconds of an integer: divide by the first, multiply by the second."""


def lane_of(plan: Plan) -> Lane | None:
    """The quick way of ``plan``; ``None`` where it is not plain, or the extension was not built."""
    if extension is None:
        return None
    try:
        return _lane(plan) if plan.receives is None else _lane_behind(plan, plan.receives)
    except NotPlain:
        return None


def _lane(plan: Plan) -> Lane:
    contract, rows = plan.contract.newest, RowReader(plan.contract.newest.columns)
    require_only(plan, _TAKEN_IN)
    require(plan.codec.name == FORMAT and contract.validator.shape is not None and rows.is_plain)
    require(not rows.respells)
    own = {name: _kind(_shape(contract, name)) for name in contract.columns}
    columns = _with_made(plan, own)
    read = tuple((lead(name), _column(contract, name, kind)) for name, kind in own.items())
    made = tuple(lead(name) for name in columns.held if name not in own)
    tables = tuple(table_of(held, columns) for held in plan.aggregations)
    routes = tuple(_route(held, plan, contract, columns) for held in plan.routes)
    exchanges = tuple(_exchange(held, columns) for held in plan.exchanges)
    assert extension is not None
    return Lane(
        reader=extension.Reader(read, made, tables, routes, exchanges, _options(plan, own, columns.places)),
        joins=tuple(_joined(join, columns) for join in plan.joins),
        derived=_derived(plan.derivations, columns) if plan.derivations else None,
    )


def _lane_behind(plan: Plan, exchange: Exchange) -> Lane:
    require_only(plan, _TAKEN_IN_BEHIND)
    needed = exchange.needs.columns
    require(needed is not None and needed == exchange.columns.keys())
    require(not exchange.needs.images and exchange.needs.envelope <= {"op"})
    held = dict(sorted(exchange.columns.items()))
    columns = Columns(held=held, kinds={name: kind_of(column) for name, column in held.items()})
    read = tuple(
        (lead(name), (name.encode(), kind, False, True, (), -1, -1, ())) for name, kind in columns.kinds.items()
    )
    tables = tuple(table_of(held, columns) for held in plan.aggregations)
    assert extension is not None
    return Lane(reader=extension.Reader(read, (), tables, (), (), (True, False, False, (), -1, -1, 1, 1)))


def _with_made(plan: Plan, own: Mapping[str, str]) -> Columns:
    """The columns that records have, and those that are joined and derived."""
    joined = [(name, column) for join in plan.joins for (_, name), column in zip(join.columns, join.kinds, strict=True)]
    derived = [(held.column, Column(name=held.column, type=held.type)) for held in plan.derivations]
    made = dict((*joined, *derived))
    require(len(made) == len(joined) + len(derived) and not made.keys() & own.keys())
    kinds = {**own, **{name: kind_of(column) for name, column in made.items()}}
    return Columns(held={**plan.contract.newest.columns, **made}, kinds=kinds)


def _made(name: str, columns: Columns) -> Made:
    return Made(place=columns.places[name], is_whole=columns.kinds[name] == INTEGER)


def _joined(join: Join, columns: Columns) -> Joined:
    require(join.meeting is None and join.keep_ms is None and join.missing is Missing.KEEP)
    return Joined(
        table=join.table,
        by=tuple(columns.places[name] for name in join.by),
        columns=tuple((theirs, _made(own, columns)) for theirs, own in join.columns),
    )


def _derived(derivations: tuple[Derivation, ...], columns: Columns) -> Derived:
    own = {held.column for held in derivations}
    reads: set[str] = set()
    for held in derivations:
        require(held.reads is not None)
        reads |= (held.reads or frozenset()) - own
    return Derived(
        reads=tuple(sorted(columns.places[name] for name in reads)),
        columns=tuple((held.column, _made(held.column, columns), held.evaluate) for held in derivations),
    )


def _exchange(exchange: Exchange, columns: Columns) -> tuple[Any, ...]:
    """As ``fill_exchanges`` takes it."""
    needs, aggregations = exchange.needs, exchange.aggregations
    require(needs.columns is not None and not needs.images and needs.envelope <= {"op"})
    require(not any(held.is_combined or held.is_of_rows or held.late_to for held in aggregations))
    carried = tuple(columns.places[name] for name in sorted(needs.columns or ()))
    tables = tuple((encode_json(held.table), *size_and_open(held.windows)) for held in aggregations)
    return exchange.topic, places_of_group(exchange.by, columns), carried, tables


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
    require(name is None or name in _FORMATS)
    return "t" if name is None else _FORMATS[name]


def _column(contract: Contract, name: str, kind: str) -> tuple[Any, ...]:
    """As ``fill_column`` takes it."""
    shape = _shape(contract, name)
    bounds = tuple((_BOUNDS[word], limit) for word, limit in shape.items() if word in _BOUNDS)
    words = tuple(str(word).encode() for word in shape.get("enum", ()) if word is not None)
    # A word that JSON writes with an escape is one that records may have, and this way does not read.
    require(all(encode_json(word.decode()) == b'"%b"' % word for word in words))
    least, most = shape.get("minLength", -1), shape.get("maxLength", -1)
    is_nullable = "null" in _types(shape)
    return name.encode(), kind, _is_required(contract, name), is_nullable, bounds, least, most, words


def _is_required(contract: Contract, name: str) -> bool:
    required = contract.schema.get("required", ())
    return isinstance(required, list) and name in required


def _route(route: Route, plan: Plan, contract: Contract, columns: Columns) -> tuple[Any, ...]:
    """As ``fill_routes`` takes it."""
    require(route.contract is None and route.condition is None and not route.is_envelope)
    require(all(_is_required(contract, name) for name in route.key))
    added = [attachment.name for attachment in route.attachments]
    require(not columns.held.keys() & set(added))
    tables = {held.table: (number, held) for number, held in enumerate(plan.aggregations)}
    attachments = tuple(
        (number, _slot_of(held.read, aggregation), b"" + lead(held.name))
        for held in route.attachments
        for number, aggregation in (tables[held.table],)
    )
    return route.to, tuple((columns.places[name], lead(name)) for name in route.key), attachments


def _slot_of(read: object, aggregation: Aggregation) -> int:
    """The slot that is the result of a column, counted without the event time."""
    slot = 0
    for column in aggregation.columns:
        if column.read is read:
            require(not column.meaning.startswith("AVG"))
            return slot
        slot += len(column.initial)
    raise NotPlain


def _options(plan: Plan, kinds: Mapping[str, str], places: Mapping[str, int]) -> tuple[Any, ...]:
    """As ``fill_rest`` takes them."""
    contract, rule, time = plan.contract.newest, plan.deduplicate, plan.event_time
    identity = () if rule is None else rule.columns
    require(rule is None or bool(identity))
    require(all(_is_required(contract, name) for name in identity))
    serial = places[rule.serial.name] if rule is not None and rule.serial is not None else -1
    divide, multiply = 1, 1
    if time.column is not None:
        require(kinds[time.column] in "im")
        if kinds[time.column] == "i":
            divide, multiply = _PER_UNIT[contract.columns[time.column].unit]
    shape = contract.validator.shape
    may_hide = shape is not None and shape.has_free_text
    at = -1 if time.column is None else places[time.column]
    identities = tuple(places[name] for name in identity)
    return False, bool(plan.key), may_hide, identities, serial, at, divide, multiply
