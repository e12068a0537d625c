"""Registry: what is not there is told from what cannot be asked, and a schema is asked for once."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from google.protobuf import wrappers_pb2

from streams.contracts.registry import (
    MemoryRegistry,
    RegisteredSchema,
    RegistryRefusedError,
    RegistryUnavailableError,
    SchemaKind,
    SchemaRegistry,
    find_schema,
)
from streams.contracts.registry_http import LARGEST_ID, HttpRegistry
from streams.embedded.registry import EmbeddedRegistry
from streams.errors import UnregisteredSchemaError

USER = '{"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]}'
HOME = '{"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]}'
TOWN = '{"type": "record", "name": "Town", "fields": [{"name": "homes", "type": {"type": "array", "items": "Home"}}]}'
FILE = base64.b64encode(wrappers_pb2.DESCRIPTOR.serialized_pb).decode()
NOWHERE = UUID(int=1)


@pytest.fixture
def server() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture(params=["http", "memory"])
def registry(request: pytest.FixtureRequest, server: EmbeddedRegistry) -> SchemaRegistry:
    return HttpRegistry(server.url) if request.param == "http" else MemoryRegistry()


def over(server: EmbeddedRegistry) -> HttpRegistry:
    return HttpRegistry(server.url, tries=1)


@pytest.mark.parametrize(
    ("kind", "text"), [(SchemaKind.AVRO, USER), (SchemaKind.JSON, '{"type":"object"}'), (SchemaKind.PROTOBUF, FILE)]
)
def test_what_is_registered_is_found_by_id_and_by_guid(registry: SchemaRegistry, kind: SchemaKind, text: str) -> None:
    registered = registry.register("t-value", kind, text)

    assert registered.id is not None
    assert registered.guid is not None
    by_id, by_guid = find_schema(registry, registered.id), find_schema(registry, registered.guid)
    assert {(found.kind, found.text) for found in (registered, by_id, by_guid)} == {(kind, text)}
    assert registry.register("other-value", kind, text).id == registered.id


@pytest.mark.parametrize("name", [99, NOWHERE, LARGEST_ID + 1, (1 << 32) - 1])
def test_what_is_not_there_is_the_records_fault(registry: SchemaRegistry, name: int | UUID) -> None:
    with pytest.raises(UnregisteredSchemaError) as caught:
        find_schema(registry, name)

    assert caught.value.reason == "registry_unknown_schema"


def test_references_come_with_what_they_need_before_them(server: EmbeddedRegistry) -> None:
    client = SchemaRegistryClient({"url": server.url})
    client.register_schema("user", Schema(USER, "AVRO"))
    client.register_schema("home", Schema(HOME, "AVRO", [SchemaReference("User", "user", 1)]))
    town = client.register_schema("town", Schema(TOWN, "AVRO", [SchemaReference("Home", "home", 1)]))

    references = over(server).by_id(town).references

    assert [(name, schema.text) for name, schema in references.items()] == [("User", USER), ("Home", HOME)]


def test_a_schema_is_asked_for_once(server: EmbeddedRegistry) -> None:
    registry = over(server)
    registered = registry.register("t-value", SchemaKind.AVRO, USER)
    first = registry.by_id(registered.id or 0)

    server.stop()

    assert registry.by_id(registered.id or 0) is first


def test_what_is_kept_is_bounded(server: EmbeddedRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.contracts.registry_http.KEPT_SCHEMAS", 2)
    registry = over(server)
    ids = [registry.register("t-value", SchemaKind.AVRO, f'"{name}"').id or 0 for name in ("int", "long", "string")]

    for schema_id in ids:
        registry.by_id(schema_id)

    assert len(registry._found) == 1


def test_a_registry_that_is_away_is_nobodys_fault_and_is_found_again(server: EmbeddedRegistry) -> None:
    registry = over(server)
    registered = registry.register("t-value", SchemaKind.AVRO, USER)
    server.stop()

    with pytest.raises(RegistryUnavailableError, match="ConnectError"):
        registry.by_id(registered.id or 0)
    with pytest.raises(RegistryUnavailableError, match="ConnectError"):
        registry.register("t-value", SchemaKind.AVRO, '"string"')
    server.start()

    assert registry.by_id(registered.id or 0).text == USER


def test_an_invalid_schema_is_refused_with_its_subject(server: EmbeddedRegistry) -> None:
    with pytest.raises(RegistryRefusedError, match="t-value: 42201"):
        over(server).register("t-value", SchemaKind.AVRO, '{"type": "recor"}')


Respond = Callable[[Callable[[str], tuple[int, object]]], str]


@pytest.fixture
def respond() -> Iterator[Respond]:
    """``respond(answer)``: the URL of a server that gives (status, JSON or text) for each path."""
    servers: list[HTTPServer] = []

    def serve(answer: Callable[[str], tuple[int, object]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode() if isinstance(body, str) else json.dumps(body).encode())

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        (404, "<html>not here</html>"),
        (404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        (401, {"error_code": 401, "message": "Unauthorized"}),
        (503, "busy"),
        (200, "<html>welcome</html>"),
        (200, []),
        (200, {}),
        (200, "\"hello\""),
    ],
)
def test_an_address_that_is_no_registry_makes_no_schema_unknown(respond: Respond, answer: tuple[int, object]) -> None:
    registry = HttpRegistry(respond(lambda path: answer), tries=1)

    for ask in (lambda: registry.by_id(1), lambda: registry.by_guid(NOWHERE)):
        with pytest.raises(RegistryUnavailableError):
            ask()
    with pytest.raises(RegistryUnavailableError):
        registry.register("t-value", SchemaKind.AVRO, USER)


def test_a_registry_before_guids_knows_none(respond: Respond) -> None:
    def answer(path: str) -> tuple[int, object]:
        if path.startswith("/schemas/types"):
            return 200, ["JSON", "PROTOBUF", "AVRO"]
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    with pytest.raises(UnregisteredSchemaError):
        HttpRegistry(respond(answer), tries=1).by_guid(NOWHERE)


def test_it_is_asked_again_a_bounded_number_of_times(respond: Respond, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.contracts.registry_http.PAUSE_MS", 1)
    asked: list[str] = []

    def answer(path: str) -> tuple[int, object]:
        asked.append(path)
        return (200, {"schema": USER}) if len(asked) == 3 else (503, "busy")

    url = respond(answer)

    assert HttpRegistry(url).by_id(1).text == USER
    assert len(asked) == 3
    with pytest.raises(RegistryUnavailableError):
        HttpRegistry(url).by_id(2)
    assert len(asked) == 6


def test_credentials_of_the_url_are_used_and_never_told(
    respond: Respond, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    seen: list[str | None] = []
    monkeypatch.setattr(BaseHTTPRequestHandler, "parse_request", _seeing(seen, BaseHTTPRequestHandler.parse_request))
    url = respond(lambda path: (503, "busy")).replace("http://", "http://me:secret@")

    with pytest.raises(RegistryUnavailableError) as caught:
        HttpRegistry(url, tries=1).by_id(1)

    assert seen == ["Basic bWU6c2VjcmV0"]
    assert "secret" not in str(caught.value) + caplog.text


def _seeing(seen: list[str | None], parse: Callable[[BaseHTTPRequestHandler], bool]) -> Callable[..., bool]:
    def parse_request(handler: BaseHTTPRequestHandler) -> bool:
        is_right = parse(handler)
        seen.append(handler.headers.get("Authorization"))
        return is_right

    return parse_request


def test_a_recorded_registry_can_be_put_in() -> None:
    registry = MemoryRegistry()
    recorded = registry.add(RegisteredSchema(kind=SchemaKind.AVRO, text=USER, id=40))

    assert registry.by_id(40) is recorded
    assert registry.register("t-value", SchemaKind.AVRO, '"string"').id == 41
