"""What the plan says of an exchange: which events travel, what of them, and under which key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streams.contracts.model import Column
from streams.records import ChangeEvent

if TYPE_CHECKING:
    from ..plan import Aggregation
    from ..windows.kinds import Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What later steps read of an event."""

    columns: frozenset[str] | None
    """Of the row; ``None``: all of them."""
    images: frozenset[str] = frozenset()
    """Columns of ``before`` and ``after``."""
    envelope: frozenset[str] = frozenset()
    """``op``, ``key``, ``source``."""

    def __or__(self, other: Needs) -> Needs:
        """What both read."""
        is_whole = self.columns is None or other.columns is None
        return Needs(
            columns=None if is_whole else (self.columns or frozenset()) | (other.columns or frozenset()),
            images=self.images | other.images,
            envelope=self.envelope | other.envelope,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One repartition topic: what the source stage of a pipeline writes to it and the next stage reads."""

    topic: str
    source: str
    """Of the stage that writes it."""
    stage: str
    """Name of the plan that reads it."""
    pipeline: str
    """Under whose name the outcomes of both stages are told."""
    by: tuple[str, ...]
    key: Callable[[ChangeEvent], bytes]
    """Canonical JSON array of the values of ``by``: murmur2 of it is the partition."""
    needs: Needs
    aggregations: tuple[Aggregation, ...]
    """Those that the next stage keeps; whether an event is late for one is decided before it travels."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Those of ``needs``, as far as anything is known of them."""

    def knowing(self, columns: Mapping[str, Column]) -> Exchange:
        """The same, told which of ``columns`` travel."""
        needed = self.needs.columns or ()
        return replace(self, columns={name: columns[name] for name in sorted(needed) if name in columns})

    @property
    def carried(self) -> tuple[Aggregation, ...]:
        """Those to which events travel as they are."""
        return tuple(held for held in self.aggregations if not held.is_combined)

    @property
    def windowed(self) -> tuple[tuple[Aggregation, Windows], ...]:
        """The aggregations that must be told how far time has come, with their windows."""
        return tuple((held, held.windows) for held in self.aggregations if held.windows is not None)
