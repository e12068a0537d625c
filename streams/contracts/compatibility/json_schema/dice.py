"""Dice: choices that look random and are the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_FACTOR, _STEP, _SIZE = 6364136223846793005, 1442695040888963407, 1 << 64
"""Knuth's linear congruential generator (MMIX)."""


class Dice:
    """A source of choices; equal seeds choose alike."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2 + 1) * _FACTOR % _SIZE

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1."""
        self._state = (self._state * _FACTOR + _STEP) % _SIZE
        return (self._state >> 33) % limit

    def one_of(self, choices: Sequence[T]) -> T:
        """One of ``choices``, which are not empty."""
        return choices[self.below(len(choices))]

    def shuffled(self, choices: Sequence[T]) -> list[T]:
        """``choices`` in another order."""
        held = list(choices)
        for place in range(len(held) - 1, 0, -1):
            other = self.below(place + 1)
            held[place], held[other] = held[other], held[place]
        return held
