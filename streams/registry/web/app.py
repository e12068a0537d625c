"""App: everything that the registry serves."""

from __future__ import annotations

from aiohttp import web

from ..registry import Registry
from . import schemas, settings, subjects
from .answers import LARGEST_REQUEST, REGISTRY, answer, refuse
from .schemas import ENCODED, EncodedSchemas


async def _root(request: web.Request) -> web.Response:
    """Clients ask it to see that somebody is there."""
    return answer(request, {})


async def _contexts(request: web.Request) -> web.Response:
    """``/contexts``: there is the default one."""
    return answer(request, ["."])


async def _identity(request: web.Request) -> web.Response:
    """``/v1/metadata/id``."""
    return answer(request, {"scope": {"path": [], "clusters": {"schema-registry-cluster": "contract-streams"}}})


async def _live(request: web.Request) -> web.Response:
    """``/health/live``."""
    return answer(request, {"status": "live"})


ROUTES = (
    ("GET", "/", _root),
    *schemas.ROUTES,
    *subjects.ROUTES,
    *settings.ROUTES,
    ("GET", "/contexts", _contexts),
    ("GET", "/v1/metadata/id", _identity),
    ("GET", "/health/live", _live),
)
"""Method, path and who answers."""


def make_app(registry: Registry) -> web.Application:
    """The application of one registry; it closes the registry when it ends."""
    app = web.Application(middlewares=[refuse], client_max_size=LARGEST_REQUEST)
    app[REGISTRY] = registry
    app[ENCODED] = EncodedSchemas()
    for method, path, handler in ROUTES:
        for spelt in dict.fromkeys((path, f"{path.rstrip('/')}/")):
            app.router.add_route(method, spelt, handler)
    app.on_cleanup.append(_close)
    return app


async def _close(app: web.Application) -> None:
    await app[REGISTRY].close()
