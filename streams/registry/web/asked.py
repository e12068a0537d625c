"""Asked: the context that a request is about, and what is registered there.

It is said by the subject (``:.team:orders``), else by the path (``/contexts/.team/…``), else by the parameter
``subject``, which clients send beside an id.
"""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web

from ..catalog import Catalog
from ..contexts import DEFAULT, EVERYWHERE, NOTHING, Contexts, full_subject, split_subject
from ..registry import Decision, Registry
from ..requests import check_subject

CONTEXTS: web.AppKey[Contexts] = web.AppKey("contexts", Contexts)
Answer = TypeVar("Answer")


def context_of(request: web.Request) -> str:
    """The name of the context."""
    said = request.match_info
    return (
        split_subject(said.get("subject", ""))[0]
        or said.get("context", "").strip(":")
        or (split_subject(request.query.get("subject", ""))[0] if request.query_string else None)
        or DEFAULT
    )


def catalog_of(request: web.Request) -> Catalog:
    """What the context holds."""
    registry = request.app[CONTEXTS].find(context_of(request))
    return NOTHING if registry is None else registry.catalog


def registry_of(request: web.Request) -> Registry:
    """The context's registry, begun where there is none."""
    return request.app[CONTEXTS].obtain(context_of(request))


async def change(request: web.Request, decide: Decision[Answer]) -> Answer:
    """What ``decide`` answers, once its change is kept; nothing is begun for what only takes away."""
    if request.method == "DELETE" and request.app[CONTEXTS].find(context_of(request)) is None:
        return decide(NOTHING)[0]
    return await registry_of(request).change(decide)


def subject_of(request: web.Request) -> str:
    """The full name of the subject of the path; empty where it is none, or a context alone: all of its subjects."""
    return full_subject(context_of(request), split_subject(request.match_info.get("subject", ""))[1])


def written_subject(request: web.Request) -> str:
    """The same of a request that registers; raises 42208."""
    subject = check_subject(split_subject(request.match_info["subject"])[1])
    return full_subject(context_of(request), subject)


def written_scope(request: web.Request) -> str:
    """The same of a request that sets something, also for all subjects of a context."""
    context, subject = split_subject(request.match_info.get("subject", ""))
    is_whole = "subject" not in request.match_info or (context is not None and not subject)
    return "" if is_whole else written_subject(request)


def asked_catalogs(request: web.Request, otherwise: str) -> tuple[list[Catalog], str]:
    """(catalogs, beginning of subjects in them) that ``subjectPrefix`` asks for; ``otherwise``: where it is absent."""
    prefix = request.query.get("subjectPrefix", "" if "context" in request.match_info else otherwise)
    if prefix.startswith(EVERYWHERE):
        return [registry.catalog for _, registry in request.app[CONTEXTS].all()], prefix.removeprefix(EVERYWHERE)
    context, beginning = split_subject(prefix)
    registry = request.app[CONTEXTS].find(context or context_of(request))
    return ([] if registry is None else [registry.catalog]), beginning
