"""A cache of what was compiled once: schemas come again and again, and new ones seldom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
MANY_SCHEMAS = 256


class Remembered(dict[K, V], Generic[K, V]):
    """Makes what it is asked for the first time; of more than ``MANY_SCHEMAS`` the one made first is forgotten.

    What raises is not remembered.
    """

    def __init__(self, make: Callable[[K], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> V:
        made = self._make(key)
        if len(self) >= MANY_SCHEMAS:
            del self[next(iter(self))]
        self[key] = made
        return made
