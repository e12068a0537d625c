"""The tables of one pipeline in one task, typed: what the steps read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec

from streams.records import ChangeEvent
from streams.state.overlay import Overlay, TableSpec
from streams.state.packed import PackedTable
from streams.state.stores.base import Store
from streams.state.table import Table
from streams.state.texts import TextTable

from .entries import (
    Claimed,
    Entry,
    Holders,
    MovedRow,
    Standing,
    decode_claimed,
    decode_entry,
    decode_holders,
    decode_moved,
    decode_standing,
)
from .joining.state import Joining, open_joining
from .lookups.plan import Answer, Question
from .pairing.roles import pairs_of
from .pairing.state import PairTables, open_pairing
from .plan import Accumulator, Plan
from .progress import Progress, Upstream, decode_progress, decode_upstream
from .retries.tables import RetryTables, open_retries
from .truncating.state import LiveRows, Truncations, decode_truncated
from .windows.keys import RECENT
from .windows.kinds import Recent

_encode_json = msgspec.json.Encoder(decimal_format="number").encode
encode_key: Callable[[Sequence[object]], bytes] = _encode_json
"""Canonical key of a row or group: the JSON array of its values."""
_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode
V = TypeVar("V")

CACHED_ROWS = 20_000
CACHED_GROUPS = 50_000
CACHED_UPSTREAMS = 10_000


class StoredRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of a latest-row table, with what later steps must know of it."""

    schema_version: str
    order: tuple[int, int, int]
    """Of the change that wrote it."""
    row: dict[str, Any]


class TimedRow(StoredRow, frozen=True, array_like=True, gc=False):
    """A row that rows of other tables follow."""

    time_ms: int = 0
    """Event time of the change that wrote it; 0 if nothing followed it then."""


PROGRESS_KEY = MOVED_KEY = b""

decode_stored_row = msgspec.json.Decoder(StoredRow, float_hook=Decimal).decode
_decode_timed_row = msgspec.json.Decoder(TimedRow, float_hook=Decimal).decode
_decode_recent = msgspec.json.Decoder(Recent, float_hook=Decimal).decode
_decode_orders = msgspec.json.Decoder(dict[int, tuple[int, int, int]]).decode


def decode_state(value: bytes) -> Accumulator:
    """State of a group from its changelog record."""
    return cast(Accumulator, _decode_json(value))


def decode_group(group: bytes) -> list[object]:
    """Values of a group's canonical key, in JSON view."""
    return cast("list[object]", _decode_json(group))


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTables:
    """State of one rule of a stage in one partition."""

    standing: Table[Standing]
    """One entry, under ``PROGRESS_KEY``."""
    values: Table[Holders]
    """By digest."""
    rows: Table[dict[int, tuple[int, int, int]]]
    """By role, digest and row: the order of its claim, by the partition that said so."""

    @property
    def all(self) -> Iterable[Table[Any]]:
        """Every table, in a fixed order."""
        return (self.standing, self.values, self.rows)

    def current(self) -> Standing:
        """How the rule stands."""
        return self.standing.get(PROGRESS_KEY) or Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTables:
    """State of one pipeline in one task."""

    seen: PackedTable
    """Identity to the event time (ms) when it may be forgotten."""
    progress: Table[Progress]
    rows: Table[StoredRow] | None
    upstreams: Table[Upstream]
    """By partition of the stage before; empty where records come from a source."""
    partitions: int
    """How many partitions each of its inputs has."""
    moved: Table[MovedRow]
    """One entry at most, under ``MOVED_KEY``."""
    groups: Mapping[str, Table[Accumulator]]
    recent: Mapping[str, Table[Recent]]
    """By table, for kinds of windows that need it: what is remembered of each group beside its windows."""
    values: Mapping[str, Table[Entry]]
    """By aggregation, where it must know every value of a group."""
    outside: Table[StoredRow]
    """Rows that are no members, where the pipeline has a ``where``."""
    claims: Mapping[str, Table[Claimed]]
    """By short name of the changelog: what each row claims."""
    stage: Mapping[str, StageTables]
    """By rule."""
    joining: Joining
    """What joins keep."""
    asked: Mapping[str, PipelineTables] = field(default_factory=dict)
    """By table, whose earlier versions joins ask for, all that its pipeline keeps."""
    pairing: PairTables | None = None
    """What the join of its events with those of another pipeline keeps."""
    streams: Mapping[str, PipelineTables] = field(default_factory=dict)
    """By pipeline of the same tasks whose events are joined with its own, all that it keeps."""
    followers: Mapping[str, tuple[Plan, PipelineTables]] = field(default_factory=dict)
    """Pipelines of the same tasks whose events its own are joined with: a walk of its events writes there, too."""
    retries: RetryTables | None
    """What waits for another attempt, and behind it."""
    truncated: Truncations
    partners: Mapping[str, LiveRows] = field(default_factory=dict)
    """Tables of other pipelines that joins read; whoever keeps them writes and commits them."""
    answers: dict[Question, Answer] = field(default_factory=dict)
    """What somebody outside has answered for the batch in hand; no state."""

    @property
    def all(self) -> Iterable[Table[Any] | Overlay[Any] | PackedTable]:
        """Every table, in a fixed order."""
        rows = () if self.rows is None else (self.rows,)
        settled = [table for tables in self.stage.values() for table in tables.all]
        waiting = () if self.retries is None else self.retries.all
        paired = () if self.pairing is None else self.pairing.all
        own = (self.seen, self.progress, self.upstreams, self.moved, self.outside, self.truncated.table)
        kept = [*self.groups.values(), *self.recent.values(), *self.values.values(), *self.claims.values()]
        return (*own, *self.joining.all, *waiting, *rows, *kept, *settled, *paired)

    @property
    def written(self) -> Iterable[Table[Any] | Overlay[Any] | PackedTable]:
        """Every table that a walk of its events may write."""
        return (*self.all, *(table for _, tables in self.followers.values() for table in tables.all))

    def current_progress(self) -> Progress:
        """The clock as it stands."""
        return self.progress.get(PROGRESS_KEY) or Progress()

    @property
    def is_unfinished(self) -> bool:
        """The next checkpoint goes on with closed windows, rows that follow or go, whatever else happens or not."""
        is_behind = self.joining.is_behind or self.truncated.sweeping() is not None
        return is_behind or bool(self.current_progress().closing)

    def set_progress(self, progress: Progress) -> None:
        """Move the clock."""
        self.progress.put(PROGRESS_KEY, progress)


@dataclass(frozen=True, slots=True)
class RowChange:
    """What an event made of one row."""

    event: ChangeEvent
    before: dict[str, object] | None
    """``None``: it was not there."""
    after: dict[str, object] | None
    """``None``: it is there no more."""


Results = dict[int, Accumulator]
"""By record offset: the state of the event's group right after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated:
    """What a batch did to the groups of a pipeline."""

    results: Mapping[str, Results] = field(default_factory=dict)
    """By table, for tables that a route attaches."""
    late: Mapping[str, list[ChangeEvent]] = field(default_factory=dict)
    """By table: events whose window had closed."""


def state_changelog(plan: Plan) -> str:
    """Short name of the changelog that holds what a pipeline remembers beside its tables."""
    return f"{plan.name}-state"


def values_changelog(table: str) -> str:
    """Short name of the changelog of the values that an aggregation must know."""
    return f"{table}-values"


def _serial(plan: Plan) -> str:
    rule = plan.deduplicate
    return "" if rule is None or rule.serial is None else rule.serial.name


def open_tables(plan: Plan, store: Store, *, partitions: int = 1) -> PipelineTables:
    """The tables of ``plan`` over ``store``; ``partitions``: how many each of its inputs has."""
    return PipelineTables(
        seen=PackedTable(state_changelog(plan), b"s", store, serial=_serial(plan)),
        progress=_open(state_changelog(plan), decode_progress, store, cached=1, prefix=b"p"),
        upstreams=_open(state_changelog(plan), decode_upstream, store, cached=CACHED_UPSTREAMS, prefix=b"u"),
        partitions=partitions,
        moved=_open(state_changelog(plan), decode_moved, store, cached=1, prefix=b"m"),
        truncated=Truncations(_open(state_changelog(plan), decode_truncated, store, cached=1, prefix=b"t")),
        rows=_open_rows(plan, store),
        outside=_open(state_changelog(plan), decode_stored_row, store, cached=CACHED_ROWS, prefix=b"o"),
        joining=open_joining(state_changelog(plan), plan.relation, plan.meets, plan.feeds, store),
        groups=_open_groups(plan, store),
        recent=_open_recent(plan, store),
        values=_open_values(plan, store),
        claims={
            claim.table: _open(claim.table, decode_claimed, store, cached=CACHED_ROWS)
            for claim in (plan.claims.claims if plan.claims is not None else ())
        },
        pairing=open_pairing(pairs_of(plan), store),
        retries=None if plan.retries is None else open_retries(plan.name, store),
        stage={
            name: _open_stage(rule.table, store)
            for name, rule in (plan.settles.rules if plan.settles is not None else {}).items()
        },
    )


def _open_rows(plan: Plan, store: Store) -> Table[StoredRow] | None:
    if plan.table is not None:
        decode: Callable[[bytes], StoredRow] = _decode_timed_row if plan.table.is_followed else decode_stored_row
        return _open(plan.table.name, decode, store, cached=CACHED_ROWS)
    if plan.known is None:
        return None
    return _open(state_changelog(plan), decode_stored_row, store, cached=CACHED_ROWS, prefix=b"k")


def _open_recent(plan: Plan, store: Store) -> dict[str, Table[Recent]]:
    return {
        held.table: _open(held.table, _decode_recent, store, cached=CACHED_ROWS, prefix=RECENT)
        for held in plan.aggregations
        if held.windows is not None and held.windows.has_recent
    }


def _open_groups(plan: Plan, store: Store) -> dict[str, Table[Accumulator]]:
    make = Table if plan.lane is None else TextTable
    specs = (
        TableSpec(changelog=held.table, encode=_encode_json, decode=decode_state, cached=CACHED_GROUPS)
        for held in plan.aggregations
    )
    return {spec.changelog: make(spec, store) for spec in specs}


def _open_values(plan: Plan, store: Store) -> dict[str, Table[Entry]]:
    return {
        held.table: _open(values_changelog(held.table), decode_entry, store, cached=CACHED_ROWS)
        for held in plan.aggregations
        if held.multisets
    }


def _open_stage(changelog: str, store: Store) -> StageTables:
    return StageTables(
        standing=_open(changelog, decode_standing, store, cached=1, prefix=b"s"),
        values=_open(changelog, decode_holders, store, cached=CACHED_GROUPS, prefix=b"v"),
        rows=_open(changelog, _decode_orders, store, cached=CACHED_ROWS, prefix=b"r"),
    )


def _open(changelog: str, decode: Callable[[bytes], V], store: Store, *, cached: int, prefix: bytes = b"") -> Table[V]:
    spec = TableSpec(changelog=changelog, prefix=prefix, encode=_encode_json, decode=decode, cached=cached)
    return Table(spec, store)
