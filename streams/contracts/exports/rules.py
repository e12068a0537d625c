"""Rules: what a schema says of a value beside its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import re2

_BY_KIND = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("minItems", "maxItems", "uniqueItems"),
}
_OF_64_BITS = (-(1 << 63), (1 << 63) - 1)
"""Bounds that integers have anyway, wherever types are written."""
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_"}
_AGAINST = {"D": "[^0-9]", "W": "[^A-Za-z0-9_]"}
_UNSURE = "sSbBpPkuxc0123456789"
"""Escapes that mean other things, or nothing, in other languages."""
_TOKENS = re.compile(r"\\(.)|([\[\]])|(\(\?)|(.)", re.DOTALL)


def rules_of(shape: Mapping[str, Any], kind: str) -> Mapping[str, object]:
    """The keywords of ``shape`` that are about values of the JSON type ``kind``."""
    rules = {name: shape[name] for name in _BY_KIND.get(kind, ()) if name in shape and shape[name] not in _OF_64_BITS}
    if "enum" in shape and kind in ("integer", "number"):
        rules["enum"] = [value for value in shape["enum"] if value is not None]
    return rules


def plain_pattern(pattern: object) -> str | None:
    r"""``pattern`` in words that JSON Schema, RE2, Rust, Java and PostgreSQL read alike; ``None`` where that cannot be.

    >>> plain_pattern(r"^\d{3}-[\w.]+$")
    '^[0-9]{3}-[A-Za-z0-9_.]+$'
    """
    if not isinstance(pattern, str):
        return None
    parts: list[str] = []
    is_class = False
    for escaped, bracket, group, other in _TOKENS.findall(pattern):
        if group or (escaped and escaped in _UNSURE) or (is_class and escaped in _AGAINST) or ord(other or "a") > 127:
            return None
        if is_class and (bracket == "[" or other == "&"):
            return None  # sets inside of sets
        is_class = bracket == "[" or (is_class and bracket != "]")
        parts.append(_part(escaped, is_class=is_class) if escaped else bracket or other)
    text = "".join(parts)
    try:
        re2.compile(text)
    except re2.error:
        return None
    return text


def _part(escaped: str, *, is_class: bool) -> str:
    if escaped in _CLASSES:
        return _CLASSES[escaped] if is_class else f"[{_CLASSES[escaped]}]"
    return _AGAINST.get(escaped, f"\\{escaped}")
