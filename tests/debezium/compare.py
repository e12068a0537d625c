"""Compare two accounts of the same changes field by field, and hold what differs against the list of what may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .differences import ABSENT, Difference
from .told import Event, Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One field that the two tell differently."""

    case: str
    identity: Identity
    path: str
    debezium: object
    ours: object

    def __str__(self) -> str:
        return f"{self.case} {self.identity} {self.path}: Debezium {_short(self.debezium)}, we {_short(self.ours)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "…"


def differing(case: str, identity: Identity, theirs: Event, ours: Event) -> Iterator[Found]:
    """Every field of two events that is not equal: key, partition, headers, tombstone, value."""
    left, right = dict(_fields(_whole(theirs))), dict(_fields(_whole(ours)))
    for path in sorted(left.keys() | right.keys()):
        one, other = left.get(path, ABSENT), right.get(path, ABSENT)
        if one != other or isinstance(one, bool) != isinstance(other, bool):
            yield Found(case=case, identity=identity, path=path, debezium=one, ours=other)


def _whole(event: Event) -> dict[str, Any]:
    # A record without a key may go to any partition.
    place = {} if event.key is None else {"partition": event.partition}
    tombstone = {} if event.tombstone is None else {"tombstone": {"headers": event.tombstone}}
    return {**event.value, **place, **tombstone, "key": event.key, "headers": event.headers}


def _fields(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """(path, value) of everything; an object is said to be one, and then come its fields."""
    if isinstance(value, Mapping):
        yield path, "(object)"
        for name, inner in value.items():
            yield from _fields(inner, f"{path}/{name}" if path else name)
    else:
        yield path, value


def unexplained(found: Sequence[Found], listed: Sequence[Difference]) -> list[str]:
    """Differences that no entry of the list allows."""
    return [str(one) for one in found if not any(_explains(entry, one) for entry in listed)]


def outdated(found: Sequence[Found], listed: Sequence[Difference]) -> list[Difference]:
    """Entries that nothing needs any more."""
    return [entry for entry in listed if not any(_explains(entry, one) for one in found)]


def _explains(entry: Difference, found: Found) -> bool:
    return entry.is_about(found.case, found.path) and entry.holds(found.debezium, found.ours)
