"""JSON Schema: one schema is another one where their JSON is, white space aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from streams.contracts.compatibility import SchemaTextError
from streams.contracts.compatibility.json_schema.documents import checked_draft, read_schema
from streams.contracts.validation import SchemaError, compile_validator

UNNAMED = ("draft7", "2020-12", "draft4")
"""A schema that names no draft is read as draft 7, as Confluent's registry does, where it is one."""
NO_BASE = "json-schema:///"
"""What a validator takes as the place of a schema that does not name its own."""
_COMBINED = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "if", "then", "else", "not", "contains", "propertyNames")
_BY_NAME = ("$defs", "definitions", "patternProperties", "dependentSchemas")


def check(text: str, needed: Mapping[str, str]) -> None:
    """Raises ``SchemaTextError``; ``needed``: texts of the schemas it refers to, by the name in ``$ref``."""
    schema = read_schema(text)
    draft = checked_draft(schema, unnamed=UNNAMED)
    try:
        compile_validator(schema, draft=draft, resources=resources(text, needed))
    except SchemaError as error:
        raise SchemaTextError(str(error)) from None


def resources(text: str, needed: Mapping[str, str]) -> dict[str, object]:
    """``needed`` as values, by every URI that a ``$ref`` with its name comes to."""
    held = {name: json.loads(other) for name, other in needed.items()}
    bases = {NO_BASE, *filter(None, map(_own_uri, (json.loads(text), *held.values())))}
    return {urljoin(base, name): value for name, value in held.items() for base in ("", *sorted(bases))}


def identity(text: str) -> str:
    """Equal for equal schemas."""
    return json.dumps(_parsed(text), separators=(",", ":"))


def normalized(text: str) -> str:
    """The same schema with the members of objects in alphabetical order."""
    return json.dumps(_parsed(text), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def fields(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and definition of all properties, such as ``customer.id``."""
    return _fields(_parsed(text), "")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SchemaTextError("is no JSON") from None


def _own_uri(schema: Any) -> str | None:
    held = schema.get("$id", schema.get("id")) if isinstance(schema, dict) else None
    return held if isinstance(held, str) and "://" in held else None


def _fields(schema: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(schema, dict):
        return
    for name, held in _members(schema, "properties"):
        inner = f"{path}.{name}" if path else name
        yield inner, held if isinstance(held, dict) else {}
        yield from _fields(held, inner)
    for word in _COMBINED:
        parts = schema.get(word)
        for part in parts if isinstance(parts, list) else ():
            yield from _fields(part, path)
    for word in _SINGLE:
        yield from _fields(schema.get(word), path)
    for word in _BY_NAME:
        for _, held in _members(schema, word):
            yield from _fields(held, path)


def _members(schema: Mapping[str, Any], word: str) -> Iterator[tuple[str, Any]]:
    held = schema.get(word)
    return iter(held.items()) if isinstance(held, dict) else iter(())
