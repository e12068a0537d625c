"""Outputs: what the plan says of the topics that rows are published to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from streams.contracts.model import Contract

if TYPE_CHECKING:
    from streams.records import ChangeEvent

    from .plan import Accumulator


class OnDelete(Enum):
    """What a route publishes for a row that went."""

    TOMBSTONE = "tombstone"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A running result that a route adds to its rows."""

    name: str
    table: str
    read: Callable[[Accumulator], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One topic that rows are published to."""

    to: str
    key: tuple[str, ...]
    contract: Contract | None = None
    is_envelope: bool = False
    on_delete: OnDelete = OnDelete.TOMBSTONE
    attachments: tuple[Attachment, ...] = ()
    condition: Callable[[ChangeEvent], bool] | None = None
    """Which rows belong to it, as they are published."""
    follows_rows: bool = False
    """A row that belongs to it no longer leaves it: what each row was before must be known."""
