"""Accept: a quick yes for rows that a JSON Schema surely admits; anything else goes to the real validator.

A schema of plain columns becomes a ``msgspec`` struct, which checks types and bounds in C. It refuses more than the
schema does (1.0 for an integer, a rare form of an email address) and never less: a property test holds that. A schema
with a keyword that is not listed here has no quick yes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

import msgspec

Accept = Callable[[object], bool]
Check = Callable[[Any], bool]

_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "self", "title", "description", "examples", "default"})
_OF_ROW = _ANNOTATIONS | {"type", "properties", "required", "additionalProperties"}
_BOUNDS = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
_LENGTHS = {"minLength": "min_length", "maxLength": "max_length"}
_LARGEST = (1 << 63) - 1
_FORMATS = {
    "email": r"[A-Za-z0-9]{1,30}(?:[._+-][A-Za-z0-9]{1,15}){0,2}@[A-Za-z0-9]{1,60}(?:\.[A-Za-z]{2,20}){1,3}",
    "date": r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])",
    "date-time": r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-2]):[0-5][0-9])",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}
"""Texts that are surely of a format; others may be, too."""
_REMEMBERED_TEXTS = 65_536


class _Unlisted(Exception):
    """A part of the schema that only the real validator knows."""


def compile_accept(schema: object) -> Accept | None:
    """A function that is true only for values that ``schema`` admits; ``None`` where no quick yes is known."""
    if not isinstance(schema, Mapping) or not schema.keys() <= _OF_ROW or schema.get("type") != "object":
        return None
    properties, required = schema.get("properties"), frozenset(schema.get("required", ()))
    is_open = schema.get("additionalProperties", True) is True
    if not isinstance(properties, Mapping) or not properties or not is_open or not required <= properties.keys():
        return None
    checks: list[tuple[str, Check]] = []
    try:
        # Fields are numbered: a column may be called what Python or msgspec may not.
        names = {f"c{number}": name for number, name in enumerate(properties)}
        fields = [_field(field, properties[name], name in required, checks) for field, name in names.items()]
        shape = msgspec.defstruct("Row", sorted(fields, key=len), rename=names, gc=False)
    except (_Unlisted, TypeError, ValueError):
        return None
    return _accept(shape, tuple(checks))


def _accept(shape: type[msgspec.Struct], checks: tuple[tuple[str, Check], ...]) -> Accept:
    convert, refusal = msgspec.convert, msgspec.ValidationError

    def accept(row: object) -> bool:
        try:
            held = convert(row, shape)
            for name, check in checks:
                if not check(getattr(held, name)):
                    return False
        except (refusal, ArithmeticError):
            return False
        return True

    return accept


def _field(name: str, rule: object, is_required: bool, checks: list[tuple[str, Check]]) -> tuple[Any, ...]:
    """A field of the struct; what a struct cannot say becomes one of ``checks``."""
    if not isinstance(rule, Mapping):
        raise _Unlisted
    rule = {keyword: held for keyword, held in rule.items() if keyword not in _ANNOTATIONS}
    kinds = rule.pop("type", None)
    if "enum" in rule and kinds is None:
        kinds = "string"
    kinds = {kinds} if isinstance(kinds, str) else set(kinds or ())
    is_nullable = "null" in kinds
    (kind,) = kinds - {"null"} if len(kinds - {"null"}) == 1 else (None,)
    shape, check = _shape(kind, rule, is_nullable=is_nullable)
    if check is not None:
        checks.append((name, _unless_absent(check, is_nullable=is_nullable, is_required=is_required)))
    if is_nullable and shape is not Any:
        shape = Union[shape, None]  # noqa: UP007  # built of values, not written
    return (name, shape) if is_required else (name, shape, msgspec.UNSET)


def _unless_absent(check: Check, *, is_nullable: bool, is_required: bool) -> Check:
    if is_required and not is_nullable:
        return check
    return lambda value: (is_nullable and value is None) or (not is_required and value is msgspec.UNSET) or check(value)


def _shape(kind: str | None, rule: dict[str, Any], *, is_nullable: bool) -> tuple[Any, Check | None]:
    """(type of the field, what is left to check) of a column without null; ``_Unlisted`` for unknown keywords."""
    match kind:
        case "integer" if rule.keys() <= _BOUNDS.keys() and all(map(_is_small, rule.values())):
            return _annotated(int, {_BOUNDS[keyword]: bound for keyword, bound in rule.items()}), None
        case "number" if rule.keys() <= _BOUNDS.keys() and all(map(_is_small, rule.values())):
            return Any, _number_check(rule)
        case "boolean" if not rule:
            return bool, None
        case "string" if rule.keys() == {"enum"}:
            words = [word for word in rule["enum"] if word is not None or not is_nullable]
            if words and all(isinstance(word, str) for word in words):
                return Literal[tuple(words)], None
        case "string" if rule.keys() <= {*_LENGTHS, "format"}:
            lengths = {_LENGTHS[keyword]: held for keyword, held in rule.items() if keyword in _LENGTHS}
            return _annotated(str, lengths), _format_check(rule.get("format"))
    raise _Unlisted


def _annotated(kind: type, limits: dict[str, Any]) -> Any:
    return Annotated[kind, msgspec.Meta(**limits)] if limits else kind


def _is_small(bound: object) -> bool:
    return isinstance(bound, int) and not isinstance(bound, bool) and abs(bound) <= _LARGEST


def _number_check(rule: Mapping[str, int]) -> Check:
    """Decimals and integers; floats are nowhere, and ``NaN`` raises on comparison, which is no yes."""
    bounds = tuple((getattr(operator, _BOUNDS[keyword]), bound) for keyword, bound in rule.items())

    def check(value: Any) -> bool:
        kind = type(value)
        if (kind is not Decimal or not value.is_finite()) and kind is not int:
            return False
        for holds, bound in bounds:  # noqa: SIM110  # a generator costs more than what it checks
            if not holds(value, bound):
                return False
        return True

    return check


def _format_check(name: object) -> Check | None:
    if name is None:
        return None
    pattern = _FORMATS.get(str(name))
    if pattern is None:
        raise _Unlisted
    matches = re.compile(pattern).fullmatch
    # The same addresses and moments come again and again.
    return lru_cache(_REMEMBERED_TEXTS)(lambda text: matches(text) is not None)
