"""Routes of the worker's HTTP interface."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import generate_latest

from ..engine import Engine

ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)


def add_routes(application: web.Application, engine: Engine) -> None:
    """Everything that a worker serves."""
    application[ENGINE] = engine
    application.router.add_get("/health/live", _live)
    application.router.add_get("/health/ready", _ready)
    application.router.add_get("/metrics", _metrics)


async def _live(request: web.Request) -> web.Response:
    """The process runs; the watchdog ends it when that stops being true."""
    return web.json_response({"status": "live"})


async def _ready(request: web.Request) -> web.Response:
    """Joined and restored: 200, else 503."""
    engine = request.app[ENGINE]
    body = {"ready": engine.is_ready, "tasks": sorted(engine.tasks), "assigned": sorted(engine.expected)}
    return web.json_response(body, status=200 if engine.is_ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    body = generate_latest(request.app[ENGINE].metrics.registry)
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
