"""Written: documents that a producer of a schema may write, found by bending others until they are valid.

Not as the proof looks for its witnesses: those walk along the schema, these do not know it. Only where to begin is
shared, at other numbers of the dice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import jsonschema_rs

from streams.contracts.compatibility.json_schema.generate import documents
from streams.contracts.compatibility.json_schema.normal import in_newest
from streams.contracts.compatibility.json_schema.views import ProducerView

_USUAL: tuple[Any, ...] = (
    "", "a", "b", "ab", "abc", "bc", "zzzzzz", "é", "12", "2024-02-29", "a@b.co", "127.0.0.1", 0, 1, -1, 2, 3, 5, 6,
    0.5, 2.5, 1e9, True, False, None, [], ["a"], [1, 1], {}, {"a": 1}, {"c": None}, {"b": []},
)  # fmt: skip
_NAMES = ("a", "b", "c", "ab", "x", "12", "")


def written_documents(schema: Any, *, count: int, seed: int) -> list[Any]:
    """``count`` documents that are valid under ``schema`` and have only properties that it speaks of; fewer where
    hardly any are."""
    view = ProducerView(in_newest(schema, "2020-12"), {}).closed()
    tight = jsonschema_rs.Draft202012Validator(view, validate_formats=True).is_valid
    loose = jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid

    def fits(value: Any) -> bool:
        return bool(tight(value) and loose(value))

    begun = [value for value in documents(view, {}, count=1200) if fits(value)][-400:]
    return list(_bent([*begun, *filter(fits, _USUAL)], fits, count=count, rng=Random(seed)))


def _bent(known: list[Any], fits: Callable[[Any], bool], *, count: int, rng: Random) -> Iterator[Any]:
    yield from known[:count]
    made = len(known)
    for _ in range(6 * count):
        if made >= count or not known:
            return
        value = rng.choice(known)
        for _ in range(rng.choice((1, 1, 2, 4))):
            value = _bend(value, rng)
        if fits(value):
            yield value
            made += 1
            if len(known) < 4000:
                known.append(value)


def _bend(value: Any, rng: Random) -> Any:
    """``value`` with one thing in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.7:
        return _bend_object(value, rng)
    if isinstance(value, list) and value and rng.random() < 0.7:
        return _bend_array(value, rng)
    if isinstance(value, bool) or rng.random() < 0.3:
        return rng.choice(_USUAL)
    if isinstance(value, int | float):
        return value + rng.choice((-1, 1, 0.5, -0.5, 2, 6, 100))
    if isinstance(value, str):
        place = rng.randint(0, len(value))
        return rng.choice((value[:-1], value[1:], value[:place] + rng.choice("abc1Z é") + value[place:], value * 2))
    return {rng.choice(_NAMES): rng.choice(_USUAL)} if isinstance(value, dict) else [rng.choice(_USUAL)]


def _bend_object(value: Mapping[str, Any], rng: Random) -> dict[str, Any]:
    name = rng.choice(list(value))
    match rng.randrange(4):
        case 0:
            return {other: held for other, held in value.items() if other != name}
        case 1:
            return {**value, rng.choice(_NAMES): rng.choice(_USUAL)}
        case _:
            return {**value, name: _bend(value[name], rng)}


def _bend_array(value: list[Any], rng: Random) -> list[Any]:
    place = rng.randrange(len(value))
    match rng.randrange(4):
        case 0:
            return value[:place] + value[place + 1 :]
        case 1:
            return [*value, rng.choice((rng.choice(_USUAL), value[place]))]
        case _:
            return [*value[:place], _bend(value[place], rng), *value[place + 1 :]]
