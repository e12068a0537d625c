"""Normal: a schema of any draft in the words of 2020-12, so that what follows knows one language.

Only what draft 2020-12 would read differently is rewritten; places keep their names wherever they can, for references.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"}
)
_DATA = ("enum", "const")
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_UNKNOWN_IN_4 = ("const", "contains", "propertyNames", "if", "then", "else")
_STAY_BESIDE_REF = ("$defs", "definitions", "$id")
_OLD = ("draft4", "draft6", "draft7")


def in_newest(schema: Any, draft: str) -> Any:
    """``schema`` of ``draft`` as one of 2020-12 that admits the same documents; annotations are left out."""
    if isinstance(schema, list):
        return [in_newest(held, draft) for held in schema]
    if not isinstance(schema, dict):
        return schema
    rules = {word: held for word, held in schema.items() if word not in _ANNOTATIONS and word != "$schema"}
    if draft in _OLD:
        rules = _of_old_draft(rules, draft)
    new = {word: _inside(word, held, draft) for word, held in rules.items()}
    return new if draft == "2020-12" else _positions(_dependencies(new))


def _inside(word: str, held: Any, draft: str) -> Any:
    if word in _DATA:
        return held
    if word in _BY_NAME and isinstance(held, Mapping):
        return {name: in_newest(part, draft) for name, part in held.items()}
    if word == "dependencies" and isinstance(held, Mapping):
        return {name: part if isinstance(part, list) else in_newest(part, draft) for name, part in held.items()}
    return in_newest(held, draft)


def _of_old_draft(rules: dict[str, Any], draft: str) -> dict[str, Any]:
    if "$ref" in rules:
        rules = {word: held for word, held in rules.items() if word == "$ref" or word in _STAY_BESIDE_REF}
    if rules.get("format") == "duration":
        rules = {word: held for word, held in rules.items() if word != "format"}
    if draft == "draft4":
        rules = {word: held for word, held in rules.items() if word not in _UNKNOWN_IN_4}
        rules = {"$id" if word == "id" and isinstance(held, str) else word: held for word, held in rules.items()}
        _exclusive(rules)
    name = rules.get("$id")
    if isinstance(name, str) and name.startswith("#"):
        del rules["$id"]
        rules["$anchor"] = name[1:]
    return rules


def _exclusive(rules: dict[str, Any]) -> None:
    for limit, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if rules.pop(word, False) is True and limit in rules:
            rules[word] = rules.pop(limit)


def _dependencies(rules: dict[str, Any]) -> dict[str, Any]:
    held = rules.pop("dependencies", None)
    if not isinstance(held, Mapping):
        return rules
    for word, is_list in (("dependentRequired", True), ("dependentSchemas", False)):
        chosen = {name: part for name, part in held.items() if isinstance(part, list) is is_list}
        if chosen:
            rules[word] = chosen
    return rules


def _positions(rules: dict[str, Any]) -> dict[str, Any]:
    rest = rules.pop("additionalItems", None)
    if isinstance(rules.get("items"), list):
        first = rules.pop("items")
        rules.update({"prefixItems": first} if first else {}, **({} if rest is None else {"items": rest}))
    return rules
