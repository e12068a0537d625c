"""The plan: a pipeline file and its contracts, compiled once into what the steps do for every event.

Nothing here is parsed, looked up or decided per event. ``streams.pipeline.compile`` makes a ``Plan``,
``streams.pipeline.process`` walks a batch through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from streams.contracts.model import ColumnType, ContractFamily
from streams.records import ChangeEvent, Row, SourceRecord

from .canary.plan import Candidate
from .exchange.plan import Exchange
from .joining.plan import Join, Meeting, Relation
from .lookups.plan import Lookup
from .outputs import Route
from .pairing.plan import Pairing
from .retries.plan import Retries
from .rules.plan import Claims, QualityRules, Stage
from .serials import Deduplication
from .transactional.plan import Transactional
from .windows.kinds import Windows

if TYPE_CHECKING:
    from .aggregates.multisets import Multiset
    from .lane.plan import Lane

Evaluate = Callable[[ChangeEvent], object]
"""A compiled expression: the event's value of it, typed; ``None`` is SQL's NULL."""

Accumulator = list[object]
"""State of one group: newest event time (ms), then what each aggregate column keeps."""


class DeadLetterStyle(Enum):
    """Whose headers a dead letter carries besides our own."""

    CONNECT = "connect"
    STREAMS = "streams"
    SPRING = "spring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes a record may have."""

    record_bytes: int = 1_000_000
    """Value and key of a source record, and of a published one; above: dead (``too_large``)."""


Decode = Callable[[SourceRecord], ChangeEvent | None]
"""``None``: no event for this pipeline (tombstone, heartbeat, message). Raises ``PipelineError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How a source record becomes an event."""

    name: str
    decode: Decode
    has_images: bool
    """A change format: operations, before images, columns that may be unsent."""
    split: Callable[[ChangeEvent], tuple[ChangeEvent, ...]] | None = None
    """The events of a record that may hold more than one; ``None``: none does."""
    start_batch: Callable[[], None] | None = None
    """Called before the records of a batch; ``None``: nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRule:
    """One column that must not go on as it came."""

    column: str
    cover: Callable[[object], object] | None
    """JSON view to JSON view; ``None``: the column is dropped."""
    evaluate: Evaluate | None = None
    """A mask written as an expression, in place of ``cover``; its result in JSON view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A column computed from others, its result in JSON view."""

    column: str
    evaluate: Evaluate
    type: ColumnType
    reads: frozenset[str] | None
    """Columns of the row; ``None``: it reads something else of the event, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTable:
    """The latest row by key."""

    name: str
    key: tuple[str, ...]
    is_followed: bool = False
    """Rows or events of another pipeline ask for its rows' times: they keep them."""
    keep_versions_ms: int | None = None
    """How long what a row was can be asked for, in event time; ``None``: not at all."""


class Emission(Enum):
    """When results of a window are published."""

    CURRENT = "current"
    FINAL = "final"


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateColumn:
    """One aggregate: how its slots start, change and are read."""

    name: str
    initial: tuple[object, ...]
    """What its slots hold before the first event."""
    update: Callable[[Accumulator, ChangeEvent], None]
    """Adds what an event says; it changes no value of a slot in place, it replaces it."""
    retract: Callable[[Accumulator, ChangeEvent], None] | None = None
    """Takes back what ``update`` added for the same event; ``None``: this state alone does not tell what is left."""
    merge: Callable[[Accumulator, Accumulator], None]
    """``merge(into, other)``: as if the events of ``other`` had come after those of ``into``; ``other`` stays."""
    read: Callable[[Accumulator], object]
    """The result in JSON view."""
    meaning: str = ""
    """What it computes, as SQL: a stored result of something else is no start for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """Groups, their windows and what is kept of each."""

    table: str
    by: tuple[str, ...]
    group: Callable[[ChangeEvent], bytes]
    """Canonical JSON array of the group's values."""
    windows: Windows | None
    """``None``: one window since ever."""
    idle_ms: int = 30_000
    columns: tuple[AggregateColumn, ...]
    initial: tuple[object, ...]
    emission: Emission = Emission.CURRENT
    to: str | None = None
    late_to: str | None = None
    is_attached: bool = False
    """A route adds this table's running results to its rows."""
    is_of_rows: bool = False
    """It is of the rows that are there, not of changes; slot 1 of its states counts the rows of the group."""
    is_combined: bool = False
    """It is kept by another stage, to which what a batch adds to a group travels as one record."""
    multisets: tuple[Multiset, ...] = ()
    """Of columns that must know every value of a group."""

    def read(self, state: Accumulator) -> dict[str, object]:
        """The aggregate columns of one group."""
        return {column.name: column.read(state) for column in self.columns}

    def merge(self, into: Accumulator, other: Accumulator) -> None:
        """``into`` as if the events of ``other`` had come after its own; run it in ``EXACT_SUMS``."""
        into[0] = max(into[0], other[0])  # type: ignore[call-overload]  # slot 0 is the newest event time, an int
        for column in self.columns:
            column.merge(into, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTime:
    """Where an event's time is read."""

    column: str | None
    """``None``: the commit time, or the record's timestamp where the format has none."""
    read: Callable[[Row], int | None] | None
    """Milliseconds since the epoch; ``None``: no time there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One pipeline, ready to run."""

    name: str
    topic: str
    further_topics: tuple[str, ...] = ()
    """Inputs of the same task besides ``topic``; their records go the same way, as soon as they are read."""
    partners: tuple[str, ...] = ()
    """Pipelines whose tables this one reads: both live in the same tasks."""
    contract: ContractFamily
    key: tuple[str, ...]
    """The contract's key columns; empty for keyless datasets."""
    codec: Codec
    canary: Candidate | None = None
    """A version of the contract that is tried on its events, without effect."""
    event_time: EventTime
    max_future_ms: int
    deduplicate: Deduplication | None = None
    deduplicate_by: str = "none"
    """``identity``, ``event_id``, the columns, or ``none``: part of what a stored state depends on."""
    condition: Callable[[ChangeEvent], bool] | None = None
    where: Callable[[ChangeEvent], bool] | None = None
    """Whether a row is a member of what follows; one that stops matching leaves as if it were deleted."""
    quality: QualityRules | None = None
    """Rules that one event alone decides."""
    claims: Claims | None = None
    """What is told of each row to the stages of rules about several."""
    stage: Stage | None = None
    """Where the claims of this pipeline come together."""
    settles: Stage | None = None
    """The plan is a stage's: its records are claims, and no step but ``streams.pipeline.settle`` sees them."""
    masks: tuple[MaskRule, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    joins: tuple[Join, ...] = ()
    relation: Relation | None = None
    """Joins whose results follow the rows of both sides."""
    feeds: tuple[Meeting, ...] = ()
    """Stages where rows of other tasks meet the rows of its table."""
    meets: Meeting | None = None
    """The plan is such a stage's: its records are rows' names and partners, and no step sees them."""
    pairing: Pairing | None = None
    """The join of its events with those of another pipeline that lie within a time of them."""
    partner_of: tuple[Pairing, ...] = ()
    """Such joins of other pipelines with its events."""
    stands_for: Pairing | None = None
    """The plan is the stage of such a join: its records are events of both sides, and only results go on."""
    derivations: tuple[Derivation, ...] = ()
    table: RowTable | None = None
    known: RowTable | None = None
    """Latest rows that nobody asks for, kept for steps that must know what a row was; ``table`` serves as well."""
    aggregations: tuple[Aggregation, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    """Where its events go whose groups live in other tasks."""
    receives: Exchange | None = None
    """The plan is the stage behind an exchange: its records are events that another stage has sent."""
    routes: tuple[Route, ...] = ()
    retries: Retries | None = None
    truncates: str | None = None
    """One of ``further_topics``: in which the tasks of all partitions are told of a TRUNCATE that one has read."""
    transactional: Transactional | None = None
    """Its results are released transaction by transaction; or it reads only where these end, and tells the others."""
    lane: Lane | None = None
    """The quick way of its batches, where it is plain."""
    dead_letters: str
    dead_letter_style: DeadLetterStyle = DeadLetterStyle.CONNECT
    app: str
    limits: Limits = Limits()
    spec: Mapping[str, object] = field(default_factory=dict)
    """The pipeline file as parsed: for ``describe`` and the fingerprint."""

    @property
    def pipeline(self) -> str:
        """Under which pipeline's name its outcomes are told: a stage has a name of its own."""
        stage = self.receives or self.meets or self.stands_for or self.settles
        return self.name if stage is None else stage.pipeline

    @property
    def retried(self) -> frozenset[str]:
        """Reasons for which an event is tried again."""
        return frozenset() if self.retries is None else frozenset(self.retries.delays_ms)

    @property
    def tiers(self) -> frozenset[str]:
        """Those of ``further_topics`` in which its own events wait."""
        return frozenset() if self.retries is None else frozenset(self.retries.topics.values())

    @property
    def rows(self) -> RowTable | None:
        """Where the latest rows are, if any are kept."""
        return self.table or self.known

    @property
    def asks_rows(self) -> bool:
        """Some step must know what a row was before it changed."""
        return any((self.where, *(to.follows_rows for to in self.routes), *(held.is_of_rows for held in self.judged)))

    @property
    def judged(self) -> tuple[Aggregation, ...]:
        """The aggregations for which this plan says whether an event is late: its own, and those behind exchanges."""
        return (*self.aggregations, *(held for exchange in self.exchanges for held in exchange.aggregations))

    @property
    def topics(self) -> tuple[str, ...]:
        """All its inputs."""
        return (self.topic, *self.further_topics)

    @property
    def answers(self) -> tuple[str, ...]:
        """Inputs that bring what partners in other tasks answer."""
        return () if self.relation is None else tuple(meeting.answers for meeting in self.relation.meetings)

    @property
    def partner_tables(self) -> tuple[str, ...]:
        """Tables of others that it reads in its own tasks."""
        related = () if self.relation is None else self.relation.local
        looked_up = (join.table for join in self.joins if join.meeting is None)
        return tuple(dict.fromkeys((*looked_up, *(join.table for join in related))))
