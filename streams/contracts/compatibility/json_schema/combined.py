"""Combined schemas (``allOf``, ``anyOf``, ``oneOf``, lists of types): which part of one became which of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .found import Compare, Found, under
from .shapes import Shape


def combined_changes(
    old: Shape, new: Shape, compare: Compare, is_compatible: Callable[[tuple[Found, ...]], bool]
) -> Iterator[Found]:
    """Parts are paired so that as many as can be are compatible; the smaller side must be paired whole."""
    change = _criterion_change(old, new)
    if change is not None:
        yield Found(change)
    if change == "COMBINED_TYPE_CHANGED":
        return
    before, after = old.shapes(), new.shapes()
    yield from _size_change(len(before), len(after), old, new)

    def fitting(place: int) -> Iterator[int]:
        part = before[place]
        # What is written alike fits, and mostly nothing else has to be asked.
        order = sorted(range(len(after)), key=lambda other: after[other].text != part.text)
        return (other for other in order if is_compatible(compare(part, after[other])))

    pairs = largest_matching(len(before), fitting)
    for other, place in sorted(pairs.items(), key=lambda pair: pair[1]):
        yield from under((old.criterion, str(place)), compare(before[place], after[other]))
    if len(pairs) < min(len(before), len(after)):
        yield Found("COMBINED_TYPE_SUBSCHEMAS_CHANGED")


def _size_change(before: int, after: int, old: Shape, new: Shape) -> Iterator[Found]:
    """What grew is told as what it is now, what shrank as what it was."""
    if before != after:
        grew = before < after
        word = "PRODUCT" if (new if grew else old).criterion == "allOf" else "SUM"
        yield Found(f"{word}_TYPE_{'EXTENDED' if grew else 'NARROWED'}")


def _criterion_change(old: Shape, new: Shape) -> str | None:
    """With one part, all criteria say the same; any of several is the widest of them, all of them the narrowest."""
    if old.criterion == new.criterion:
        return None
    singles = (len(old.parts) == 1, len(new.parts) == 1)
    is_wider = {"anyOf": True, "oneOf": singles[0] or old.criterion == "allOf", "allOf": all(singles)}[new.criterion]
    return "COMBINED_TYPE_EXTENDED" if is_wider else "COMBINED_TYPE_CHANGED"


def largest_matching(count: int, fitting: Callable[[int], Iterable[int]]) -> dict[int, int]:
    """Right side → left side, as many pairs as possible (augmenting paths).

    ``fitting``: of a place on the left, from 0 to ``count`` - 1, what on the right may stand for it; asked as far as
    it is needed.
    """
    taken: dict[int, int] = {}

    def seat(left: int, tried: set[int]) -> bool:
        for right in fitting(left):
            if right in tried:
                continue
            tried.add(right)
            if right not in taken or seat(taken[right], tried):
                taken[right] = left
                return True
        return False

    for left in range(count):
        seat(left, set())
    return taken
