"""Published: what a plan's rows and results look like, as JSON Schemas for documents.

What a column is computed from says more than its type does: of one that is looked up, joined or derived the schema says
where it comes from and admits anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streams.contracts.exports.json_schema import bundled
from streams.contracts.model import Contracts

from .outputs import Route
from .plan import Aggregation, Plan

Shape = dict[str, Any]
_COVERED: Mapping[str, Shape] = {
    "redact": {"enum": [None, "***"]},
    "hash": {"type": ["string", "null"]},
    "tokenize": {"type": ["string", "null"]},
    "partial": {"type": ["string", "null"]},
}
_MOMENT = {"type": "integer", "description": "ms since the epoch, UTC"}


def contracts_of(plans: Iterable[Plan]) -> Contracts:
    """What the plans read, for who has nothing else: a reference to something else admits anything."""
    families = {plan.contract.subject: plan.contract for plan in plans}
    return Contracts(folder="", families=families, pipeline_texts={})


def row_shape(plan: Plan, plans: Iterable[Plan], contracts: Contracts, *, at: str) -> Shape:
    """The row after all steps; ``at``: where the schema will stand, such as ``#/components/schemas/orders``."""
    shape = bundled(plan.contract.newest, contracts, at=at)
    columns: Shape = dict(shape.get("properties", {}))
    spec: Mapping[str, Any] = plan.spec
    for name, kind in spec.get("mask", {}).items():
        if kind == "drop":
            columns.pop(name, None)
        else:
            columns[name] = {**_COVERED.get(kind, {}), "description": f"mask: {kind}"}
    for name, asked in spec.get("lookup", {}).items():
        columns[name] = {"description": f"looked up: {asked['call']}({', '.join(asked['args'])})"}
    columns |= _joined(spec, plans, at)
    columns |= {name: {"description": f"derived: {text}"} for name, text in spec.get("derive", {}).items()}
    required = [name for name in shape.get("required", ()) if name in columns]
    return {**shape, "properties": columns, "required": required}


def _joined(spec: Mapping[str, Any], plans: Iterable[Plan], at: str) -> Shape:
    columns: Shape = {}
    for held in spec.get("join", ()):
        place = f"table {held['table']}" if "table" in held else f"pipeline {held['with']}"
        for column, name in held.get("columns", {}).items():
            columns[name] = {"description": f"joined: {column} of {place}"}
    return columns


def group_shape(aggregation: Aggregation, row: Shape) -> Shape:
    """A result of groups; ``row``: the shape of the rows that are grouped."""
    known = row.get("properties", {})
    columns: Shape = {name: known.get(name, {}) for name in aggregation.by}
    if aggregation.windows is not None:
        columns |= {"window_start": _MOMENT, "window_end": _MOMENT}
    for column in aggregation.columns:
        is_count = column.meaning.lower().startswith("count(")
        columns[column.name] = {**({"type": "integer"} if is_count else {}), "description": column.meaning}
    return {"type": "object", "properties": columns, "required": list(columns)}


def key_shape(columns: Iterable[str], row: Shape) -> Shape:
    """The key of a record: an object of its columns."""
    known = row.get("properties", {})
    properties = {name: known.get(name, {}) for name in columns}
    return {"type": "object", "properties": properties, "required": list(properties)}


def route_shape(route: Route, row: Shape, contracts: Contracts, *, at: str) -> Shape:
    """What a route publishes: its contract's shape, else the row's."""
    if route.contract is not None and contracts.family(route.contract.subject) is not None:
        return bundled(route.contract, contracts, at=at)
    attached = {held.name: {"description": f"of the event's window in {held.table}"} for held in route.attachments}
    return {**row, "properties": {**row["properties"], **attached}}


def envelope_shape(row: Shape, *, is_partial: bool) -> Shape:
    """Debezium's envelope around a row; ``is_partial``: a source may leave columns out, as PostgreSQL's log does."""
    image = {name: held for name, held in row.items() if name != "required"} if is_partial else row
    return {
        "type": "object",
        "properties": {
            "op": {"enum": ["c", "u", "d", "r", "t", "m"]},
            "before": {"anyOf": [image, {"type": "null"}]},
            "after": {"anyOf": [image, {"type": "null"}]},
            "source": {"type": ["object", "null"]},
            "ts_ms": {"type": ["integer", "null"]},
        },
        "required": ["op"],
    }
