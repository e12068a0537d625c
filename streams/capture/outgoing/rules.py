"""Rules: what a capture is told to do with changes before Kafka has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class MaskMethod(Enum):
    """What becomes of a masked value; null stays null."""

    REDACT = "redact"
    """Text becomes ``***``, anything else null."""
    HASH = "hash"
    """A keyed pseudonym: equal values stay equal."""
    PARTIAL = "partial"
    """The last four characters stay."""
    DROP = "drop"
    """The column is left out."""


class Format(Enum):
    """How keys and values are written."""

    JSON = "json"
    AVRO = "avro"
    PROTOBUF = "protobuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRule:
    """Changes for which the condition is not TRUE go no further."""

    condition: str
    """SQL over the row as PostgreSQL has it, and ``op``."""
    tables: frozenset[str] | None = None
    """``None``: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRule:
    """Columns whose values nobody behind the capture may see."""

    fields: tuple[str, ...]
    method: MaskMethod = MaskMethod.REDACT
    tables: frozenset[str] | None = None
    """``None``: every table that has such a column."""
    may_be_missing: bool = False
    """A field that no table has is no mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """A table's changes also go to another topic, which a sink reads."""

    table: str
    topic: str
    condition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All of them: filters see the raw row, then masks cover it, then routes send it."""

    filters: tuple[FilterRule, ...] = ()
    masks: tuple[MaskRule, ...] = ()
    routes: tuple[RouteRule, ...] = ()

    def masked(self, table: str) -> frozenset[str]:
        """Fields that masks of ``table`` name."""
        masks = (mask for mask in self.masks if mask.tables is None or table in mask.tables)
        return frozenset(field for mask in masks for field in mask.fields)

    @property
    def are_empty(self) -> bool:
        """Everything goes on as it is."""
        return not (self.filters or self.masks or self.routes)
