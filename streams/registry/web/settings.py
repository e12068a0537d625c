"""Settings: compatibility and modes, of all subjects and of one; would a schema be compatible."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from .. import registering, terms
from ..catalog import Catalog
from ..model import Change
from .answers import answer, is_set, logger, read_body
from .asked import catalog_of, change, subject_of, written_scope
from .subjects import prepared


async def get_config(request: web.Request) -> web.Response:
    """``/config`` and ``/config/{subject}``."""
    is_wide = is_set(request, "defaultToGlobal")
    return answer(request, terms.config(catalog_of(request), subject_of(request), or_global=is_wide))


async def put_config(request: web.Request) -> web.Response:
    """What is set is answered."""
    subject, body = written_scope(request), await read_body(request)

    def decide(catalog: Catalog) -> tuple[dict[str, Any], Change]:
        return terms.set_config(catalog, subject, body)

    told = await change(request, decide)
    logger.info("set %s of %s", told, subject or "all subjects")
    return answer(request, told)


async def delete_config(request: web.Request) -> web.Response:
    """What was set is answered."""
    subject = subject_of(request)

    def decide(catalog: Catalog) -> tuple[dict[str, Any], Change]:
        return terms.delete_config(catalog, subject)

    return answer(request, await change(request, decide))


async def get_mode(request: web.Request) -> web.Response:
    """``/mode`` and ``/mode/{subject}``."""
    is_wide = is_set(request, "defaultToGlobal")
    found = terms.mode(catalog_of(request), subject_of(request), or_global=is_wide)
    return answer(request, {"mode": found.value})


async def put_mode(request: web.Request) -> web.Response:
    """What is set is answered."""
    subject, body, is_forced = written_scope(request), await read_body(request), is_set(request, "force")

    def decide(catalog: Catalog) -> tuple[dict[str, Any], Change]:
        return terms.set_mode(catalog, subject, body, is_forced=is_forced)

    told = await change(request, decide)
    logger.info("set %s of %s", told, subject or "all subjects")
    return answer(request, told)


async def delete_mode(request: web.Request) -> web.Response:
    """What was set is answered."""
    subject = subject_of(request)

    def decide(catalog: Catalog) -> tuple[dict[str, Any], Change]:
        return terms.delete_mode(catalog, subject)

    return answer(request, await change(request, decide))


async def test_compatibility(request: web.Request) -> web.Response:
    """Beside one version, or beside those that registering would ask; ``verbose`` says why not."""
    catalog, subject = catalog_of(request), subject_of(request)
    draft = await prepared(request, subject)
    name = request.match_info.get("version")
    found = await asyncio.to_thread(registering.is_allowed, catalog, subject, draft, name)
    messages = {"messages": found} if is_set(request, "verbose") else {}
    return answer(request, {"is_compatible": not found, **messages})


ROUTES = (
    ("GET", "/config", get_config),
    ("PUT", "/config", put_config),
    ("DELETE", "/config", delete_config),
    ("GET", "/config/{subject}", get_config),
    ("PUT", "/config/{subject}", put_config),
    ("DELETE", "/config/{subject}", delete_config),
    ("GET", "/mode", get_mode),
    ("PUT", "/mode", put_mode),
    ("DELETE", "/mode", delete_mode),
    ("GET", "/mode/{subject}", get_mode),
    ("PUT", "/mode/{subject}", put_mode),
    ("DELETE", "/mode/{subject}", delete_mode),
    ("POST", "/compatibility/subjects/{subject}/versions", test_compatibility),
    ("POST", "/compatibility/subjects/{subject}/versions/{version}", test_compatibility),
)
