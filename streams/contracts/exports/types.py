"""Types: a row as languages of types can say it. What they cannot say is left out: weaker, never stricter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.contracts.model import ColumnType, Contract


class Kind(Enum):
    """How JSON has a value."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "string"
    RECORD = "record"
    ARRAY = "array"
    MAP = "map"
    UNION = "union"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What a value can be."""

    kind: Kind
    is_nullable: bool = False
    meaning: ColumnType = ColumnType.UNKNOWN
    """What it stands for: a decimal may be text, a moment an integer."""
    record: str = ""
    """Of ``RECORD``: its name in the model."""
    items: Type | None = None
    """What an ``ARRAY`` or the values of a ``MAP`` hold."""
    branches: tuple[Type, ...] = ()
    """Of ``UNION``; none: null and nothing else."""
    words: tuple[str, ...] = ()
    """Of ``TEXT``: all that it can be, in order; empty: anything."""
    precision: int | None = None
    """Digits of a decimal."""
    scale: int | None = None
    """Digits after the point of a decimal."""
    unit: str | None = None
    """``s ms us ns`` of a moment that is an integer; a date is days."""
    physical: str | None = None
    """As the source database names it."""
    rules: Mapping[str, object] = field(default_factory=dict)
    """Keywords of the schema with draft 2020-12's meaning: ``minimum maxLength pattern format minItems`` …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One column, or one field of an object in a column."""

    name: str
    type: Type
    is_required: bool
    """Always there; it may still be null."""
    description: str = ""
    classification: str | None = None
    default: object = None
    """What the schema says is meant where it is absent; ``None``: nothing."""

    @property
    def may_lack(self) -> bool:
        """It may be null or absent."""
        return self.type.is_nullable or not self.is_required


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object with named fields."""

    name: str
    """In PascalCase, unique in its model: letters and digits, a letter first."""
    members: tuple[Member, ...]
    is_closed: bool
    """There is nothing else in it."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One version of a dataset."""

    contract: Contract
    records: Mapping[str, Record]
    """By name; that of the row is first."""
    title: str = ""

    @property
    def row(self) -> Record:
        """The row itself."""
        return next(iter(self.records.values()))

    def inside_first(self) -> Iterator[Record]:
        """All records, what is held before what holds it (but in rings)."""
        return reversed(tuple(self.records.values()))
