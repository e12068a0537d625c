"""A registry to test: on a free port, in a thread of this process."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from streams.contracts import Contracts
from streams.registry.serve import open_registry
from streams.registry.web.app import make_app

USER = json.dumps({"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]})
USER_WITH_NAME = json.dumps({
    "type": "record", "name": "User",
    "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": "string", "default": ""}],
})  # fmt: skip
USER_OF_TEXT = USER.replace("long", "string")


@contextmanager
def running(folder: Path, contracts: Contracts | None = None) -> Iterator[str]:
    """The URL of a registry on ``folder``, until the block ends."""
    loop = asyncio.new_event_loop()
    registry = open_registry(folder, contracts)
    runner = web.AppRunner(make_app(registry, contracts), access_log=None)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def ask(url: str, method: str, path: str, body: object = None, accept: str | None = None) -> tuple[int, Any]:
    """(status, JSON)."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"} | ({"Accept": accept} if accept else {})
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def code_of(url: str, method: str, path: str, body: object = None) -> tuple[int, int]:
    """(status, error code) of what is refused; (200, 0) where nothing is."""
    status, said = ask(url, method, path, body)
    return status, said["error_code"] if status != 200 else 0


def put(url: str, subject: str, schema: str, kind: str = "AVRO", **more: Any) -> int:
    """The id of what is registered; the test fails where it is refused."""
    path = f"/subjects/{quote(subject, safe='')}/versions"
    status, said = ask(url, "POST", path, {"schema": schema, "schemaType": kind, **more})
    assert status == 200, said
    return int(said["id"])
