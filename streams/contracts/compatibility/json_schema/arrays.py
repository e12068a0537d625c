"""Arrays: what is said of every item, of items by position, and of the items after those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest

from .found import Compare, Found, under
from .objects import rest_changes
from .scalars import limit_changes
from .shapes import Kind, Shape


class ArrayRules:
    """Compares arrays."""

    def __init__(self, compare: Compare, is_compatible: Callable[[tuple[Found, ...]], bool]) -> None:
        self._compare = compare
        self._is_compatible = is_compatible

    def changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        """Every change, in the order of the keywords."""
        yield from under(("items",), self._compare(old.child("items"), new.child("items")))
        for place, (before, after) in enumerate(zip_longest(old.rules["tuple"], new.rules["tuple"])):
            held = (None if before is None else old.read(before), None if after is None else new.read(after))
            yield from under(("items", str(place)), self._position_changes(old, new, *held))
        yield from under(("additionalItems",), self._rest_changes(old, new))
        found = rest_changes("UNEVALUATED_ITEMS", old.child("unevaluatedItems"), new.child("unevaluatedItems"),
                             self._compare)  # fmt: skip
        yield from under(("unevaluatedItems",), found)
        yield from limit_changes(old, new, "maxItems", "minItems")
        if bool(old.rules.get("uniqueItems")) != bool(new.rules.get("uniqueItems")):
            yield Found(f"UNIQUE_ITEMS_{'REMOVED' if old.rules.get('uniqueItems') else 'ADDED'}", ("uniqueItems",))
        yield from limit_changes(old, new, "maxContains", "minContains")

    def _position_changes(self, old: Shape, new: Shape, before: Shape | None, after: Shape | None) -> Iterator[Found]:
        if before is not None and after is not None:
            yield from self._compare(before, after)
        elif after is not None:
            yield from self._added(old, after)
        elif before is not None:
            yield from self._removed(new, before)

    def _added(self, old: Shape, after: Shape) -> Iterator[Found]:
        if _is_open(old):
            is_free = after.kind is Kind.ANYTHING
            yield Found(f"ITEM_{'WITH_EMPTY_SCHEMA_' * is_free}ADDED_TO_OPEN_CONTENT_MODEL")
        elif (covering := _covering(old)) is not None:
            yield from self._covered("ADDED", covering, after)
        else:
            yield Found("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL")

    def _removed(self, new: Shape, before: Shape) -> Iterator[Found]:
        if _is_open(new):
            yield Found("ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL")
        elif (covering := _covering(new)) is not None:
            yield from self._covered("REMOVED", before, covering)
        else:
            is_false = before.kind is Kind.NOTHING
            yield Found(f"ITEM_{'WITH_FALSE_' * is_false}REMOVED_FROM_CLOSED_CONTENT_MODEL")

    def _covered(self, change: str, before: Shape, after: Shape) -> Iterator[Found]:
        found = self._compare(before, after)
        yield from found
        verdict = "IS" if self._is_compatible(found) else "NOT"
        yield Found(f"ITEM_{change}_{verdict}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")

    def _rest_changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        before, after = old.rules.get("rest"), new.rules.get("rest")
        if (before is False) != (after is False):
            yield Found("ADDITIONAL_ITEMS_ADDED" if before is False else "ADDITIONAL_ITEMS_REMOVED")
        elif before is None and after is not None:
            yield Found("ADDITIONAL_ITEMS_NARROWED")
        elif after is None and before is not None:
            yield Found("ADDITIONAL_ITEMS_EXTENDED")
        elif isinstance(before, dict):
            yield from self._compare(old.read(before), new.read(after))


def _is_open(shape: Shape) -> bool:
    held = shape.child("unevaluatedItems")
    return "rest" not in shape.rules and (held is None or held.kind is Kind.ANYTHING)


def _covering(shape: Shape) -> Shape | None:
    for keyword in ("rest", "unevaluatedItems"):
        held = shape.rules.get(keyword)
        if held is not None:
            return shape.read(held) if isinstance(held, dict) else None
    return None
