"""Found: a change between two shapes, before anybody has judged it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Found:
    """A code and where: steps from the shapes that were compared down to the change."""

    code: str
    path: tuple[str, ...] = ()


Compare = Callable[[Shape | None, Shape | None], tuple[Found, ...]]


def under(steps: tuple[str, ...], found: Iterable[Found]) -> tuple[Found, ...]:
    """``found``, seen from ``steps`` further up."""
    return tuple(replace(one, path=steps + one.path) for one in found)
