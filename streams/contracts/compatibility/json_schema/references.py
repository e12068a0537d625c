"""References: what a ``$ref`` points to, inside a document and in the schemas given with it. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_DATA = ("enum", "const", "default", "examples", "example")


class UnknownReferenceError(ValueError):
    """A ``$ref`` that leads nowhere."""


class References:
    """Every place of a document and of its resources that a ``$ref`` can name."""

    def __init__(self, document: object, resources: Mapping[str, object]) -> None:
        self._document = document
        self._by_uri: dict[str, Any] = {}
        self._by_anchor: dict[tuple[int, str], Any] = {}
        self._root_of: dict[int, Any] = {}
        self._walk(document, document)
        for uri, schema in resources.items():
            self._by_uri[uri.rstrip("#")] = schema
            self._walk(schema, schema)

    def target(self, reference: str, near: object) -> Any:
        """What ``reference``, found in the schema ``near``, points to; raises ``UnknownReferenceError``.

        A schema that is no part of the document is read as if it stood at its root.
        """
        uri, _, fragment = reference.partition("#")
        root = self._resource(uri) if uri else self._root_of.get(id(near), self._document)
        if root is None:
            raise UnknownReferenceError(f"a $ref leads nowhere: {reference}")
        if fragment and not fragment.startswith("/"):
            if (id(root), fragment) not in self._by_anchor:
                raise UnknownReferenceError(f"a $ref leads nowhere: {reference}")
            return self._by_anchor[id(root), fragment]
        return _pointed(root, fragment, reference)

    def _resource(self, uri: str) -> Any:
        if uri in self._by_uri:
            return self._by_uri[uri]
        ending = "/" + uri.removeprefix("./").lstrip("/")
        return next((held for known, held in self._by_uri.items() if known.endswith(ending)), None)

    def _walk(self, schema: Any, root: Any) -> None:
        if isinstance(schema, list):
            for held in schema:
                self._walk(held, root)
        if not isinstance(schema, dict):
            return
        root = self._named(schema, root)
        self._root_of[id(schema)] = root
        for keyword, held in schema.items():
            if keyword not in _DATA:
                self._walk(held, root)

    def _named(self, schema: dict[str, Any], root: Any) -> Any:
        """Notes the names of ``schema``; it is the root of its own references where it has an ``$id``."""
        for name in _names(schema, ("$id", "id")):
            if name.startswith("#"):
                self._by_anchor[id(root), name[1:]] = schema
            else:
                self._by_uri[name.rstrip("#")] = root = schema
        for name in _names(schema, ("$anchor", "$dynamicAnchor")):
            self._by_anchor[id(root), name] = schema
        return root


def _names(schema: Mapping[str, Any], keywords: tuple[str, ...]) -> Iterator[str]:
    return (schema[keyword] for keyword in keywords if isinstance(schema.get(keyword), str))


def _pointed(root: Any, pointer: str, reference: str) -> Any:
    held = root
    for step in pointer.split("/")[1:]:
        name = step.replace("%25", "%").replace("~1", "/").replace("~0", "~")
        try:
            held = held[int(name)] if isinstance(held, list) else held[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise UnknownReferenceError(f"a $ref leads nowhere: {reference}") from None
    return held
