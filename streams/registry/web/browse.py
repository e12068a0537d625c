"""Browse: search, what is known of one version, and the page that shows both."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Any

from aiohttp import web

from streams.contracts.compatibility import SchemaTextError, compare

from .. import refusals, terms
from ..catalog import Catalog
from ..kinds.language import LANGUAGES
from ..model import StoredVersion
from ..search import PLACES, Index, answer_question, read_question
from .answers import REGISTRY, answer, page
from .asked import subject_of

INDEX: web.AppKey[Index] = web.AppKey("index", Index)
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
"""The page is whole in itself: it loads nothing from anywhere and talks to its own registry alone."""


async def root(request: web.Request) -> web.Response:
    """The page for a browser; for a client that asks whether somebody is there, an object."""
    if "text/html" not in request.headers.get("Accept", ""):
        return answer(request, {})
    text = files("streams.registry.web").joinpath("page.html").read_text("utf-8")
    return web.Response(text=text, content_type="text/html", headers=PAGE_HEADERS)


async def search(request: web.Request) -> web.Response:
    """``/search?q=``: subjects, the best first; no question: all of them."""
    question = request.query.get("q", "")
    places = {place: request.query.get(place, "") for place in PLACES}
    entries = request.app[INDEX].entries(request.app[REGISTRY].catalog)
    found = answer_question(entries, read_question(question, places))
    return answer(request, {"query": question, "count": len(found), "results": list(page(request, found))})


async def describe(request: web.Request) -> web.Response:
    """``/describe/{subject}/{version}``: everything of one version, for people."""
    catalog, subject = request.app[REGISTRY].catalog, subject_of(request)
    version = catalog.version(subject, request.match_info["version"], deleted=True)
    entry = request.app[INDEX].entry_of(catalog, version)
    before = [held for held in catalog.versions(subject) if held.version < version.version]
    changes = await asyncio.to_thread(_changes, catalog, before[-1], version) if before else []
    schema = catalog.schema_of(version)
    return answer(
        request,
        {
            **entry.shown(entry.fields),
            "guid": schema.guid,
            "schema": schema.text,
            "versions": [_version(held) for held in catalog.versions(subject)],
            "level": terms.config_in_force(catalog, subject)["compatibilityLevel"],
            "mode": terms.mode_in_force(catalog, subject).value,
            "references": [reference.shown() for reference in schema.references],
            "referencedBy": _referrers(catalog, version),
            "metadata": schema.metadata,
            "changes": changes,
        },
    )


def _version(held: StoredVersion) -> dict[str, Any]:
    return {"version": held.version, "id": held.schema_id, "uri": held.origin}


def _referrers(catalog: Catalog, version: StoredVersion) -> list[dict[str, Any]]:
    ids = catalog.referrers(version.subject, version.version)
    places = (place for schema_id in ids for place in catalog.places(schema_id))
    return [{"subject": place.subject, "version": place.version} for place in places]


def _changes(catalog: Catalog, old: StoredVersion, new: StoredVersion) -> list[dict[str, Any]]:
    """What the version changed; nothing where the two cannot be compared."""
    was, now = catalog.schema_of(old), catalog.schema_of(new)
    if was.kind is not now.kind:
        return []
    language = LANGUAGES[now.kind]
    try:
        comparison = compare(
            was.text, now.text, kind=language.word, rules="confluent-strict",
            resources=language.resources(now, catalog.needed(now.references)),
            old_resources=language.resources(was, catalog.needed(was.references)),
        )  # fmt: skip
    except (SchemaTextError, refusals.RefusalError):
        return []
    return [
        {"code": held.code, "path": held.path, "message": held.message, "breaks": list(held.breaks)}
        for held in comparison.differences
    ]


ROUTES = (
    ("GET", "/", root),
    ("GET", "/search", search),
    ("GET", "/describe/{subject}/{version}", describe),
)
