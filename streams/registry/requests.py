"""Requests: what clients send, as values; raises ``RefusalError`` for what is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streams.contracts.registry import SchemaKind

from . import refusals
from .catalog import LARGEST_NUMBER
from .contexts import full_subject, split_subject
from .model import Draft, Reference

LARGEST_SCHEMA = 4 << 20
_RESERVED = ("", "__GLOBAL", "__EMPTY")
_TYPES = ", ".join(kind.value for kind in SchemaKind)


def check_subject(subject: str) -> str:
    """``subject`` without its context; raises 42208 where nothing can be registered under it."""
    if subject in _RESERVED or subject.startswith(":") or re.search(r"[\x00-\x1f\x7f]", subject):
        raise refusals.bad_subject(subject)
    return subject


def in_context(draft: Draft, context: str) -> Draft:
    """``draft`` with the full names of what it refers to: what says no context is in its own, as it has to be."""
    return replace(draft, references=tuple(_placed(reference, context) for reference in draft.references))


def _placed(reference: Reference, context: str) -> Reference:
    named, subject = split_subject(reference.subject)
    if named not in (None, context):
        raise refusals.bad_schema("a reference leads to another context; register what it names in this one, too")
    return replace(reference, subject=full_subject(context, subject))


def read_draft(request: Any) -> Draft:
    """The schema in a request."""
    if not isinstance(request, dict):
        raise refusals.bad_schema("the request is no object")
    text = request.get("schema")
    if not isinstance(text, str) or not text.strip():
        raise refusals.bad_schema("Empty schema")
    if len(text) > LARGEST_SCHEMA:
        raise refusals.too_large()
    try:
        kind = SchemaKind(request.get("schemaType") or "AVRO")
    except ValueError:
        raise refusals.bad_schema(f"its type is none of {_TYPES}") from None
    return Draft(
        kind=kind,
        text=text,
        references=tuple(map(_reference, _listed(request.get("references")))),
        metadata=_object(request, "metadata"),
        rule_set=_rules(request),
        id=_number(request, "id"),
        version=_number(request, "version"),
    )


def _listed(held: Any) -> list[Any]:
    if held is not None and not isinstance(held, list):
        raise refusals.bad_schema("references are a list")
    return held or []


def _reference(held: Any) -> Reference:
    match held:
        case {"name": str(name), "subject": str(subject), "version": int(version)} if name and version >= -1:
            return Reference(name=name, subject=subject, version=version)
    raise refusals.bad_schema("a reference has a name, a subject and a version")


def _object(request: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """An empty one says nothing."""
    held = request.get(name)
    if held is not None and not isinstance(held, dict):
        raise refusals.bad_schema(f"{name} is an object")
    return held or None


def _rules(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    held = _object(request, "ruleSet")
    for rules in (held or {}).values():
        for rule in rules if isinstance(rules, list) else ():
            if not isinstance(rule, dict) or not isinstance(rule.get("name"), str):
                raise refusals.bad_rules("a rule is an object with a name")
    return held


def _number(request: Mapping[str, Any], name: str) -> int | None:
    """Of an import; -1 and 0 are as good as nothing."""
    held = request.get(name)
    if held is None:
        return None
    if isinstance(held, bool) or not isinstance(held, int) or held > LARGEST_NUMBER:
        raise refusals.bad_schema(f"{name} is a whole number up to {LARGEST_NUMBER}")
    return held if held > 0 else None
