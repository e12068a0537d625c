"""Schemas: by id and GUID, whatever their subjects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from cachetools import LRUCache

from streams.contracts.registry import SchemaKind

from .. import refusals
from ..catalog import Catalog
from ..contexts import DEFAULT, full_subject, split_subject
from ..kinds.language import LANGUAGES, serialized
from ..model import StoredSchema, StoredVersion
from .answers import answer, encode, is_set, page
from .asked import CONTEXTS, asked_catalogs, catalog_of, context_of

SERIALIZED = "serialized"
KEPT_ANSWERS = 10_000


class EncodedSchemas:
    """Answers to what every reader and writer of records asks, ready to be sent. A few are many: old ones go."""

    def __init__(self) -> None:
        self._schemas: LRUCache[tuple[int, str], tuple[StoredSchema, bytes]] = LRUCache(KEPT_ANSWERS)
        self._versions: LRUCache[tuple[str, int, str], tuple[StoredVersion, bytes]] = LRUCache(KEPT_ANSWERS)
        self._found: LRUCache[tuple[str, str, bytes], bytes] = LRUCache(KEPT_ANSWERS)
        self._changes = -1

    def schema(self, catalog: Catalog, schema: StoredSchema, form: str) -> bytes:
        """The schema in ``form``."""
        held = self._schemas.get((schema.id, form))
        if held is None or held[0] is not schema:
            held = self._schemas[schema.id, form] = schema, encode(schema.facts(text_of(catalog, schema, form)))
        return held[1]

    def version(self, catalog: Catalog, version: StoredVersion, form: str) -> bytes:
        """The version, its schema in ``form``."""
        name = (version.subject, version.version, form)
        held = self._versions.get(name)
        if held is None or held[0] is not version:
            held = self._versions[name] = version, encode(version_facts(catalog, version, form))
        return held[1]

    def found(self, catalog: Catalog) -> LRUCache[tuple[str, str, bytes], bytes]:
        """What schemas were found to be, by subject, query and request, since the last change of anything."""
        if self._changes != catalog.changes:
            self._found.clear()
            self._changes = catalog.changes
        return self._found


ENCODED: web.AppKey[EncodedSchemas] = web.AppKey("encoded", EncodedSchemas)


def text_of(catalog: Catalog, schema: StoredSchema, form: str) -> str:
    """The schema's text; ``serialized``: of Protobuf the base64 of its descriptor. No other form is known."""
    if form == SERIALIZED and schema.kind is SchemaKind.PROTOBUF:
        return serialized(schema, catalog.needed(schema.references))
    return schema.text


def version_facts(catalog: Catalog, version: StoredVersion, form: str = "") -> dict[str, Any]:
    """A version as Confluent's registry writes it."""
    schema = catalog.schema_of(version)
    deleted = {"deleted": True} if version.is_deleted else {}
    facts = schema.facts(text_of(catalog, schema, form))
    return {"subject": version.subject, "version": version.version, **facts, **deleted}


def form_of(request: web.Request) -> str:
    """Form of schemas that a client asks for."""
    form = request.query.get("format", "")
    return form if form == SERIALIZED else ""


def _by_id(request: web.Request) -> StoredSchema:
    name = request.match_info["id"]
    if not (name.isascii() and name.isdecimal()):
        raise refusals.no_path()
    return catalog_of(request).schema(int(name))


async def get_by_id(request: web.Request) -> web.Response:
    """``/schemas/ids/{id}``."""
    catalog, schema = catalog_of(request), _by_id(request)
    if not request.query_string:
        return answer(request, request.app[ENCODED].schema(catalog, schema, ""))
    if is_set(request, "fetchMaxId"):
        return answer(request, {**schema.facts(text_of(catalog, schema, form_of(request))), "maxId": catalog.last_id})
    return answer(request, request.app[ENCODED].schema(catalog, schema, form_of(request)))


async def get_text_by_id(request: web.Request) -> web.Response:
    """``/schemas/ids/{id}/schema``."""
    schema = _by_id(request)
    return answer(request, text_of(catalog_of(request), schema, form_of(request)).encode())


async def get_by_guid(request: web.Request) -> web.Response:
    """``/schemas/guids/{guid}``."""
    _, catalog, schema = _by_guid(request)[0]
    return answer(request, request.app[ENCODED].schema(catalog, schema, form_of(request)))


async def get_ids_of_guid(request: web.Request) -> web.Response:
    """``/schemas/guids/{guid}/ids``: one of each context that has it."""
    return answer(request, [{"context": context, "id": schema.id} for context, _, schema in _by_guid(request)])


def _by_guid(request: web.Request) -> list[tuple[str, Catalog, StoredSchema]]:
    """(context, its catalog, the schema) of each context that has it, at least one, the default one first."""
    guid = request.match_info["guid"]
    held = [(name, registry.catalog) for name, registry in request.app[CONTEXTS].all()]
    found = [(name, catalog, catalog.schema_of_guid(guid)) for name, catalog in held if catalog.has_guid(guid)]
    return found or [(DEFAULT, held[0][1], held[0][1].schema_of_guid(guid))]


def _places(request: web.Request) -> list[StoredVersion]:
    catalog, asked = catalog_of(request), split_subject(request.query.get("subject", ""))[1]
    subject = full_subject(context_of(request), asked)
    found = catalog.places(_by_id(request).id, deleted=is_set(request, "deleted"))
    return [held for held in found if subject in ("", held.subject)]


async def get_subjects_of_id(request: web.Request) -> web.Response:
    """``/schemas/ids/{id}/subjects``."""
    found = list(dict.fromkeys(held.subject for held in _places(request)))
    return answer(request, page(request, found))


async def get_versions_of_id(request: web.Request) -> web.Response:
    """``/schemas/ids/{id}/versions``."""
    found = [{"subject": held.subject, "version": held.version} for held in _places(request)]
    return answer(request, page(request, found))


async def get_types(request: web.Request) -> web.Response:
    """``/schemas/types``."""
    return answer(request, [kind.value for kind in LANGUAGES])


async def list_schemas(request: web.Request) -> web.Response:
    """``/schemas``: all versions, or each subject's newest."""
    catalogs, beginning = asked_catalogs(request, "")
    found = page(request, [(one, held) for one in catalogs for held in _listed(request, one, beginning)])
    return answer(request, [version_facts(catalog, held, form_of(request)) for catalog, held in found])


def _listed(request: web.Request, catalog: Catalog, beginning: str) -> Iterator[StoredVersion]:
    deleted, is_newest = is_set(request, "deleted"), is_set(request, "latestOnly")
    for subject in catalog.subjects(deleted=deleted):
        if split_subject(subject)[1].startswith(beginning):
            versions = catalog.versions(subject, deleted=deleted)
            yield from versions[-1:] if is_newest else versions


ROUTES = (
    ("GET", "/schemas", list_schemas),
    ("GET", "/schemas/types", get_types),
    ("GET", "/schemas/ids/{id}", get_by_id),
    ("GET", "/schemas/ids/{id}/schema", get_text_by_id),
    ("GET", "/schemas/ids/{id}/subjects", get_subjects_of_id),
    ("GET", "/schemas/ids/{id}/versions", get_versions_of_id),
    ("GET", "/schemas/guids/{guid}", get_by_guid),
    ("GET", "/schemas/guids/{guid}/ids", get_ids_of_guid),
)
