"""OpenAPI: the worker's HTTP interface as a document of OpenAPI 3.1, with the rows of the very tables it serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.contracts.drafts import META_SCHEMAS, NEWEST_DRAFT
from streams.contracts.exports.json_schema import bundled
from streams.contracts.exports.names import pascal, unique
from streams.contracts.model import Contract, Contracts
from streams.pipeline.plan import Plan
from streams.pipeline.published import contracts_of, group_shape, row_shape

Shape = dict[str, Any]
_AT = "#/components/schemas/"
_ERROR = {"$ref": f"{_AT}Error"}
_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
_APART: Mapping[str, tuple[str, Shape]] = {"503": ("A worker that holds a part of the table does not answer", {})}
_KEY_HELP = 'The key as JSON, URL-encoded: 1, "a" or [1, "a"]; behind it the window\'s start, where there are windows.'
_QUERY: Mapping[str, tuple[Shape, str]] = {
    "prefix": ({"type": "string"}, "Rows whose key, as a JSON array, begins with this text"),
    "from": ({"type": "integer"}, "Windows that start at or after it, ms since the epoch; of sessions, that end"),
    "to": ({"type": "integer"}, "Windows that start before it, ms since the epoch; of sessions, that end"),
    "limit": ({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Rows of a page"),
    "cursor": ({"type": "string", "pattern": "^([0-9a-f]{2})*$"}, "Of the page before"),
    "local": ({"type": "string"}, "Given: only what this worker holds"),
}
_STATUS = {
    "type": "object",
    "properties": {
        "instance": {"type": "string"}, "ready": {"type": "boolean"}, "tasks": {"type": "array", "items": _OBJECT},
        "ledger": _OBJECT, "waiting": _OBJECT, "lost": {"type": "array", "items": _OBJECT}, "reasons": _OBJECT,
        "quality": _OBJECT, "workers": _OBJECT,
    },
    "required": ["instance", "ready", "tasks", "ledger", "workers"],
}  # fmt: skip
_READY = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"}, "tasks": {"type": "array", "items": {"type": "array"}},
        "assigned": {"type": "array", "items": {"type": "array"}},
    },
    "required": ["ready", "tasks", "assigned"],
}  # fmt: skip
_TABLE = {
    "type": "object",
    "properties": {
        "table": {"type": "string"}, "pipeline": {"type": "string"},
        "key": {"type": "array", "items": {"type": "string"}}, "window": {"type": ["string", "null"]},
        "window_ms": {"type": ["integer", "null"]}, "columns": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["table", "pipeline", "key", "window", "window_ms", "columns"],
}  # fmt: skip


def openapi_of(plans: Iterable[Plan], contracts: Contracts | None = None, *, url: str = "/") -> dict[str, Any]:
    """The document for workers of ``plans``; ``url``: where one of them answers."""
    plans = tuple(plans)
    schemas: Shape = {
        "Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
        "Status": _STATUS,
        "Table": _TABLE,
        "Row": _entry({}),
        "Page": _page({"$ref": f"{_AT}Row"}),
    }
    paths = _fixed_paths()
    for table, shape, has_windows in _tables(plans, contracts or contracts_of(plans), schemas):
        name = unique(pascal(table, "row"), schemas)
        schemas[name] = shape
        entry, page = f"{name}Entry", f"{name}Page"
        schemas[entry] = _entry({"$ref": f"{_AT}{name}"}, has_windows=has_windows)
        schemas[page] = _page({"$ref": f"{_AT}{entry}"})
        paths |= _table_paths(table, entry=entry, page=page)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Live tables of contract streams", "version": "1.0.0",
                 "description": "What a worker serves, all of it by GET. Only committed rows are shown."},
        "jsonSchemaDialect": META_SCHEMAS[NEWEST_DRAFT],
        "servers": [{"url": url}],
        "paths": paths,
        "components": {"schemas": schemas},
    }  # fmt: skip


def _tables(plans: tuple[Plan, ...], contracts: Contracts, taken: Shape) -> Iterator[tuple[str, Shape, bool]]:
    """(table, shape of its rows, whether it has windows)."""
    for plan in plans:
        if plan.table is not None:
            name = unique(pascal(plan.table.name, "row"), taken)
            yield plan.table.name, row_shape(plan, plans, contracts, at=f"{_AT}{name}"), False
        for aggregation in plan.judged:
            name = unique(pascal(aggregation.table, "row"), taken)
            row = row_shape(plan, plans, contracts, at=f"{_AT}{name}")
            shape = group_shape(aggregation, row)
            if "$defs" in row:
                shape["$defs"] = row["$defs"]
            kept = {column.name: shape["properties"][column.name] for column in aggregation.columns}
            shape |= {"properties": kept, "required": list(kept)}
            yield aggregation.table, shape, aggregation.windows is not None


def _entry(row: Shape, *, has_windows: bool | None = None) -> Shape:
    bounds = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    window: Shape = {"type": "null"} if has_windows is False else {"anyOf": [bounds, {"type": "null"}]}
    return {
        "type": "object",
        "properties": {
            "key": {"type": "array", "description": "Values of the key's columns, in their order"},
            "window": {**window, "description": "Start and end, ms since the epoch"},
            "row": row or _OBJECT,
        },
        "required": ["key", "window", "row"],
    }


def _page(entry: Shape) -> Shape:
    cursor = {"type": ["string", "null"], "description": "Where the next page goes on; null: there is none"}
    properties = {"table": {"type": "string"}, "rows": {"type": "array", "items": entry}, "cursor": cursor}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _fixed_paths() -> Shape:
    """What does not depend on the tables."""
    named = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "A table"}
    tables = {"type": "object", "properties": {"tables": {"type": "array", "items": {"$ref": f"{_AT}Table"}}},
              "required": ["tables"]}  # fmt: skip
    live = {"type": "object", "properties": {"status": {"const": "live"}}, "required": ["status"]}
    group = {"type": "object", "properties": {"instance": {"type": "string"}, "workers": {"type": "array"}},
             "required": ["instance", "workers"]}  # fmt: skip
    return {
        "/": {"get": _get("page", "The page on which the tables move", {}, content="text/html")},
        "/health/live": {"get": _get("live", "The process runs", live)},
        "/health/ready": {"get": _get("ready", "Joined and restored", _READY, others={"503": ("Not yet", _READY)})},
        "/metrics": {"get": _get("metrics", "Prometheus' text format", {}, content="text/plain")},
        "/openapi.json": {"get": _get("openapi", "This document", _OBJECT)},
        "/api/status": {"get": _get("status", "This worker, its tasks and its ledger", {"$ref": f"{_AT}Status"})},
        "/api/group": {"get": _get("group", "The status of every worker", group)},
        "/api/tables": {"get": _get("tables", "Every table", tables)},
        "/api/tables/{name}/rows": {
            "get": {**_rows("rows", "A page of rows", "Page"), "parameters": [named, *_parameters()]}
        },
        "/api/tables/{name}/rows/{key}": {
            "get": {**_row("row", "One row by its key", "Row"), "parameters": [named, _key(), _local()]}
        },
    }


def _table_paths(table: str, *, entry: str, page: str) -> Shape:
    place = f"/api/tables/{table}/rows"
    rows = _rows(f"rows_of_{table}", f"A page of rows of {table}", page)
    row = _row(f"row_of_{table}", f"One row of {table} by its key", entry)
    return {
        place: {"get": {**rows, "parameters": _parameters()}},
        f"{place}/{{key}}": {"get": {**row, "parameters": [_key(), _local()]}},
    }


def _rows(operation: str, summary: str, page: str) -> Shape:
    errors = {"400": ("A parameter is not of its form", _ERROR), "404": ("No such table", _ERROR), **_APART}
    return _get(operation, summary, {"$ref": f"{_AT}{page}"}, others=errors)


def _row(operation: str, summary: str, entry: str) -> Shape:
    errors = {"400": ("The key is not of its form", _ERROR), "404": ("No such table or row", _ERROR), **_APART}
    return _get(operation, summary, {"$ref": f"{_AT}{entry}"}, others=errors)


def _get(
    operation: str, summary: str, shape: Shape, *, content: str = "application/json",
    others: Mapping[str, tuple[str, Shape]] | None = None,
) -> Shape:  # fmt: skip
    answers = {"200": ("Fine", shape or _TEXT), **(others or {})}
    responses = {
        code: {"description": said, "content": {content if held else "text/plain": {"schema": held or _TEXT}}}
        for code, (said, held) in answers.items()
    }
    return {"operationId": operation, "summary": summary, "responses": responses}


def _parameters() -> list[Shape]:
    return [_parameter(name) for name in _QUERY]


def _local() -> Shape:
    return _parameter("local")


def _parameter(name: str) -> Shape:
    schema, said = _QUERY[name]
    return {"name": name, "in": "query", "schema": schema, "description": said}


def _key() -> Shape:
    return {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}, "description": _KEY_HELP}


def with_datasets(document: Shape, chosen: Iterable[Contract], contracts: Contracts) -> Shape:
    """``document`` and the rows of ``chosen`` among its schemas."""
    schemas = {**document["components"]["schemas"]}
    for contract in chosen:
        name = unique(pascal(contract.subject.split("/")[1]), schemas)
        schemas[name] = bundled(contract, contracts, at=f"{_AT}{name}")
    return {**document, "components": {"schemas": schemas}}


def types_of(chosen: Iterable[Contract], contracts: Contracts) -> Shape:
    """A document of row types alone, for other documents to refer to."""
    info = {"title": "Rows under contract", "version": "1.0.0"}
    head = {"openapi": "3.1.0", "info": info, "jsonSchemaDialect": META_SCHEMAS[NEWEST_DRAFT]}
    return with_datasets({**head, "components": {"schemas": {}}}, chosen, contracts)
