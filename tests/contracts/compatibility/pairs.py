"""Pairs: schemas over the whole range of keywords, each with what may become of it; equal seeds make equal pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from .pieces import NAMES, VALUES, Pieces

_BY_NAME = ("properties", "patternProperties", "$defs", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "unevaluatedItems",
        "unevaluatedProperties", "propertyNames")  # fmt: skip
Path = tuple[str | int, ...]
Edit = Callable[[Any], Any]


def a_pair(seed: int) -> tuple[Any, Any]:
    """An old schema and a new one: mostly one that a change or a few were made to, in either direction."""
    rng = Random(seed)
    old = Pieces(rng).document()
    new = old if rng.random() < 0.85 else Pieces(rng).document()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        new = _changed(new, rng)
    return (old, new) if rng.random() < 0.5 else (new, old)


def _changed(schema: Any, rng: Random) -> Any:
    path = rng.choice(list(_places(schema, ())))
    return _replaced(schema, path, lambda part: _edited(part, rng))


def _places(schema: Any, path: Path) -> Iterator[Path]:
    yield path
    if not isinstance(schema, dict):
        return
    for word, held in schema.items():
        if word in _BY_NAME:
            for name, part in held.items():
                yield from _places(part, (*path, word, name))
        elif word in _LISTS:
            for place, part in enumerate(held):
                yield from _places(part, (*path, word, place))
        elif word in _ONE:
            yield from _places(held, (*path, word))


def _replaced(schema: Any, path: Path, edit: Edit) -> Any:
    if not path:
        new = edit(schema)
        keeps = isinstance(schema, dict) and "$defs" in schema
        return {**(new if isinstance(new, dict) else {"not": {}}), "$defs": schema["$defs"]} if keeps else new
    step, *rest = path
    if isinstance(schema, list):
        return [_replaced(part, tuple(rest), edit) if place == step else part for place, part in enumerate(schema)]
    return {word: _replaced(part, tuple(rest), edit) if word == step else part for word, part in schema.items()}


def _edited(part: Any, rng: Random) -> Any:
    pieces = Pieces(rng)
    if not isinstance(part, dict) or not part or rng.random() < 0.12:
        return pieces.scalar()
    new = dict(part)
    rng.choice((_drop, _drop, _limit, _add, _require, _widen, _alternative, _shift))(new, pieces)
    return new


def _drop(part: dict[str, Any], pieces: Pieces) -> None:
    word = pieces.rng.choice(list(part))
    if word not in ("$defs", "$ref"):
        del part[word]


def _limit(part: dict[str, Any], pieces: Pieces) -> None:
    part.update(pieces.some({**pieces.text_words(), **pieces.number_words()}, 0.15))


def _add(part: dict[str, Any], pieces: Pieces) -> None:
    if "properties" in part:
        part["properties"] = {**part["properties"], pieces.rng.choice(NAMES): pieces.scalar()}


def _require(part: dict[str, Any], pieces: Pieces) -> None:
    if "required" in part:
        part["required"] = pieces.rng.sample(NAMES, pieces.rng.randint(1, 2))
    elif "enum" in part:
        part["enum"] = pieces.rng.sample(VALUES, pieces.rng.randint(1, 4))


def _widen(part: dict[str, Any], pieces: Pieces) -> None:
    kind = part.get("type")
    if kind == "integer":
        part["type"] = "number"
    elif isinstance(kind, str) and kind != "null":
        part["type"] = [kind, "null"]


def _alternative(part: dict[str, Any], pieces: Pieces) -> None:
    for word in ("anyOf", "oneOf", "allOf"):
        if word in part:
            grows = len(part[word]) < 2 or pieces.rng.random() < 0.5
            part[word] = [*part[word], pieces.scalar()] if grows else part[word][:-1]


def _shift(part: dict[str, Any], pieces: Pieces) -> None:
    numbers = [word for word, held in part.items() if isinstance(held, int | float) and not isinstance(held, bool)]
    if not numbers:
        return
    word = pieces.rng.choice(numbers)
    moved = part[word] + pieces.rng.choice((-1, 1))
    is_free = word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const")
    part[word] = pieces.rng.choice((1, 2, 3, 0.5, 6)) if word == "multipleOf" else moved if is_free else max(0, moved)


def words_of(schema: Any) -> Mapping[str, int]:
    """How often each keyword stands in ``schema``."""
    counts: dict[str, int] = {}
    for path in _places(schema, ()):
        part = schema
        for step in path:
            part = part[step]
        for word in part if isinstance(part, dict) else ():
            counts[word] = counts.get(word, 0) + 1
    return counts
