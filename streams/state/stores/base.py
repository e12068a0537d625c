"""What a task asks of the place where it keeps its committed state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class StoreFailedError(Exception):
    """The store does not give back what was written, or takes no more. No record is to blame."""


class Store(Protocol):
    """Committed state of one task: bytes by bytes, ordered by key.

    A store never holds what was not committed: ``write`` is called once per checkpoint, after Kafka's commit.
    """

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values of ``keys``, in their order."""

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries with ``start <= key < end``, ascending."""

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Apply all changes in their order, or none; ``None`` deletes."""

    def close(self) -> None:
        """Release files and locks; any later call is a bug."""
