"""Documents: a JSON Schema as given, checked and in the draft it is to be read in."""

from __future__ import annotations

import json
from typing import Any

from streams.contracts.drafts import draft_of
from streams.contracts.validation import check_schema

from ..model import SchemaTextError


def read_schema(schema: Any) -> Any:
    """The schema as a value; raises ``SchemaTextError``. Its own name and version (``self``) say nothing of data."""
    if isinstance(schema, str | bytes):
        try:
            schema = json.loads(schema)
        except ValueError as error:
            raise SchemaTextError(f"is no JSON: {error}") from None
    if not isinstance(schema, dict | bool):
        raise SchemaTextError("a JSON Schema is an object, true or false")
    return {name: held for name, held in schema.items() if name != "self"} if isinstance(schema, dict) else schema


def checked_draft(schema: Any, *, unnamed: tuple[str, ...]) -> str:
    """The draft that ``schema`` names, else the first of ``unnamed`` that it is valid in; else ``SchemaTextError``."""
    named = isinstance(schema, dict) and "$schema" in schema
    draft = draft_of(schema)
    candidates = (draft,) if named else unnamed
    for candidate in candidates:
        if candidate is not None and not check_schema(schema, candidate):
            return candidate
    faults = check_schema(schema, candidates[0])
    raise SchemaTextError("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
