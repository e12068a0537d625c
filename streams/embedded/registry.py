"""An embedded schema registry: Confluent's REST interface on a free loopback port, in a thread, in memory.

It knows what serializers, deserializers and the usual tools ask. It does not judge compatibility: it says so (501),
and its level is NONE. Protobuf comes and goes as serialized descriptors.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from .registry_store import MODES, TYPES, RegistryAnswerError, RegistryStore, StoredSchema

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
NO_COMPATIBILITY = "The embedded registry does not judge compatibility; its level is NONE"
LARGEST_REQUEST = 16 << 20

Answer = Any
"""JSON."""


class RegistryApi:
    """Paths to answers, without HTTP."""

    def __init__(self, store: RegistryStore) -> None:
        self.store = store

    def answer(self, method: str, url: str, request: dict[str, Any]) -> Answer:
        """What is asked for; raises ``RegistryAnswerError``."""
        path = [unquote(part) for part in urlsplit(url).path.strip("/").split("/")]
        match [method, *path]:
            case ["GET", ""]:
                return {}
            case [_, "subjects", *rest]:
                return self._subjects(method, rest, request)
            case ["GET", "schemas", *rest]:
                return self._schemas(rest)
            case [_, "config", *subject] if len(subject) < 2:
                return self._config(method, request)
            case [_, "mode", *subject] if len(subject) < 2:
                return self._mode(method, "".join(subject), request)
            case [_, "compatibility", *_]:
                raise RegistryAnswerError(501, NO_COMPATIBILITY)
        raise RegistryAnswerError(404, "HTTP 404 Not Found")

    def _subjects(self, method: str, path: list[str], request: dict[str, Any]) -> Answer:
        match [method, *path]:
            case ["GET"]:
                return sorted(self.store.versions)
            case ["POST", subject]:
                return _version(subject, *self.store.lookup(subject, request))
            case ["GET", subject, "versions"]:
                return list(range(1, len(self.store.versions_of(subject)) + 1))
            case ["POST", subject, "versions"]:
                return _version(subject, *self.store.register(subject, request))
            case ["GET", subject, "versions", version]:
                return _version(subject, *self.store.version(subject, version))
            case ["GET", subject, "versions", version, "schema"]:
                return json.loads(self.store.version(subject, version)[1].text)
            case ["DELETE", *_]:
                raise RegistryAnswerError(501, "The embedded registry deletes nothing")
        raise RegistryAnswerError(404, "HTTP 404 Not Found")

    def _schemas(self, path: list[str]) -> Answer:
        match path:
            case ["types"]:
                return list(TYPES)
            case ["ids", schema_id]:
                return self.store.by_id(schema_id).facts()
            case ["ids", schema_id, "versions"]:
                return self.store.places_of(self.store.by_id(schema_id))
            case ["ids", schema_id, "subjects"]:
                return [place["subject"] for place in self.store.places_of(self.store.by_id(schema_id))]
            case ["guids", guid]:
                return self.store.by_guid(guid).facts()
        raise RegistryAnswerError(404, "HTTP 404 Not Found")

    def _config(self, method: str, request: dict[str, Any]) -> Answer:
        if method == "GET":
            return {"compatibilityLevel": "NONE"}
        if method == "PUT" and request.get("compatibility") == "NONE":
            return {"compatibility": "NONE"}
        raise RegistryAnswerError(501, NO_COMPATIBILITY)

    def _mode(self, method: str, subject: str, request: dict[str, Any]) -> Answer:
        if method == "GET":
            return {"mode": self.store.modes.get(subject, self.store.modes[""])}
        if method != "PUT" or request.get("mode") not in MODES:
            raise RegistryAnswerError(42204, f"Invalid mode. Valid values are {', '.join(MODES)}")
        self.store.modes[subject] = request["mode"]
        return {"mode": request["mode"]}


def _version(subject: str, version: int, schema: StoredSchema) -> Answer:
    return {"subject": subject, "version": version, **schema.facts()}


class EmbeddedRegistry:
    """One registry; a context manager. Stopped and started again it has its schemas and its port still."""

    def __init__(self) -> None:
        self.store = RegistryStore()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """For clients, once it is started."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on a free port the first time."""
        server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(RegistryApi(self.store).answer))
        server.daemon_threads = True
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="registry").start()

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> EmbeddedRegistry:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _handler(answer: Callable[[str, str, dict[str, Any]], Answer]) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        """One request after another, whatever connections they come by."""

        timeout = 30

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            try:
                if size > LARGEST_REQUEST:
                    raise RegistryAnswerError(413, "Too large")
                request = json.loads(self.rfile.read(size) or b"{}")
                with lock:
                    self._send(200, answer(self.command, self.path, request if isinstance(request, dict) else {}))
            except ValueError:
                self._send(400, {"error_code": 400, "message": "The request is not JSON"})
            except RegistryAnswerError as error:
                self._send(int(str(error.code)[:3]), {"error_code": error.code, "message": str(error)})

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def _send(self, status: int, body: Answer) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", MEDIA_TYPE)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: whoever embeds it has a log of their own."""

    return Handler
