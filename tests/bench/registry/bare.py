"""The floor: an aiohttp application that knows the answer before it is asked; says its port."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

BODY = sys.argv[1].encode()


async def _answer(request: web.Request) -> web.Response:
    return web.Response(body=BODY, headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})


async def _serve() -> None:
    application = web.Application()
    application.router.add_get("/schemas/ids/{id}", _answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(_serve())
