"""Found: a change between two files, before anybody has judged it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Found:
    """A code and where: names of messages, enums and oneofs, numbers of fields and constants."""

    code: str
    path: tuple[str, ...] = ()


def under(steps: tuple[str, ...], found: Iterable[Found]) -> Iterator[Found]:
    """``found``, seen from ``steps`` further up."""
    return (replace(one, path=steps + one.path) for one in found)
