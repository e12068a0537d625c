"""What a task asks of the place where it keeps its committed state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Protocol

Range = tuple[bytes, bytes]
"""Keys from the first on, up to the second and without it."""


class StoreFailedError(Exception):
    """The store does not give back what was written, or takes no more. No record is to blame."""

    remedy: ClassVar[str] = "the next start rebuilds it from the changelogs"


class StoreAwayError(StoreFailedError):
    """The store is on another machine, which does not answer."""

    remedy = "nothing is lost, start again when it answers"


class StoreFullError(StoreFailedError):
    """There is no room for what Kafka has committed."""

    remedy = "give it more memory and start again; nothing is lost, the next start brings it up to date"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is full")


class StoreLostError(StoreFailedError):
    """Not what this process left there: somebody else has taken the store over, or it was emptied or set back."""

    remedy = "the next start brings it up to date from the changelogs"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not as this worker left it: another worker has taken the task over, or the server was flushed"
            " or is an older copy"
        )


class Store(Protocol):
    """Committed state of one task: bytes by bytes, ordered by key.

    A store never holds what was not committed: ``write`` is called once per checkpoint, after Kafka's commit.
    """

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values of ``keys``, in their order."""

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries with ``start <= key < end``, ascending."""

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """The keys of what ``scan`` gives."""

    def scan_ranges(self, ranges: Sequence[tuple[bytes, bytes]]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        """For each (start, end) what ``scan`` gives, in as few round trips as may be."""

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], gone: Sequence[Range] = ()) -> None:
        """Apply all changes, of two of a key the later, or nothing that a reader would trust; ``None`` deletes.

        What is in the ranges of ``gone`` is deleted first.
        The last change is the marker, or the first entries may be there without it.
        """

    def close(self) -> None:
        """Release files and locks; any later call is a bug."""
