"""Shape: what is wrong with a document by its JSON Schema, with the nearest word for one that is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from streams.errors import Problem

from .documents import Document, Path, split_path
from .validation import Validator


def shape_problems(document: Document, schema: Mapping[str, Any], validator: Validator) -> Iterator[Problem]:
    """Every place where ``document`` breaks ``schema``; ``validator`` is the compiled schema."""
    yield from unknown_keys(document, document.value, schema, ())
    for violation in validator.violations(document.value):
        if violation.code != "additionalProperties":
            yield document.problem(split_path(violation.path), violation.message)


def unknown_keys(document: Document, value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """Keys that the grammar has not, each with the nearest that it has."""
    if isinstance(value, dict) and isinstance(known := schema.get("properties"), dict):
        for key, held in value.items():
            if key in known:
                yield from unknown_keys(document, held, known[key], (*path, key))
            else:
                near = get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"
                yield document.problem((*path, key), f"unknown key {key!r}{hint}")
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for index, held in enumerate(value):
            yield from unknown_keys(document, held, items, (*path, index))
    elif isinstance(value, dict) and isinstance(more := schema.get("additionalProperties"), dict):
        for key, held in value.items():
            yield from unknown_keys(document, held, more, (*path, key))
