"""The grammar of a pipeline file as values, checked for shape and not yet against contracts.

``streams.pipeline.grammar`` makes them of YAML, ``streams.pipeline.compile`` makes plans of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.contracts.documents import Document
from streams.quality.rules import RuleSet

from .lookups.plan import CallPolicy
from .windows.kinds import Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is read."""

    topic: str
    format: str
    contract: str
    """A criterion such as ``iglu:vendor/name/jsonschema/1-*-*``."""
    key: tuple[str, ...] | None
    """``None``: the contract's key."""
    event_time: str | None
    max_future_ms: int
    identity: tuple[str, ...] | None = None
    """What the source tells of a row that went; ``None``: the contract's key."""
    is_full: bool = False
    """It tells all of such a row: ``before`` is true as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicate:
    """What makes two records the same change."""

    by: str | tuple[str, ...]
    """``identity``, ``event_id``, ``none`` or columns."""
    keep_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """A table of latest rows."""

    name: str
    key: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSpec:
    """A column that somebody outside knows."""

    column: str
    call: str
    """``module:function``."""
    args: tuple[str, ...]
    missing: str
    policy: CallPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSpec:
    """Columns from another pipeline's table."""

    table: str
    by: tuple[str, ...]
    columns: Mapping[str, str]
    """Name here, by the table's column."""
    missing: str
    has_same_keys: bool
    """The author vouches for the keys' bytes."""
    kind: str = "lookup"
    """``lookup``, ``asof`` or ``table``."""
    keep_ms: int | None = None
    """Of ``asof``: how long versions are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSpec:
    """Columns from another pipeline's events that lie within a time of the own ones."""

    place: int
    """Among the joins of the file."""
    partner: str
    """The other pipeline."""
    by: Mapping[str, str]
    """Column there, by column here."""
    columns: Mapping[str, str]
    """Name here, by the column there."""
    missing: str
    has_same_keys: bool
    before_ms: int
    after_ms: int
    grace_ms: int
    idle_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateSpec:
    """Groups and their windows."""

    table: str
    by: tuple[str, ...]
    windows: Windows | None
    columns: Mapping[str, str]
    is_of_rows: bool
    emit: str
    idle_ms: int
    late: str | None
    to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """A topic that rows are published to."""

    to: str
    key: tuple[str, ...] | None
    contract: str | None
    value: str
    on_delete: str
    attach: Mapping[str, str]
    where: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalSpec:
    """What one transaction of the source changed is released together."""

    topic: str
    """Where the source tells of its transactions."""
    timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One pipeline file."""

    name: str
    source: Source
    canary: str | None = None
    """Version of the contract that is tried on its events and not in force."""
    deduplicate: Deduplicate | None
    filter: str | None
    where: str | None
    quality: RuleSet
    """Its own rules, beside those of its contract."""
    mask: Mapping[str, str]
    lookups: tuple[LookupSpec, ...]
    joins: tuple[JoinSpec, ...]
    interval: IntervalSpec | None
    """The join of two streams, behind all others."""
    derive: Mapping[str, str]
    table: TableSpec | None
    aggregates: tuple[AggregateSpec, ...]
    routes: tuple[RouteSpec, ...]
    dead_letters: str | None
    retry: Mapping[str, tuple[int, ...]]
    """By reason, the delays (ms) before each further attempt, as they are written."""
    in_order: str | None
    transactional: TransactionalSpec | None
    document: Document = field(repr=False, compare=False)
    """Where it was written, for problems that only a contract brings up."""
