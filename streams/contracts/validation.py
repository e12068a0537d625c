"""Validation: does a value fit a JSON Schema, and if not, where does it not?

By jsonschema-rs, formats asserted. What it says of a violation is built from the schema alone:
a path, the keyword and its rule. No value of the document is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

import jsonschema_rs

from .accept import RowShape, compile_accept, compile_shape
from .drafts import META_SCHEMAS, draft_of, draft_within, in_draft
from .violations import Violation, property_names, read_violation

MASK = "***"

_VALIDATORS: Mapping[str, Any] = {
    "draft4": jsonschema_rs.Draft4Validator,
    "draft6": jsonschema_rs.Draft6Validator,
    "draft7": jsonschema_rs.Draft7Validator,
    "2019-09": jsonschema_rs.Draft201909Validator,
    "2020-12": jsonschema_rs.Draft202012Validator,
}
_WITHOUT_UUID = frozenset({"draft4", "draft6", "draft7"})
"""Drafts that know no format uuid, so that their validators would pass anything."""


class SchemaError(ValueError):
    """A schema that cannot be compiled; the text says where."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        places = (f"{held.path}: " if held.path else "" for held in violations)
        super().__init__("; ".join(place + held.message for place, held in zip(places, violations, strict=True)))
        self.violations = violations


class Validator:
    """A compiled schema. ``shape``: of rows that need not be asked about one by one."""

    __slots__ = ("_inner", "_known_names", "is_valid", "shape")

    def __init__(
        self, inner: Any, known_names: frozenset[str] | None = None, *, shape: RowShape | None = None
    ) -> None:
        self._inner = inner
        self._known_names = known_names
        self.shape = shape
        is_valid: Callable[[object], bool] = inner.is_valid
        accept = None if shape is None else compile_accept(shape)
        self.is_valid = is_valid if accept is None else lambda value: accept(value) or is_valid(value)

    def violations(self, value: object) -> tuple[Violation, ...]:
        """Every violation of ``value``, in the order of the schema; empty if it is valid."""
        known = self._known_names
        return tuple(dict.fromkeys(read_violation(error, known) for error in self._inner.iter_errors(value)))

    def refusing_places(self, value: object) -> tuple[tuple[str, ...], ...]:
        """Where in the schema ``value`` is refused: steps down to each keyword, through references.

        Of a missing property, its name is the last step.
        """
        return tuple(dict.fromkeys(_place_of(error) for error in self._inner.iter_errors(value)))


def compile_validator(
    schema: object,
    *,
    draft: str | None = None,
    formats: bool = True,
    resources: Mapping[str, object] | None = None,
    hides_names: bool = False,
) -> Validator:
    """Compile a JSON Schema.

    ``draft``: ``draft4`` … ``2020-12``; default: what ``$schema`` names, else 2020-12. Iglu's own ``$schema``
    means draft 4. ``formats``: assert ``format``. ``resources``: schemas by URI, for ``$ref``; nothing is fetched, and
    those that name no draft are of the schema's. A ``$schema`` that is one of them says which vocabularies count.
    ``hides_names``: names of properties that only the document has are ``*`` in paths, for rows that hold private
    data. Raises ``SchemaError`` with every mistake.
    """
    own = None if resources is None else _own_dialect(schema, resources)
    kind = draft or draft_of(schema if own is None else own)
    if kind is None:
        raise SchemaError((_unknown_draft(),))
    if faults := check_schema(schema, kind):
        raise SchemaError(faults)
    known = {uri: in_draft(held, draft_within(held, kind)) for uri, held in (resources or {}).items()}
    names = frozenset(name for held in (schema, *known.values()) for name in property_names(held))
    try:
        inner = _VALIDATORS[kind](
            in_draft(schema, kind) if own is None else schema,
            validate_formats=formats if own is None else formats or None,
            formats={"uuid": _is_uuid} if formats and kind in _WITHOUT_UUID else None,
            mask=MASK,
            registry=jsonschema_rs.Registry(list(known.items())) if known else None,
            offline=True,
        )
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        message = _message_of(_first_line(error))
        raise SchemaError((Violation(path="", code="$ref", message=message),)) from None
    shape = compile_shape(schema) if formats and kind == "2020-12" else None
    return Validator(inner, names if hides_names else None, shape=shape)


def _own_dialect(schema: object, resources: Mapping[str, object]) -> object:
    """The meta-schema among ``resources`` that ``schema`` names, ``None`` where it names none of them."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    return resources.get(named) if isinstance(named, str) else None


def check_schema(schema: object, draft: str | None = None) -> tuple[Violation, ...]:
    """What is wrong with ``schema`` itself, by the meta-schema of ``draft``; references are not followed."""
    kind = draft or draft_of(schema)
    if kind is None:
        return (_unknown_draft(),)
    # A meta-schema reaches every place through several of its parts: keep one report of each place.
    found = {violation.path: violation for violation in _meta_validator(kind).violations(in_draft(schema, kind))}
    return tuple(found.values())


@cache
def _meta_validator(draft: str) -> Validator:
    return Validator(_VALIDATORS[draft]({"$ref": META_SCHEMAS[draft]}, validate_formats=True, mask=MASK))


def _unknown_draft() -> Violation:
    message = f"names no draft that is known here; write {META_SCHEMAS['2020-12']} (drafts 4, 6, 7, 2019-09 work too)"
    return Violation(path="$schema", code="$schema", message=message)


def _is_uuid(text: object) -> bool:
    """RFC 9562 in its hyphenated form."""
    if not isinstance(text, str):
        return True
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _place_of(error: Any) -> tuple[str, ...]:
    missing = (error.kind.property,) if error.kind.name == "required" else ()
    return (*map(str, error.evaluation_path), *missing)


def _message_of(told: str) -> str:
    if "Recursion limit" in told:
        return "is nested too deep"
    return f"a $ref leads nowhere: {told.split(' and retrieving it failed')[0]}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
