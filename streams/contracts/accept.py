"""Accept: a quick yes for rows that a JSON Schema surely admits; anything else goes to the real validator.

A schema of plain columns becomes a ``msgspec`` struct, which checks types and bounds in C, of a row or while a row is
read from JSON. It refuses more than the schema does (a rare form of an email address) and never less: a property test
holds that. A schema with a keyword that is not listed here has no quick yes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from keyword import iskeyword
from operator import attrgetter
from typing import Annotated, Any, Literal, Union

import msgspec

Accept = Callable[[object], bool]
Check = Callable[[Any], bool]

_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "self", "title", "description", "examples", "default", "x-physical-type", "x-unit")
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """The plain columns of a schema; whatever fits them all is a row that the schema admits."""

    columns: tuple[str, ...]
    """In the order of the schema."""
    fields: tuple[tuple[Any, ...], ...]
    """As ``msgspec.defstruct`` takes them, required columns first."""
    checks: tuple[tuple[str, Check], ...]
    """What a struct cannot say, by column."""
    has_free_text: bool
    """A column takes any text, of no format and not one of some words."""

    @property
    def has_optional(self) -> bool:
        """A row may lack a column; a struct then holds ``UNSET``."""
        return any(len(field) > 2 for field in self.fields)

    @property
    def fits(self) -> Callable[[Any], bool]:
        """Whether a struct of this shape passes the checks; raises ``ArithmeticError`` for numbers that are none."""
        checks = [(attrgetter(name), check) for name, check in self.checks]
        match checks:  # few checks are the rule, and a loop costs more than they do
            case []:
                return lambda row: True
            case [(read, check)]:
                return lambda row: check(read(row))
            case [(read, check), (read_next, check_next)]:
                return lambda row: check(read(row)) and check_next(read_next(row))
            case _:
                return lambda row: all(check(read(row)) for read, check in checks)

    def struct(self, *, is_closed: bool) -> type[msgspec.Struct]:
        """The struct of a row; ``is_closed``: it has no other columns than these."""
        return msgspec.defstruct("Row", self.fields, gc=False, forbid_unknown_fields=is_closed)


def compile_shape(schema: object) -> RowShape | None:
    """The shape of rows that ``schema`` surely admits; ``None`` where only the validator knows."""
    if not isinstance(schema, Mapping) or not schema.keys() <= _OF_ROW or schema.get("type") != "object":
        return None
    properties, required = schema.get("properties"), frozenset(schema.get("required", ()))
    is_open = schema.get("additionalProperties", True) is True
    if not isinstance(properties, Mapping) or not properties or not is_open or not required <= properties.keys():
        return None
    checks: list[tuple[str, Check]] = []
    try:
        fields = [_field(name, rule, name in required, checks) for name, rule in properties.items()]
        shape = RowShape(
            columns=tuple(properties),
            fields=tuple(sorted(fields, key=len)),
            checks=tuple(checks),
            has_free_text=any(map(_is_free_text, properties.values())),
        )
        shape.struct(is_closed=True)
    except (_Unlisted, TypeError, ValueError):
        return None
    return shape


def compile_accept(shape: RowShape) -> Accept:
    """A function that is true only for values that the schema of ``shape`` admits."""
    convert, refusal = msgspec.convert, msgspec.ValidationError
    struct, fits = shape.struct(is_closed=False), shape.fits

    def accept(row: object) -> bool:
        try:
            return fits(convert(row, struct))
        except (refusal, ArithmeticError):
            return False

    return accept


def _field(name: str, rule: object, is_required: bool, checks: list[tuple[str, Check]]) -> tuple[Any, ...]:
    """A field of the struct; what a struct cannot say becomes one of ``checks``."""
    if not isinstance(rule, Mapping) or not name.isidentifier() or iskeyword(name) or name.startswith("__"):
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
        case "integer" if rule.keys() <= _BOUNDS.keys() and all(map(_is_kept, rule, rule.values())):
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


def _is_kept(keyword: str, bound: object) -> bool:
    """A struct holds it, too; the least integer of 64 bits is one further away than the largest."""
    return _is_small(bound) or (keyword == "minimum" and bound == -_LARGEST - 1 and not isinstance(bound, float))


def _is_free_text(rule: Mapping[str, Any]) -> bool:
    kinds = rule.get("type", ())
    return "string" in (kinds if isinstance(kinds, list) else [kinds]) and not rule.keys() & {"enum", "format"}


def _number_check(rule: Mapping[str, int]) -> Check:
    """Decimals and integers; floats are nowhere, and ``NaN`` raises on comparison, which is no yes."""
    bounds = tuple((getattr(operator, _BOUNDS[keyword]), Decimal(bound)) for keyword, bound in rule.items())

    def is_number(value: Any) -> bool:
        return (type(value) is Decimal and value.is_finite()) or type(value) is int

    if len(bounds) != 1:
        return lambda value: is_number(value) and all(holds(value, bound) for holds, bound in bounds)
    ((only, limit),) = bounds

    # One bound is the rule, and a call costs more than the question: it is written out.
    def check(value: Any) -> bool:
        return ((type(value) is Decimal and value.is_finite()) or type(value) is int) and only(value, limit)

    return check


def _format_check(name: object) -> Check | None:
    if name is None:
        return None
    pattern = _FORMATS.get(str(name))
    if pattern is None:
        raise _Unlisted
    return _Verdicts(re.compile(pattern)).__getitem__


class _Verdicts(dict[str, bool]):
    """Whether texts match; the same addresses and moments come again and again, and a dictionary is asked quickest."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        super().__init__()
        self._pattern = pattern

    def __missing__(self, text: str) -> bool:
        if len(self) >= _REMEMBERED_TEXTS:
            self.clear()
        verdict = self[text] = self._pattern.fullmatch(text) is not None
        return verdict
