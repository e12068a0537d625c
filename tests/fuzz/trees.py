"""Trees: JSON as values that can be damaged where JSON's own writers would refuse."""

from __future__ import annotations

import json
from random import Random
from typing import Any

MARK = "S3CRET-of-the-row"
"""Put into names and values: no error may tell it."""


class Raw(str):
    """Text that stands in the record as it is."""


class Pairs(list[tuple[Any, Any]]):
    """An object whose names may repeat."""


HUGE = ["1e400", "-1e999999999", "1e-999999999", "9" * 5_000, "0." + "1" * 400, "1" + "0" * 30, "-0", "1E+5", "NaN"]
SMALL = ["0", "1", "-1", "7", "255", "65536", "4294967296", "-9223372036854775808", "9223372036854775807", "1.5"]
TEXTS = [
    "", MARK, "null", "infinity", "-infinity", "NaN", "Infinity", "0044-03-15 BC", "24:00:00", "P1Y2M3DT4H", "-1 days",
    "2026-13-45", "+292278994-08-16Z", "2026-03-29 02:30:00.123456+02", '{a,NULL,"b"}', "{" * 60, "AP8Q", "=A==",
    "zz", "00ff1",
    "\u0000", "é" * 300, "1e999999999", "__debezium_unavailable_value", "[]", '{"a":1e999999999}', "1/2/3",
    "0/FFFFFFFFF", "io.debezium.data.Bits", "org.apache.kafka.connect.data.Decimal", "io.debezium.time.NanoTimestamp",
    "struct", "bytes", "array", "map", "-16384", "99999999999",
]  # fmt: skip
BROKEN = [
    Raw('"\\ud800"'), Raw("tru"), Raw("[" * 3_000), Raw('{"a":' * 3_000), Raw('"\xff'), Raw(""), Raw("01"), Raw("1."),
]  # fmt: skip
"""No JSON."""
ODD = [
    Raw("{}"), Raw("[]"), Raw('[null,{"":[]}]'), Raw("true"), Raw("false"), Raw("null"), Raw("[" * 200 + "]" * 200),
    Raw('{"scale":-2,"value":"AQ=="}'), Raw('{"scale":2147483647,"value":"AQ=="}'), Raw('{"scale":0,"value":"x"}'),
]  # fmt: skip


def parse(data: bytes) -> Any:
    """A record as a tree; numbers keep their text."""
    return json.loads(data, object_pairs_hook=Pairs, parse_float=Raw, parse_int=Raw)


def write(tree: Any) -> str:
    """The tree as text."""
    if isinstance(tree, Raw):
        return str(tree)
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{write(name)}:{write(value)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(write, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)


def leaf(chance: Random) -> Any:
    """A value of any type."""
    kind = chance.randrange(6)
    if kind == 0:
        return Raw(chance.choice(SMALL))
    if kind == 1:
        return Raw(chance.choice(HUGE))
    if kind in (2, 3):
        return chance.choice(TEXTS)
    if kind == 4:
        return chance.choice(ODD)
    return chance.choice(BROKEN) if chance.random() < 0.1 else Raw("null")


def damage(tree: Any, others: list[Any], chance: Random) -> Any:
    """``tree`` with one part changed; ``others``: trees to take parts of."""
    if not isinstance(tree, list) or not tree or chance.random() < 0.06:
        return _replaced(tree, others, chance)
    place = chance.randrange(len(tree))
    changed = type(tree)(tree)
    if isinstance(tree, Pairs):
        name, value = tree[place]
        if chance.random() < 0.75:
            changed[place] = name, damage(value, others, chance)
        else:
            _damage_pairs(changed, place, chance)
    elif chance.random() < 0.8:
        changed[place] = damage(tree[place], others, chance)
    else:
        changed.insert(place, leaf(chance)) if chance.random() < 0.5 else changed.pop(place)
    return changed


def _replaced(tree: Any, others: list[Any], chance: Random) -> Any:
    kind = chance.randrange(5)
    if kind == 0:
        return part_of(chance.choice(others), chance)
    if kind == 1:
        return [tree] if chance.random() < 0.5 else Pairs([("a", tree)])
    if kind == 2 and isinstance(tree, str) and not isinstance(tree, Raw):
        return tree[: chance.randrange(len(tree) + 1)] + chance.choice(["", MARK, "x", "="])
    return leaf(chance)


def _damage_pairs(pairs: Pairs, place: int, chance: Random) -> None:
    name, value = pairs[place]
    match chance.randrange(4):
        case 0:
            pairs.pop(place)
        case 1:
            pairs.append((name, leaf(chance)))  # the name twice
        case 2:
            pairs[place] = chance.choice(["", MARK, "op", "payload", "schema", "scale", "value", "type", "name"]), value
        case _:
            other = chance.randrange(len(pairs))
            pairs[place], pairs[other] = (name, pairs[other][1]), (pairs[other][0], value)


def part_of(tree: Any, chance: Random) -> Any:
    """Some subtree."""
    while isinstance(tree, list) and tree and chance.random() < 0.7:
        held = chance.choice(tree)
        tree = held[1] if isinstance(held, tuple) else held
    return tree
