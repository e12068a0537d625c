"""Subjects: their versions, registering, looking up, deleting."""

from __future__ import annotations

from aiohttp import web

from .. import deleting, refusals, registering, terms
from ..catalog import Catalog
from ..contexts import EVERYWHERE, split_subject
from ..model import Change, Draft
from ..registering import Registered
from ..requests import in_context, read_draft
from .answers import answer, is_deleted_only, is_set, logger, page, read_body
from .asked import asked_catalogs, catalog_of, change, context_of, registry_of, subject_of, written_subject
from .schemas import ENCODED, SERIALIZED, form_of, text_of, version_facts

LARGEST_KEPT = 1 << 14
"""Bytes of a request whose answer is kept."""


async def list_subjects(request: web.Request) -> web.Response:
    """``/subjects``."""
    catalogs, beginning = asked_catalogs(request, EVERYWHERE)
    deleted, only = is_set(request, "deleted"), is_deleted_only(request)
    found = [subject for catalog in catalogs for subject in catalog.subjects(deleted=deleted, only_deleted=only)
             if split_subject(subject)[1].startswith(beginning)]  # fmt: skip
    return answer(request, page(request, found))


async def list_versions(request: web.Request) -> web.Response:
    """``/subjects/{subject}/versions``."""
    catalog, subject = catalog_of(request), subject_of(request)
    only, deleted = is_deleted_only(request), is_set(request, "deleted")
    catalog.known_versions(subject, deleted=deleted or only)
    found = [held.version for held in catalog.versions(subject, deleted=deleted, only_deleted=only)]
    return answer(request, page(request, found))


async def get_version(request: web.Request) -> web.Response:
    """``/subjects/{subject}/versions/{version}``."""
    catalog = catalog_of(request)
    held = catalog.version(subject_of(request), request.match_info["version"], deleted=is_set(request, "deleted"))
    return answer(request, request.app[ENCODED].version(catalog, held, form_of(request)))


async def get_text(request: web.Request) -> web.Response:
    """``/subjects/{subject}/versions/{version}/schema``."""
    catalog = catalog_of(request)
    held = catalog.version(subject_of(request), request.match_info["version"], deleted=is_set(request, "deleted"))
    return answer(request, text_of(catalog, catalog.schema_of(held), form_of(request)).encode())


async def get_referrers(request: web.Request) -> web.Response:
    """``/subjects/{subject}/versions/{version}/referencedby``: ids."""
    catalog = catalog_of(request)
    held = catalog.version(subject_of(request), request.match_info["version"], deleted=True)
    return answer(request, page(request, catalog.referrers(held.subject, held.version)))


async def get_by_metadata(request: web.Request) -> web.Response:
    """``/subjects/{subject}/metadata``: the newest version whose metadata has all the properties asked for."""
    catalog, subject = catalog_of(request), subject_of(request)
    wanted = dict(zip(request.query.getall("key", []), request.query.getall("value", []), strict=False))
    for held in reversed(catalog.known_versions(subject, deleted=is_set(request, "deleted"))):
        properties = (catalog.schema_of(held).metadata or {}).get("properties") or {}
        if wanted.items() <= properties.items():
            return answer(request, version_facts(catalog, held, form_of(request)))
    raise refusals.no_schema()


async def prepared(request: web.Request, subject: str) -> Draft:
    """The schema of the body as it is kept."""
    draft = in_context(read_draft(await read_body(request)), context_of(request))
    catalog = catalog_of(request)
    normalize = is_set(request, "normalize") or bool(terms.config_in_force(catalog, subject).get("normalize"))
    return registering.prepare(catalog, draft, normalize=normalize)


async def look_up(request: web.Request) -> web.Response:
    """``POST /subjects/{subject}``: the version that a schema is."""
    catalog, subject = catalog_of(request), subject_of(request)
    name = (subject, request.query_string, await request.read())
    body = request.app[ENCODED].found(catalog).get(name)
    if body is None:
        draft = await prepared(request, subject)
        found = registering.look_up(catalog, subject, draft, deleted=is_set(request, "deleted"))
        body = request.app[ENCODED].version(catalog, found.version, form_of(request))
        if len(name[2]) <= LARGEST_KEPT:
            request.app[ENCODED].found(catalog)[name] = body
    return answer(request, body)


async def register(request: web.Request) -> web.Response:
    """``POST /subjects/{subject}/versions``."""
    registry, subject = registry_of(request), written_subject(request)
    draft = await prepared(request, subject)

    def decide(catalog: Catalog) -> tuple[Registered, Change | None]:
        registered = registering.register(catalog, subject, draft)
        return registered, registered.change

    # Writers that start say again what is there: they need not wait for their turn.
    there = registering.already_there(registry.catalog, subject, draft)
    found = await registry.change(decide) if there is None else there
    if found.change is not None:
        logger.info("registered %s version %d, id %d", subject, found.version.version, found.schema.id)
    # Clients keep the answer as the schema: it comes back in the form they speak.
    form = form_of(request) if draft.serialized is None else SERIALIZED
    facts = found.schema.facts(text_of(registry.catalog, found.schema, form))
    return answer(request, {"version": found.version.version, **facts})


async def delete_subject(request: web.Request) -> web.Response:
    """``DELETE /subjects/{subject}``."""
    subject, is_permanent = subject_of(request), is_set(request, "permanent")

    def decide(catalog: Catalog) -> tuple[list[int], Change]:
        return deleting.delete_subject(catalog, subject, is_permanent=is_permanent)

    gone = await change(request, decide)
    logger.info("deleted %s versions %s%s", subject, gone, " for good" if is_permanent else "")
    return answer(request, gone)


async def delete_version(request: web.Request) -> web.Response:
    """``DELETE /subjects/{subject}/versions/{version}``."""
    subject, name = subject_of(request), request.match_info["version"]
    is_permanent = is_set(request, "permanent")

    def decide(catalog: Catalog) -> tuple[int, Change]:
        return deleting.delete_version(catalog, subject, name, is_permanent=is_permanent)

    gone = await change(request, decide)
    logger.info("deleted %s version %d%s", subject, gone, " for good" if is_permanent else "")
    return answer(request, gone)


ROUTES = (
    ("GET", "/subjects", list_subjects),
    ("POST", "/subjects/{subject}", look_up),
    ("DELETE", "/subjects/{subject}", delete_subject),
    ("GET", "/subjects/{subject}/metadata", get_by_metadata),
    ("GET", "/subjects/{subject}/versions", list_versions),
    ("POST", "/subjects/{subject}/versions", register),
    ("GET", "/subjects/{subject}/versions/{version}", get_version),
    ("DELETE", "/subjects/{subject}/versions/{version}", delete_version),
    ("GET", "/subjects/{subject}/versions/{version}/schema", get_text),
    ("GET", "/subjects/{subject}/versions/{version}/referencedby", get_referrers),
)
