"""Answers: how values become responses, and what of a request is asked by all paths."""

from __future__ import annotations

import json
import logging
import sqlite3
import traceback
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from aiohttp import web

from .. import refusals
from ..registry import Registry

logger = logging.getLogger("streams.registry")

REGISTRY: web.AppKey[Registry] = web.AppKey("registry", Registry)
V1 = "application/vnd.schemaregistry.v1+json"
_PRODUCED = (V1, "application/vnd.schemaregistry+json", "application/json")
_CONSUMED = frozenset((*_PRODUCED, "application/octet-stream"))
LARGEST_REQUEST = 16 << 20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Item = TypeVar("Item")


def answer(request: web.Request, body: Any, status: int = 200) -> web.Response:
    """JSON in the type that the client asks for."""
    return web.Response(
        body=body if isinstance(body, bytes) else encode(body),
        status=status,
        headers={"Content-Type": _type_of(request.headers.get("Accept", V1))},
    )


def encode(body: Any) -> bytes:
    """JSON."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=256)
def _type_of(accept: str) -> str:
    """The first type of ours that ``accept`` names; raises 406 where there is none."""
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for name in wanted:
        if name in _PRODUCED:
            return name
    if any(name in ("*/*", "application/*", "text/html", "") for name in wanted):
        return V1
    raise refusals.RefusalError(406, "HTTP 406 Not Acceptable")


async def read_body(request: web.Request) -> Any:
    """The JSON of a request; raises ``RefusalError``."""
    if "Content-Type" in request.headers and request.content_type not in _CONSUMED:
        raise refusals.RefusalError(415, "HTTP 415 Unsupported Media Type")
    try:
        return json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise refusals.RefusalError(400, "The request is no JSON") from None


def is_set(request: web.Request, name: str) -> bool:
    """A flag in the query; Python's clients write it in capitals."""
    return request.query.get(name, "").lower() == "true"


def is_deleted_only(request: web.Request) -> bool:
    """Confluent's Python client writes the name as Python would."""
    return is_set(request, "deletedOnly") or is_set(request, "deleted_only")


def page(request: web.Request, found: Sequence[Item]) -> Sequence[Item]:
    """Part of a list: ``offset`` and ``limit``, negative for all."""
    try:
        offset, limit = (int(request.query.get(name, default)) for name, default in (("offset", "0"), ("limit", "-1")))
    except ValueError:
        raise refusals.RefusalError(400, "offset and limit are whole numbers") from None
    start = max(offset, 0)
    return found[start:] if limit < 0 else found[start : start + limit]


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is refused, in the registry's form. Logs name paths and codes, never schemas."""
    try:
        if request.method != "GET":
            _check_origin(request)
        return await handler(request)
    except refusals.RefusalError as error:
        return _refusal(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _refusal(request, refusals.RefusalError(error.status, f"HTTP {error.status} {error.reason}"))
    except sqlite3.Error as error:  # its words are of tables and disks
        logger.error("%s %s: the store failed: %s", request.method, request.rel_url.raw_path, error)
        return _refusal(request, refusals.RefusalError(50001, "Error in the backend data store"))
    except Exception as error:
        return _failed(request, error)


def _failed(request: web.Request, error: Exception) -> web.Response:
    """A mistake of the registry's own: where it was is logged, and not its words, which may hold a schema's."""
    places = "".join(traceback.format_tb(error.__traceback__))
    name = type(error).__name__
    logger.error("%s %s failed with %s\n%s", request.method, request.rel_url.raw_path, name, places)
    return _refusal(request, refusals.RefusalError(500, "Internal Server Error"))


def _check_origin(request: web.Request) -> None:
    """A page from elsewhere may not change anything through the browser of who can reach the registry."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("Host"):
        raise refusals.RefusalError(403, "A page of another origin may not change anything here")


def _refusal(request: web.Request, error: refusals.RefusalError) -> web.Response:
    logger.info("%s %s refused: %d", request.method, request.rel_url.raw_path, error.code)
    body = {"error_code": error.code, "message": str(error)}
    return web.Response(body=encode(body), status=error.status, headers={"Content-Type": V1})
