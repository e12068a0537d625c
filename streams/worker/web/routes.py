"""Routes of the worker's HTTP interface."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import generate_latest

from streams.pipeline.query import LATEST_MS
from streams.pipeline.route import encode_json
from streams.state.stores.base import StoreFailedError

from ..engine import Engine
from .openapi import openapi_of
from .status import StatusReader
from .tables import MOST_ROWS, Question, TableReader

ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)
READER: web.AppKey[TableReader] = web.AppKey("reader", TableReader)
STATUS: web.AppKey[StatusReader] = web.AppKey("status", StatusReader)
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
"""The page is whole in itself: it loads nothing from anywhere and talks to its own worker alone."""


def add_routes(application: web.Application, engine: Engine) -> None:
    """Everything that a worker serves."""
    application[ENGINE] = engine
    application[READER] = TableReader(engine)
    application[STATUS] = StatusReader(engine)
    application.on_cleanup.append(_close)
    application.middlewares.append(_tell_failed_stores)
    for path, handler in ROUTES:
        application.router.add_get(path, handler)


@web.middleware
async def _tell_failed_stores(request: web.Request, handler: Handler) -> web.StreamResponse:
    """503 where a store does not give its rows; the task's next batch finds it out, too, and ends the process."""
    try:
        return await handler(request)
    except StoreFailedError:
        raise web.HTTPServiceUnavailable(text="a table cannot be read here; ask again in a moment") from None


async def _close(application: web.Application) -> None:
    await application[READER].close()
    await application[STATUS].close()


def _json(body: Any, status: int = 200) -> web.Response:
    """JSON with exact decimals."""
    return web.Response(body=encode_json(body), status=status, content_type="application/json")


async def _page(request: web.Request) -> web.Response:
    """The page on which the tables move."""
    text = files("streams.worker.web").joinpath("page.html").read_text("utf-8")
    return web.Response(text=text, content_type="text/html", headers=PAGE_HEADERS)


async def _live(request: web.Request) -> web.Response:
    """The process runs; the watchdog ends it when that stops being true."""
    return _json({"status": "live"})


async def _ready(request: web.Request) -> web.Response:
    """Joined and restored: 200, else 503."""
    engine = request.app[ENGINE]
    body = {"ready": engine.is_ready, "tasks": sorted(engine.tasks), "assigned": sorted(engine.expected)}
    return _json(body, 200 if engine.is_ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    body = generate_latest(request.app[ENGINE].metrics.registry)
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _status(request: web.Request) -> web.Response:
    """This worker, its tasks and its ledger; the other workers by address."""
    return _json(request.app[STATUS].own())


async def _group(request: web.Request) -> web.Response:
    """The status of every worker, and which of them answered."""
    return _json({"instance": request.app[ENGINE].instance, "workers": await request.app[STATUS].group()})


async def _openapi(request: web.Request) -> web.Response:
    """This interface and the rows of its tables, as OpenAPI 3.1."""
    return _json(openapi_of(request.app[ENGINE].topology.plans))


async def _tables(request: web.Request) -> web.Response:
    """Every table of the application."""
    return _json({"tables": request.app[READER].tables()})


def _is_local(request: web.Request) -> bool:
    """Whether only rows of this worker are wanted; 421 where they are wanted of another, whose address this was."""
    wanted = request.query.get("local", "1")
    if wanted not in ("", "1", request.app[ENGINE].instance):
        raise web.HTTPMisdirectedRequest(text="another worker listens here")
    return "local" in request.query


async def _rows(request: web.Request) -> web.Response:
    """A page of rows: ``prefix from to limit cursor``."""
    query = request.query
    try:
        question = Question(
            prefix=query.get("prefix", ""),
            from_ms=_moment(query["from"]) if "from" in query else None,
            to_ms=_moment(query["to"]) if "to" in query else None,
            limit=min(MOST_ROWS, max(1, int(query.get("limit", "100")))),
            after=bytes.fromhex(query.get("cursor", "")),
        )
    except ValueError:
        return _json({"error": "from, to and limit are whole numbers, cursor is one that a page gave"}, 400)
    try:
        page = await request.app[READER].page(
            request.match_info["name"], question, request.query_string, is_local=_is_local(request)
        )
    except KeyError:
        return _unknown_table(request)
    return _json(page)


def _moment(text: str) -> int:
    time_ms = int(text)
    if abs(time_ms) > LATEST_MS:
        raise ValueError("no window is there")
    return time_ms


async def _row(request: web.Request) -> web.Response:
    """One row by its key: a JSON array of the key's values, or the value itself where there is one."""
    text = request.match_info["key"]
    try:
        key = msgspec.json.decode(text.encode())
    except msgspec.MsgspecError:
        return _json({"error": 'the key is JSON, such as 1, "a" or [1,"a"]; URL-encode it'}, 400)
    values = key if isinstance(key, list) else [key]
    try:
        row = await request.app[READER].row(
            request.match_info["name"], values, quote(text, safe=""), is_local=_is_local(request)
        )
    except KeyError:
        return _unknown_table(request)
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    return _json({"error": "no such row"}, 404) if row is None else _json(row)


def _unknown_table(request: web.Request) -> web.Response:
    known = [entry["table"] for entry in request.app[READER].tables()]
    return _json({"error": "no such table", "tables": known}, 404)


ROUTES = (
    ("/", _page),
    ("/health/live", _live),
    ("/health/ready", _ready),
    ("/metrics", _metrics),
    ("/openapi.json", _openapi),
    ("/api/status", _status),
    ("/api/group", _group),
    ("/api/tables", _tables),
    ("/api/tables/{name}/rows", _rows),
    ("/api/tables/{name}/rows/{key}", _row),
)
"""Everything that a worker serves, all of it by GET."""
