"""Merge: the parts of ``allOf`` as one shape. Where two say different things one is kept: that is weaker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .references import References, Shape

DEEPEST = 16
"""Parts inside of parts; a ring ends here."""


def merged(shape: Shape, references: References, depth: int = 0) -> dict[str, Any]:
    """``shape`` without ``allOf``; what is no object is empty: it admits anything."""
    while isinstance(shape, Mapping) and isinstance(shape.get("$ref"), str) and depth < DEEPEST:
        shape, depth = references.at(shape["$ref"]), depth + 1
    if not isinstance(shape, Mapping):
        return {}
    parts = shape.get("allOf")
    if not isinstance(parts, list) or depth >= DEEPEST:
        return dict(shape)
    whole = {name: held for name, held in shape.items() if name != "allOf"}
    for part in parts:
        whole = _both(whole, merged(part, references, depth + 1))
    # A part that is closed knows its own properties alone: no row has it and those of the others.
    whole.pop("additionalProperties", None)
    return whole


def _both(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {**other, **one}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"]}
        for name, held in other["properties"].items():
            own = one["properties"].get(name)
            both["properties"][name] = held if own is None else {"allOf": [own, held]}
    if "required" in one and "required" in other:
        both["required"] = list(dict.fromkeys([*_listed(one["required"]), *_listed(other["required"])]))
    if "type" in one and "type" in other:
        left, right = _listed(one["type"]), _listed(other["type"])
        common = [kind for kind in left if kind in right or (kind == "integer" and "number" in right)]
        common += [kind for kind in right if kind == "integer" and "number" in left and kind not in common]
        both["type"] = common or left
    return both


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]
