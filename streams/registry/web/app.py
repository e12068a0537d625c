"""App: everything that the registry serves."""

from __future__ import annotations

from aiohttp import web

from streams.contracts import Contracts

from ..about import read_abouts
from ..contexts import Contexts
from ..registry import Registry
from ..search import Index
from . import browse, iglu, schemas, settings, subjects
from .answers import LARGEST_REQUEST, REGISTRY, answer, refuse
from .asked import CONTEXTS
from .browse import INDEX
from .schemas import ENCODED, EncodedSchemas


async def _contexts(request: web.Request) -> web.Response:
    """``/contexts``: their names."""
    return answer(request, request.app[CONTEXTS].names())


async def _identity(request: web.Request) -> web.Response:
    """``/v1/metadata/id``."""
    return answer(request, {"scope": {"path": [], "clusters": {"schema-registry-cluster": "contract-streams"}}})


async def _live(request: web.Request) -> web.Response:
    """``/health/live``."""
    return answer(request, {"status": "live"})


_OF_CONTEXTS = (*schemas.ROUTES, *subjects.ROUTES, *settings.ROUTES)
ROUTES = (
    *browse.ROUTES,
    *_OF_CONTEXTS,
    *iglu.ROUTES,
    ("GET", "/contexts", _contexts),
    ("GET", "/v1/metadata/id", _identity),
    ("GET", "/health/live", _live),
    *((method, f"/contexts/{{context}}{path}", handler) for method, path, handler in _OF_CONTEXTS),
)
"""Method, path and who answers."""


def make_app(registry: Registry, contracts: Contracts | None = None) -> web.Application:
    """The application of one registry, which is closed when it ends; ``contracts`` say what is known of files."""
    app = web.Application(middlewares=[refuse], client_max_size=LARGEST_REQUEST)
    app[REGISTRY], app[CONTEXTS] = registry, Contexts(registry)
    app[ENCODED] = EncodedSchemas()
    app[INDEX] = Index(read_abouts(contracts))
    app[INDEX].entries(registry.catalog)
    for method, path, handler in ROUTES:
        for spelt in dict.fromkeys((path, f"{path.rstrip('/')}/")):
            app.router.add_route(method, spelt, handler)
    app.on_cleanup.append(_close)
    return app


async def _close(app: web.Application) -> None:
    await app[CONTEXTS].close()
