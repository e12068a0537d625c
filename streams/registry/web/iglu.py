"""Iglu: the files of ``schemas/`` at the paths of a static Iglu repository, for its resolvers.

``connection: {http: {uri: "http://127.0.0.1:8081"}}``; with ``/api`` behind it too, as Iglu's own server has it.
"""

from __future__ import annotations

from aiohttp import web

from streams.contracts.registry import SchemaKind

from ..catalog import Catalog
from ..files import subject_of as file_subject
from ..model import StoredVersion
from .answers import REGISTRY, encode


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _missing() -> web.Response:
    return _json(encode({"message": "The schema is not found"}), 404)


def _files(catalog: Catalog, subject: str) -> list[StoredVersion]:
    """Versions of ``iglu:vendor/name/format``."""
    versions = (held for leads in (True, False) for held in catalog.versions(file_subject(subject, leads=leads)))
    return [held for held in versions if held.origin.startswith(f"{subject}/")]


def _subject_of(request: web.Request) -> str:
    asked = request.match_info
    return f"iglu:{asked['vendor']}/{asked['name']}/{asked['format']}"


async def get_schema(request: web.Request) -> web.Response:
    """``/schemas/{vendor}/{name}/{format}/{version}``: the schema, as it is."""
    catalog, subject = request.app[REGISTRY].catalog, _subject_of(request)
    for held in _files(catalog, subject):
        if held.origin == f"{subject}/{request.match_info['version']}":
            schema = catalog.schema_of(held)
            if schema.kind is SchemaKind.PROTOBUF:
                return web.Response(text=schema.text, content_type="text/plain")
            return _json(schema.text.encode())
    return _missing()


async def list_schemas(request: web.Request) -> web.Response:
    """``/schemas/{vendor}/{name}/{format}``: the URIs of all versions, oldest first."""
    found = [held.origin for held in _files(request.app[REGISTRY].catalog, _subject_of(request))]
    return _json(encode(found)) if found else _missing()


ROUTES = tuple(
    ("GET", f"{prefix}/schemas/{{vendor}}/{{name}}/{{format}}{version}", handler)
    for prefix in ("", "/api")
    for version, handler in (("/{version}", get_schema), ("", list_schemas))
)
"""``/schemas/ids/…`` and ``/schemas/guids/…`` stand before them."""
