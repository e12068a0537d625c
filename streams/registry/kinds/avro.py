"""Avro: one schema is another one where their JSON is, the order of an object's members aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import fastavro

from streams.contracts.compatibility import SchemaTextError
from streams.contracts.compatibility.avro.schema import PRIMITIVES, read_avro

_NAMED = ("record", "error", "enum", "fixed")
_WRONG = (ValueError, TypeError, KeyError, AttributeError, RecursionError, fastavro.schema.SchemaParseException,
          fastavro.schema.UnknownType)  # fmt: skip


def parse(text: str) -> Any:
    """The schema as a value; raises ``SchemaTextError``."""
    try:
        return json.loads(text)
    except ValueError:
        if text.strip() in PRIMITIVES:
            return text.strip()
        raise SchemaTextError("is no JSON") from None


def check(text: str, needed: Mapping[str, str]) -> None:
    """Raises ``SchemaTextError``; ``needed``: texts of the types it refers to, what one of them needs before it."""
    named: dict[str, Any] = {}
    try:
        for held in needed.values():
            fastavro.parse_schema(parse(held), named_schemas=named)
        fastavro.parse_schema(parse(text), named_schemas=named)
    except _WRONG as error:
        raise SchemaTextError(f"{type(error).__name__}: {error}") from None
    read_avro(text, needed)


def identity(text: str) -> str:
    """Equal for equal schemas."""
    return json.dumps(_plain(parse(text)), sort_keys=True, separators=(",", ":"))


def normalized(text: str) -> str:
    """The same schema in one form: full names, members in order, nothing said twice."""
    return json.dumps(_full(_plain(parse(text)), ""), separators=(",", ":"), ensure_ascii=False)


def fields(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and definition of all fields, such as ``customer.id``."""
    return _fields(parse(text), "")


def _plain(schema: Any) -> Any:
    """``{"type": "string"}`` says no more than ``"string"``."""
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.keys() == {"type"}:
        return _plain(schema["type"])
    inner = {word: _plain(schema[word]) for word in ("type", "items", "values") if word in schema}
    if isinstance(schema.get("fields"), list):
        inner["fields"] = [_plain_field(field) for field in schema["fields"]]
    return {**schema, **inner}


def _plain_field(field: Any) -> Any:
    return {**field, "type": _plain(field["type"])} if isinstance(field, dict) and "type" in field else field


_ORDER = ("type", "name", "doc", "aliases", "fields", "symbols", "default", "size", "items", "values", "order")


def _full(schema: Any, namespace: str) -> Any:
    """With full names in place of namespaces."""
    if isinstance(schema, list):
        return [_full(branch, namespace) for branch in schema]
    if isinstance(schema, str):
        return schema if schema in PRIMITIVES or "." in schema or not namespace else f"{namespace}.{schema}"
    held = dict(schema)
    if held.get("type") in _NAMED:
        held["name"], namespace = _full_name(held, namespace)
        held.pop("namespace", None)
        if "fields" in held:
            held["fields"] = [_ordered({**one, "type": _full(one["type"], namespace)}) for one in held["fields"]]
    elif isinstance(held.get("type"), dict | list):
        held["type"] = _full(held["type"], namespace)
    for word in ("items", "values"):
        if word in held:
            held[word] = _full(held[word], namespace)
    return _ordered(held)


def _full_name(schema: Mapping[str, Any], namespace: str) -> tuple[str, str]:
    """(full name, its namespace)."""
    name = str(schema["name"])
    space = str(schema.get("namespace", namespace) or "")
    full = name if "." in name or not space else f"{space}.{name}"
    return full, full.rpartition(".")[0]


def _ordered(held: Mapping[str, Any]) -> dict[str, Any]:
    rest = sorted(word for word in held if word not in _ORDER)
    return {word: held[word] for word in (*(word for word in _ORDER if word in held), *rest)}


def _fields(schema: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _fields(branch, path)
    if not isinstance(schema, dict):
        return
    for field in schema["fields"] if schema.get("type") in ("record", "error") else ():
        inner = f"{path}.{field['name']}" if path else str(field["name"])
        yield inner, field
        yield from _fields(field["type"], inner)
    for word in ("type", "items", "values"):
        if isinstance(schema.get(word), dict | list):
            yield from _fields(schema[word], path)
