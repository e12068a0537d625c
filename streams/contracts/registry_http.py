"""A registry over HTTP: Confluent's, or anything that speaks like it.

The client does the talking, with its retries and its credentials; here its answers become ours. Every request and
all its retries end within ``patience``, because a worker decodes inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx  # whichever it was installed with
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.errors import UnregisteredSchemaError

from .registry import RegisteredSchema, RegistryRefusedError, RegistryUnavailableError, SchemaKind

TRIES = 3
PAUSE_MS = 250
TIMEOUT_SECONDS = 2.0
"""Three tries and the pauses between them stay below a worker's transaction of 8 s."""
KEPT_SCHEMAS = 10_000
LARGEST_ID = (1 << 31) - 1
"""Registries count in Java's int."""
SERIALIZED = "serialized"
"""Protobuf as a descriptor and not as text; registries give other schemas as they are."""
NOT_FOUND_CODES = {40401, 40402, 40403}
"""No such subject, version, schema."""
REFUSALS = {409, 422}
NO_ANSWERS = (httpx.HTTPError, ValueError, TypeError, AttributeError)
"""What the client raises when nothing answers, or something that is no registry."""
Found = TypeVar("Found")


class HttpRegistry:
    """``url`` may hold credentials and may be several, separated by commas: the next is asked where one fails."""

    def __init__(self, url: str, *, tries: int = TRIES, timeout_s: float = TIMEOUT_SECONDS) -> None:
        self.name, user = _cut_credentials(url)
        self._client = SchemaRegistryClient(
            {
                # Not in the URL: the client logs it with each request.
                "url": self.name,
                **({} if user is None else {"basic.auth.user.info": user}),
                "timeout": timeout_s,
                "max.retries": tries - 1,
                "retries.wait.ms": PAUSE_MS,
                "retries.max.wait.ms": 4 * PAUSE_MS,
            }
        )
        self._found: dict[int | UUID, RegisteredSchema] = {}

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """See ``SchemaSource``."""
        if schema_id > LARGEST_ID:
            raise UnregisteredSchemaError(schema_id)
        return self._find(schema_id, lambda: self._client.get_schema(schema_id, fmt=SERIALIZED))

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        """See ``SchemaSource``."""
        return self._find(guid, lambda: self._client.get_schema_by_guid(str(guid), fmt=SERIALIZED))

    def _find(self, name: int | UUID, ask: Callable[[], Schema]) -> RegisteredSchema:
        found = self._found.get(name)
        if found is None:
            try:
                found = self._fetched(name, ask)
            except RegistryUnavailableError as error:
                error.again = lambda: self._find(name, ask)
                raise
            self._keep(name, found)
        return found

    def _fetched(self, name: int | UUID, ask: Callable[[], Schema]) -> RegisteredSchema:
        schema = self._ask(ask)
        if schema is None:
            raise UnregisteredSchemaError(name)
        if not schema.schema_str:
            raise self._unavailable("answered without a schema")
        return self._registered(schema, name)

    def _keep(self, name: int | UUID, schema: RegisteredSchema) -> None:
        if len(self._found) >= KEPT_SCHEMAS:
            self._found.clear()
            self._client.clear_caches()
        self._found[name] = schema

    def _registered(self, schema: Schema, name: int | UUID) -> RegisteredSchema:
        return RegisteredSchema(
            kind=self._kind_of(schema),
            text=schema.schema_str,
            id=None if isinstance(name, UUID) else name,
            guid=name if isinstance(name, UUID) else None,
            references=self._references(schema),
        )

    def _kind_of(self, schema: Schema) -> SchemaKind:
        try:
            return SchemaKind(schema.schema_type or "AVRO")
        except ValueError:
            raise RegistryUnavailableError(
                f"the schema registry {self.name} has a schema of a type that is neither Avro, JSON nor Protobuf"
            ) from None

    def _references(self, schema: Schema) -> dict[str, RegisteredSchema]:
        """Depth first: what a schema needs comes before it."""
        found: dict[str, RegisteredSchema] = {}
        for reference in schema.references or ():
            version = self._ask(
                lambda place=reference: self._client.get_version(  # type: ignore[misc]
                    place.subject, place.version, deleted=True, fmt=SERIALIZED
                )
            )
            if version is None:
                raise RegistryUnavailableError(
                    f"the schema registry {self.name} lacks {reference.subject}, which one of its schemas refers to"
                )
            inner = self._references(version.schema)
            found.update(inner)
            found[reference.name] = RegisteredSchema(
                kind=self._kind_of(version.schema),
                text=version.schema.schema_str,
                id=version.schema_id,
                references=inner,
            )
        return found

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """See ``SchemaRegistry``."""
        try:
            answer = self._client.register_schema_full_response(subject, Schema(text, kind.value))
        except SchemaRegistryError as error:
            if error.http_status_code in REFUSALS:
                raise RegistryRefusedError(subject, f"{error.error_code} {error.error_message}") from None
            raise self._unavailable(f"answered {error.http_status_code}") from None
        except NO_ANSWERS as error:
            raise self._unavailable(type(error).__name__) from None
        if answer.schema_id is None:
            raise self._unavailable("answered without an id")
        guid = None if answer.guid is None else UUID(answer.guid)
        return RegisteredSchema(kind=kind, text=text, id=answer.schema_id, guid=guid)

    def _ask(self, ask: Callable[[], Found]) -> Found | None:
        """``None``: the registry has it not. Raises ``RegistryUnavailableError``."""
        try:
            return ask()
        except SchemaRegistryError as error:
            if error.error_code in NOT_FOUND_CODES or (error.http_status_code == 404 and self._is_registry()):
                return None
            raise self._unavailable(f"answered {error.http_status_code}") from None
        except NO_ANSWERS as error:
            raise self._unavailable(type(error).__name__) from None

    def _is_registry(self) -> bool:
        """Whether a registry is there: a wrong address answers 404 too, and would make every schema unknown.

        A registry before GUIDs does not know their path; there, no GUID is known.
        """
        try:
            types: Any = self._client.get_schema_types()
        except (SchemaRegistryError, *NO_ANSWERS):
            return False
        return isinstance(types, list) and "AVRO" in types

    def _unavailable(self, why: str) -> RegistryUnavailableError:
        return RegistryUnavailableError(
            f"the schema registry {self.name} could not be asked ({why}); start it, or mend its URL"
        )

    def close(self) -> None:
        """Leave the connections."""
        self._client.close()


def _cut_credentials(urls: str) -> tuple[str, str | None]:
    """(the URLs without them, ``user:password`` of the first URL that has them).

    >>> _cut_credentials("http://me:se%40cret@one:8081,http://two")
    ('http://one:8081,http://two', 'me:se@cret')
    """
    parts = [urlsplit(url.strip()) for url in urls.split(",")]
    users = [unquote(part.netloc.rpartition("@")[0]) for part in parts]
    shown = [part._replace(netloc=part.netloc.rpartition("@")[2]).geturl() for part in parts]
    return ",".join(shown), next((user for user in users if ":" in user), None)
