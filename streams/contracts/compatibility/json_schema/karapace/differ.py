"""Differ: every change from one schema to another, as Karapace tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..circles import Circles
from ..combined import largest_matching
from ..found import Found, under
from ..rules import STRICT
from ..scalars import amount_changes, limits_of, listed_changes, note_changes, text_changes
from .objects import ObjectRules
from .parts import COMBINED, Reader, Schema, after_positions, positions

COMPATIBLE = STRICT - {"SCHEMA_REMOVED"}
_NUMBERS = ("number", "integer")
_ANY_OBJECT = {"type": "object"}


class Differ:
    """Compares the schemas of two documents."""

    def __init__(self, old: Reader, new: Reader) -> None:
        self._old = old
        self._new = new
        self._circles: Circles[Schema] = Circles(self._answer, is_compatible)
        objects = ObjectRules(old, new, self.compare)
        self._rules: Mapping[str, Callable[[Any, Any], Iterator[Found]]] = {
            "object": objects.changes, "array": self._array_changes, "string": text_changes, "not": self._not_changes,
            "enum": lambda old, new: listed_changes(old["enum"], new["enum"]),
        }  # fmt: skip

    def changes(self, old: Schema, new: Schema) -> tuple[Found, ...]:
        """Every change from ``old`` to ``new``."""
        return self._circles.settled(lambda: self.compare(old, new))

    def compare(self, old: Schema | None, new: Schema | None) -> tuple[Found, ...]:
        """Changes between two schemas, each of which may be missing."""
        if old is None or new is None:
            return () if old is new else (Found("SCHEMA_ADDED" if old is None else "SCHEMA_REMOVED"),)
        return self._circles.compare(self._old.read(old), self._new.read(new))

    def _answer(self, old: Schema, new: Schema) -> Iterator[Found]:
        if isinstance(old, dict) and isinstance(new, dict):
            yield from note_changes(old, new)
        kinds = (self._old.kind(old), self._new.kind(new))
        if kinds[0] in _NUMBERS and kinds[1] in _NUMBERS:
            yield from _number_changes(old, new, *kinds)
        elif kinds[0] in COMBINED or kinds[1] in COMBINED:
            yield from self._combined_changes(old, new)
        elif all(kind == "object" or held is True for kind, held in zip(kinds, (old, new), strict=True)):
            before, after = (_ANY_OBJECT if held is True else held for held in (old, new))
            yield from self._rules["object"](before, after)
        elif kinds[0] != kinds[1]:
            yield Found("TYPE_CHANGED")
        elif kinds[0] in self._rules:
            yield from self._rules[kinds[0]](old, new)

    def _not_changes(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Found]:
        yield from under(("not",), self.compare(old["not"], new["not"]))

    def _array_changes(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Found]:
        before, after = positions(old), positions(new)
        if (before is None) != (after is None):
            yield Found("TYPE_CHANGED")
            return
        if before is None or after is None:
            yield from under(("items",), self.compare(old.get("items"), new.get("items")))
        else:
            yield from self._tuple_changes(before, after, after_positions(old), after_positions(new))
        yield from limits_of(old, new, ("maxItems", "minItems"))
        if bool(old.get("uniqueItems")) != bool(new.get("uniqueItems")):
            yield Found(f"UNIQUE_ITEMS_{'REMOVED' if old.get('uniqueItems') else 'ADDED'}", ("uniqueItems",))

    def _tuple_changes(self, before: list[Any], after: list[Any], rest: Any, new_rest: Any) -> Iterator[Found]:
        for place, pair in enumerate(zip(before, after, strict=False)):
            yield from under(("items", str(place)), self.compare(*pair))
        for place in range(len(after), len(before)):
            # What becomes of an item more, Karapace asks of a schema of objects.
            covered = new_rest is True or is_compatible(self.compare(before[place], True))
            code = "FROM_OPEN_CONTENT_MODEL" if covered else "NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            yield Found(f"ITEM_REMOVED_{code}", ("items", str(place)))
        for place in range(len(before), len(after)):
            yield Found("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", ("items", str(place)))
        if (rest is False) != (new_rest is False):
            yield Found(f"ADDITIONAL_ITEMS_{'ADDED' if rest is False else 'REMOVED'}", ("additionalItems",))

    def _combined_changes(self, old: Schema, new: Schema) -> Iterator[Found]:
        was, now = self._old.parts(old), self._new.parts(new)
        is_old, is_new = (held is not None and held[0] in COMBINED for held in (was, now))
        if now is not None and is_new and not is_old and (len(now[1]) == 1 or now[0] != "allOf"):
            yield from self._one_of(((old, part) for part in now[1]), "SUM_TYPE_EXTENDED" * (len(now[1]) > 1))
        elif was is not None and is_old and not is_new and len(was[1]) == 1:
            yield from self._one_of([(was[1][0], new)], "")
        elif was is None or now is None:
            yield Found("TYPE_CHANGED")
        elif now[0] not in ("anyOf", was[0]):
            yield Found("COMBINED_TYPE_CHANGED")
        else:
            yield from self._matched(was[1], now[1], is_product=now[0] == "allOf")

    def _one_of(self, pairs: Any, code: str) -> Iterator[Found]:
        for pair in pairs:
            if is_compatible(found := self.compare(*pair)):
                yield from found
                yield from [Found(code)] * bool(code)
                return
        yield Found("TYPE_CHANGED")

    def _matched(self, was: tuple[Schema, ...], now: tuple[Schema, ...], *, is_product: bool) -> Iterator[Found]:
        """Of parts that stand for each other: all new ones must, where all must hold; else all old ones."""
        word = "PRODUCT" if is_product else "SUM"
        if len(was) != len(now):
            yield Found(f"{word}_TYPE_{'EXTENDED' if len(was) < len(now) else 'NARROWED'}")
            if is_product == (len(was) < len(now)):
                return

        def fitting(place: int) -> Iterator[int]:
            part = was[place]
            order = sorted(range(len(now)), key=lambda other: now[other] != part)
            return (other for other in order if is_compatible(self.compare(part, now[other])))

        if len(largest_matching(len(was), fitting)) < (len(now) if is_product else len(was)):
            yield Found("COMBINED_TYPE_SUBSCHEMAS_CHANGED")


def is_compatible(found: tuple[Found, ...]) -> bool:
    """Whether no change breaks anybody."""
    return all(one.code in COMPATIBLE for one in found)


def _number_changes(old: Mapping[str, Any], new: Mapping[str, Any], was: str, now: str) -> Iterator[Found]:
    yield from amount_changes(old, new)
    if was != now:
        yield Found("TYPE_EXTENDED" if was == "integer" else "TYPE_NARROWED")
