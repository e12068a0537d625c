"""Circles: answers about pairs of schemas that may lead back to themselves.

A pair that is asked about while it is still being answered is believed to be compatible. Where that turns out wrong,
all is asked once more without that belief, until beliefs hold: the answer is the largest set of compatible pairs,
whatever the order of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from .found import Found

T = TypeVar("T")
_Pair = tuple[int, int]


class Circles(Generic[T]):
    """Asks ``answer`` once of each pair. Pairs are told apart by identity, so that both sides are kept alive."""

    def __init__(
        self, answer: Callable[[T, T], Iterable[Found]], is_compatible: Callable[[tuple[Found, ...]], bool]
    ) -> None:
        self._answer = answer
        self._is_compatible = is_compatible
        self._refuted: set[_Pair] = set()
        self._known: dict[_Pair, tuple[Found, ...]] = {}
        self._open: set[_Pair] = set()
        self._believed: set[_Pair] = set()
        self._alive: list[T] = []

    def settled(self, ask: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
        """What ``ask`` finds once every belief holds."""
        while True:
            self._known, self._believed = {}, set()
            found = ask()
            wrong = {pair for pair in self._believed if not self._is_compatible(self._known.get(pair, ()))}
            if wrong <= self._refuted:
                return found
            self._refuted |= wrong

    def compare(self, old: T, new: T) -> tuple[Found, ...]:
        """Every change between two schemas, found now or before."""
        pair = (id(old), id(new))
        if pair in self._open:
            self._believed.add(pair)
            return (Found("RECURSIVE_TYPE_CHANGED"),) if pair in self._refuted else ()
        if pair not in self._known:
            # Schemas made on the way must live as long as their addresses are names.
            self._alive += (old, new)
            self._open.add(pair)
            found = tuple(self._answer(old, new))
            self._open.discard(pair)
            self._known[pair] = found
        return self._known[pair]
