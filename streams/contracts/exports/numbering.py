"""Numbering: the numbers of Protobuf's fields, which say what bytes mean and so never change.

They follow from the versions of the dataset up to the one that is written: who comes first has the lower number, a
number is given once, and what is there no more leaves it reserved. A field whose type changed on the wire is another.
What a dataset's ``numbers.yaml`` records is so, whichever versions come between later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.contracts.numbers import OURS, Key, Recorded


@dataclass(slots=True)
class Numbers:
    """Those of one message."""

    recorded: Mapping[Key, int] = field(default_factory=dict)
    by_key: dict[Key, int] = field(default_factory=dict)
    """By name and what it is on the wire, as they came."""
    current: tuple[Key, ...] = ()
    """What the version that is written has."""

    def add(self, keys: Iterable[Key]) -> None:
        """The next version's."""
        self.current = tuple(keys)
        for key in self.current:
            if key not in self.by_key:
                self.by_key[key] = self.recorded.get(key) or self._next()

    def _next(self) -> int:
        number = max((*self.by_key.values(), *self.recorded.values()), default=0) + 1
        return OURS.stop if number in OURS else number

    @property
    def reserved_numbers(self) -> tuple[int, ...]:
        """Of what is there no more."""
        return tuple(sorted(number for key, number in self.by_key.items() if key not in self.current))

    @property
    def reserved_names(self) -> tuple[str, ...]:
        """Names of it that nothing has today."""
        names = {name for name, _ in self.current}
        return tuple(dict.fromkeys(name for name, _ in self.by_key if name not in names))


def number_all(versions: Iterable[Mapping[str, Iterable[Key]]], recorded: Recorded) -> Mapping[str, Numbers]:
    """By message, of versions from the oldest to the one that is written; each names what it has."""
    numbers: dict[str, Numbers] = {}
    for version in versions:
        for held in numbers.values():
            held.current = ()
        for name, keys in version.items():
            numbers.setdefault(name, Numbers(recorded.get(name, {}))).add(keys)
    return numbers
