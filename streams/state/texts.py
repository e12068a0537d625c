"""A table whose values may stand in memory as the text that the store has: who writes text need not read it back.

Whoever asks for values gets them decoded, as of any table, and they stay so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from .overlay import Entry
from .table import Table

V = TypeVar("V")


class TextTable(Table[V]):
    """Values are no ``bytes``: what is, is a text."""

    __slots__ = ()

    @property
    def held(self) -> dict[bytes, Any]:
        """What is in memory: values and texts; to be read before the next write, and not to be changed."""
        return self._hot

    def fetch(self, keys: list[bytes]) -> None:
        """Bring the texts of ``keys``, none of which is in memory, from the store; one round trip."""
        if keys:
            texts = self._store.get_many([self._space + key for key in keys])
            self.held.update([(key, text) for key, text in zip(keys, texts, strict=True) if text is not None])

    def put_texts(self, texts: dict[bytes, bytes]) -> None:
        """Write texts into the batch's savepoint, which takes them over."""
        self.put_many(texts)  # type: ignore[arg-type]  # what reads values decodes them

    def get_many(self, keys: Collection[bytes]) -> Mapping[bytes, V | None]:
        """Values of ``keys``, to be read before the next write; missing or ``None`` where there is none."""
        hot = super().get_many(keys)
        for key in keys:
            if isinstance(text := hot.get(key), bytes):
                self._hot[key] = self.spec.decode(text)
        return hot

    def _merged(
        self, over: Mapping[bytes, V | None], keys_above: list[bytes], held: Iterator[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, V]]:
        for key, value in super()._merged(over, keys_above, held):
            yield key, self.spec.decode(value) if isinstance(value, bytes) else value

    def entries(self) -> list[Entry]:
        """What the store must be told at the next checkpoint, by its keys."""
        space, encode = self._space, self.spec.encode
        return [
            (space + key, value if value is None or isinstance(value, bytes) else encode(value))
            for key, value in self._dirty.items()
        ]
