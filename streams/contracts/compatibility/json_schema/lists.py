"""Lists: schemas that list thousands of values, for which set algebra would take minutes.

Two that differ in their lists alone are told apart place by place: more values at a place where more values admit
more make a wider schema. And documents that break are looked for among the values that only one side lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .scalars import json_key

_MANY = 1_500
_WIDENS_BY_NAME = ("properties", "patternProperties")
_WIDENS_IN_LIST = ("allOf", "anyOf", "prefixItems")
_WIDENS = ("items", "additionalProperties", "then", "else")


def lists_many(schema: Any) -> bool:
    """Whether ``schema`` lists so many values that the algebra should not be asked."""
    return _listed(schema) > _MANY


def _listed(schema: Any) -> int:
    if isinstance(schema, list):
        return sum(map(_listed, schema))
    if not isinstance(schema, dict):
        return 0
    return sum(len(held) if word == "enum" else _listed(held) for word, held in schema.items())


def is_wider_list(reader: Any, writer: Any) -> bool:
    """Whether ``reader`` is ``writer`` with more values in some lists, for sure."""
    if not isinstance(reader, dict) or not isinstance(writer, dict) or reader.keys() != writer.keys():
        return bool(reader == writer)
    if any(word.startswith("unevaluated") for word in reader):
        return reader == writer
    return all(_is_wider(word, reader[word], writer[word]) for word in reader)


def _is_wider(word: str, reader: Any, writer: Any) -> bool:
    if word == "enum":
        return set(map(json_key, writer)) <= set(map(json_key, reader))
    if word in _WIDENS_BY_NAME:
        return reader.keys() == writer.keys() and all(is_wider_list(reader[name], writer[name]) for name in reader)
    if word in _WIDENS_IN_LIST:
        return len(reader) == len(writer) and all(map(is_wider_list, reader, writer))
    return is_wider_list(reader, writer) if word in _WIDENS else bool(reader == writer)


def only_in(writer: Any, reader: Any) -> Any:
    """``writer`` with lists of what ``reader`` does not list at the same place, where there is such a value."""
    if isinstance(writer, list) and isinstance(reader, list):
        return [only_in(*pair) for pair in zip(writer, reader, strict=False)] + writer[len(reader) :]
    if not isinstance(writer, dict) or not isinstance(reader, dict):
        return writer
    return {word: _only(word, held, reader) for word, held in writer.items()}


def _only(word: str, held: Any, reader: Mapping[str, Any]) -> Any:
    if word == "enum" and isinstance(reader.get("enum"), list):
        known = set(map(json_key, reader["enum"]))
        return [value for value in held if json_key(value) not in known] or held
    return held if word in ("enum", "const") else only_in(held, reader.get(word))
