"""Drafts: which version of JSON Schema a document is written in, as its ``$schema`` says.

Source: the meta-schemas of json-schema.org, and Iglu's for self-describing schemas, whose vocabulary is draft 4's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IGLU_META_SCHEMA = "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#"
NEWEST_DRAFT = "2020-12"

META_SCHEMAS: Mapping[str, str] = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
"""Meta-schema by draft."""

_DRAFT_BY_META_SCHEMA = {uri.rstrip("#"): draft for draft, uri in META_SCHEMAS.items()}
_DRAFT_BY_META_SCHEMA[IGLU_META_SCHEMA.rstrip("#")] = "draft4"


def draft_of(schema: object) -> str | None:
    """The draft that ``$schema`` names; the newest where it names none, ``None`` where it is not known here."""
    if not isinstance(schema, dict) or "$schema" not in schema:
        return NEWEST_DRAFT
    named = schema["$schema"]
    return _DRAFT_BY_META_SCHEMA.get(named.rstrip("#")) if isinstance(named, str) else None


def draft_within(schema: object, draft: str) -> str:
    """The draft of a schema that one of ``draft`` refers to: its own where it names one."""
    names_draft = isinstance(schema, dict) and "$schema" in schema
    return (draft_of(schema) if names_draft else None) or draft


def in_draft(schema: Any, draft: str) -> Any:
    """``schema`` with the ``$schema`` that a validator knows for ``draft``."""
    return {**schema, "$schema": META_SCHEMAS[draft]} if isinstance(schema, dict) else schema
