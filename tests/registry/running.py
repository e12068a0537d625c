"""A registry to test: on a free port, in a thread of this process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from streams.contracts import Contracts
from streams.embedded.registry import EmbeddedRegistry

USER = json.dumps({"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]})
USER_WITH_NAME = json.dumps({
    "type": "record", "name": "User",
    "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": "string", "default": ""}],
})  # fmt: skip
USER_OF_TEXT = USER.replace("long", "string")


@contextmanager
def running(folder: Path, contracts: Contracts | None = None) -> Iterator[str]:
    """The URL of a registry on ``folder``, until the block ends."""
    with EmbeddedRegistry(folder, contracts, level="BACKWARD") as registry:
        yield registry.url


def ask(
    url: str, method: str, path: str, body: object = None, accept: str | None = None, **more: str
) -> tuple[int, Any]:
    """(status, JSON); ``more``: headers."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"} | ({"Accept": accept} if accept else {}) | more
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
