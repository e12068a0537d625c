"""Validation: does a value fit a JSON Schema, and if not, where does it not?

By jsonschema-rs, formats asserted. What it says of a violation is built from the schema alone:
a path, the keyword and its rule. No value of the document is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jsonschema_rs

MASK = "***"

_VALIDATORS: Mapping[str, Any] = {
    "draft4": jsonschema_rs.Draft4Validator,
    "draft6": jsonschema_rs.Draft6Validator,
    "draft7": jsonschema_rs.Draft7Validator,
    "2019-09": jsonschema_rs.Draft201909Validator,
    "2020-12": jsonschema_rs.Draft202012Validator,
}
IGLU_META_SCHEMA = "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#"
_DRAFT_BY_META_SCHEMA = {
    IGLU_META_SCHEMA: "draft4",
    "http://json-schema.org/draft-04/schema": "draft4",
    "http://json-schema.org/draft-06/schema": "draft6",
    "http://json-schema.org/draft-07/schema": "draft7",
    "https://json-schema.org/draft/2019-09/schema": "2019-09",
    "https://json-schema.org/draft/2020-12/schema": "2020-12",
}
_NEWEST_DRAFT = "2020-12"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One place where a document breaks its schema."""

    path: str
    """Dotted, such as ``user.email`` or ``items[0].qty``; empty for the document itself."""
    code: str
    """The schema's keyword: ``required``, ``type``, ``format`` …"""
    message: str
    """The rule that is broken; never the value that breaks it."""


class SchemaError(ValueError):
    """A schema that cannot be compiled; the text says where."""


class Validator:
    """A compiled schema. ``is_valid`` is the compiled check itself, without a Python frame around it."""

    __slots__ = ("_inner", "is_valid")

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.is_valid: Callable[[object], bool] = inner.is_valid

    def violations(self, value: object) -> tuple[Violation, ...]:
        """Every violation of ``value``, in the order of the schema; empty if it is valid."""
        return tuple(_violation(error) for error in self._inner.iter_errors(value))


def compile_validator(
    schema: object,
    *,
    draft: str | None = None,
    formats: bool = True,
    resources: Mapping[str, object] | None = None,
) -> Validator:
    """Compile a JSON Schema.

    ``draft``: ``draft4`` … ``2020-12``; default: what ``$schema`` names, else 2020-12. Iglu's own ``$schema``
    means draft 4. ``formats``: assert ``format``. ``resources``: schemas by URI, for ``$ref``; nothing is fetched.
    Raises ``SchemaError``.
    """
    kind = _VALIDATORS[draft or draft_of(schema)]
    own_formats = {"uuid": _is_uuid} if formats else None
    known: list[Any] = list((resources or {}).items())
    registry = jsonschema_rs.Registry(known) if known else None
    try:
        inner = kind(
            _without_meta(schema), validate_formats=formats, formats=own_formats, mask=MASK, registry=registry,
            offline=True,
        )
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(_first_line(error)) from None
    return Validator(inner)


def draft_of(schema: object) -> str:
    """The draft that ``$schema`` names; the newest where it names none."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(named, str):
        return _NEWEST_DRAFT
    return _DRAFT_BY_META_SCHEMA.get(named) or _DRAFT_BY_META_SCHEMA.get(named.rstrip("#"), _NEWEST_DRAFT)


def _without_meta(schema: object) -> object:
    """Iglu's ``$schema`` is no draft that a validator knows, and ``self`` is no keyword."""
    if isinstance(schema, dict) and schema.get("$schema") not in (None, *_DRAFT_BY_META_SCHEMA):
        return schema
    return {key: held for key, held in schema.items() if key != "$schema"} if isinstance(schema, dict) else schema


def _is_uuid(text: object) -> bool:
    """RFC 9562 in its hyphenated form; drafts 4 to 7 do not assert it."""
    if not isinstance(text, str):
        return True
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _violation(error: Any) -> Violation:
    """Path, keyword and rule; a missing property is named as part of the path."""
    code = str(error.kind.name)
    path = list(error.instance_path)
    if code == "required":
        path.append(error.kind.property)
    return Violation(path=dotted(path), code=code, message=_rule(code, error.kind))


def _rule(code: str, kind: Any) -> str:
    match code:
        case "required":
            return "is required"
        case "type":
            return f"must be {' or '.join(map(str, kind.types))}"
        case "format":
            return f"must be a valid {kind.format}"
        case "maxLength" | "minLength" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return f"breaks {code} {kind.limit}"
        case "pattern":
            return f"must match {kind.pattern}"
        case "enum":
            return "must be one of the values that the schema lists"
        case "additionalProperties":
            return "has properties that the schema does not know"
        case _:
            return f"breaks the schema's {code}"


def dotted(path: list[str | int]) -> str:
    """``["items", 0, "qty"]`` as ``items[0].qty``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
