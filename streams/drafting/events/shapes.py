"""Shapes: what was seen of values as a JSON Schema that admits all of them, and more where little was seen."""

from __future__ import annotations

from ..model import Shape, or_null
from .seen import FORMATS, Seen

ENOUGH = 20
"""Values after which what was always so is taken for a rule."""
ENOUGH_FOR_WORDS = 200
"""Texts after which a few words are taken for all there are, each of them seen ``ENOUGH_OF_EACH`` times."""
ENOUGH_OF_EACH = 5
RARE = 0.2
"""Names that an object has more seldom on average are those of a map."""
FEW_NAMES = 20


def shape_of(seen: Seen, *, is_private: bool = False) -> Shape:
    """``is_private``: the name says that values are private, so none stands in the schema."""
    shapes = [_of_kind(kind, seen, is_private=is_private) for kind in sorted(seen.kinds)]
    if {"integer", "number"} <= set(seen.kinds):
        shapes = [shape for shape in shapes if shape != {"type": "integer"}]
    if not shapes:
        return {}
    if len(shapes) > 1:
        shape: Shape = {"anyOf": shapes} if any(len(one) > 1 for one in shapes) else _types(shapes)
    else:
        shape = shapes[0]
    return or_null(shape) if is_nullable(seen) else shape


def is_nullable(seen: Seen) -> bool:
    """Null was seen, or too little to say that it never comes."""
    return seen.nulls > 0 or seen.values < ENOUGH


def decimal_scale(seen: Seen) -> int | None:
    """Digits behind the point where all texts are decimals with as many."""
    is_text = set(seen.kinds) == {"string"} and seen.kinds["string"] >= ENOUGH
    return next(iter(seen.scales)) if is_text and len(seen.scales) == 1 and -1 not in seen.scales else None


def format_of(seen: Seen) -> str | None:
    """The format that every text had."""
    is_text = set(seen.kinds) == {"string"} and seen.kinds["string"] >= ENOUGH
    return next((form for form in FORMATS if form in seen.formats), None) if is_text else None


def _types(shapes: list[Shape]) -> Shape:
    return {"type": [shape["type"] for shape in shapes]}


def _of_kind(kind: str, seen: Seen, *, is_private: bool) -> Shape:
    match kind:
        case "string":
            return _text(seen, is_private=is_private)
        case "array":
            items = {} if seen.items is None else shape_of(seen.items, is_private=is_private)
            return {"type": "array", **({"items": items} if items else {})}
        case "object":
            return {"type": "object"} if _is_map(seen) else _object(seen, is_private=is_private)
        case _:
            return {"type": kind}


def _text(seen: Seen, *, is_private: bool) -> Shape:
    if (form := format_of(seen)) is not None:
        return {"type": "string", "format": form}
    if (scale := decimal_scale(seen)) is not None:
        return {"type": "string", "pattern": rf"^-?[0-9]+\.[0-9]{{{scale}}}$"}
    words = seen.words
    if words and not is_private and sum(words.values()) >= ENOUGH_FOR_WORDS and min(words.values()) >= ENOUGH_OF_EACH:
        return {"type": "string", "enum": sorted(words)}
    return {"type": "string"}


def _is_map(seen: Seen) -> bool:
    """Its names are values: none of them may stand in a schema."""
    if seen.is_map:
        return True
    times = sum(held.values for held in seen.fields.values())
    return len(seen.fields) > FEW_NAMES and times < RARE * len(seen.fields) * seen.kinds["object"]


def _object(seen: Seen, *, is_private: bool) -> Shape:
    count = seen.kinds["object"]
    properties = {name: shape_of(held, is_private=is_private) for name, held in seen.fields.items()}
    required = [
        name for name, held in seen.fields.items() if held.values == count and not is_nullable(held)
    ]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}
