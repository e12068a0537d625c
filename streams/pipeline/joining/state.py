"""What joins between tables remember in one task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from streams.state.overlay import Overlay, TableSpec
from streams.state.stores.base import Store
from streams.state.table import Table

from .plan import Meeting, Relation
from .wire import Answer, Partner

V = TypeVar("V")
CACHED_ROWS = 20_000
ALL_TOLD = "\x7f"
"""Behind every canonical key of a row: those begin with a bracket."""
END = b"\0"
"""Behind a partner's key in a key of the index: JSON holds no such byte."""


class KeptRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row as its last change left it, masked and not joined yet."""

    schema_version: str
    order: tuple[int, int, int]
    """Of the change that wrote it."""
    time_ms: int
    """Event time of that change."""
    row: dict[str, Any]
    refs: tuple[str | None, ...]
    """By join the canonical key of the partner; ``None`` where a column of it is null."""
    told: str
    """Digest of the joined columns and the time that it was published with last; empty: it is not in the result."""
    answers: tuple[Answer | None, ...] = ()
    """By join what its partner has answered from another task."""


class Version(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a row was from some time on."""

    row: dict[str, Any] | None
    """``None``: it was gone."""


class Unfinished(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A partner has changed, and not all rows that name it have followed."""

    after: str
    """Canonical key of the last row that has, with what stands behind it in the index; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTables:
    """The keyspaces of one relation."""

    kept: Table[KeptRow]
    """By the row's canonical key."""
    index: Overlay[bool]
    """By ``index_key``: which rows name a partner."""
    unfinished: Overlay[Unfinished]
    """By ``partner_key``."""

    @property
    def all(self) -> Iterable[Table[Any] | Overlay[Any]]:
        """Every keyspace, in a fixed order."""
        return (self.kept, self.index, self.unfinished)

    @property
    def is_behind(self) -> bool:
        """Rows wait for a later checkpoint to follow their partners."""
        return next(self.unfinished.scan(), None) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingTables:
    """The keyspaces of one stage where rows and partners of other tasks meet."""

    partners: Table[Partner]
    """By canonical key."""
    index: Overlay[int]
    """By partner, row and the partition that the row lives in: that partition."""
    unfinished: Overlay[Unfinished]

    @property
    def all(self) -> Iterable[Table[Any] | Overlay[Any]]:
        """Every keyspace, in a fixed order."""
        return (self.partners, self.index, self.unfinished)

    @property
    def is_behind(self) -> bool:
        """Rows wait for a later checkpoint to be answered."""
        return next(self.unfinished.scan(), None) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FedTables:
    """How far stages have been told of the rows that were there before them."""

    stages: tuple[bytes, ...]
    told: Overlay[Unfinished]
    """By stage, the last row that it has been told of; ``ALL_TOLD``: it knows all."""

    @property
    def all(self) -> Iterable[Overlay[Any]]:
        """Every keyspace."""
        return (self.told,)

    @property
    def is_behind(self) -> bool:
        """A later checkpoint goes on."""
        known = self.told.get_many(self.stages)
        return any((held := known.get(stage)) is None or held.after != ALL_TOLD for stage in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """All that joins keep for one pipeline, or one stage, in one task."""

    joined: JoinTables | None
    """Of rows that follow partners."""
    meeting: MeetingTables | None
    """Of the stage of such a join."""
    fed: FedTables | None
    """What such stages have been told."""
    versions: Overlay[Version]
    """What rows were; empty where nobody asks."""

    @property
    def all(self) -> Iterable[Table[Any] | Overlay[Any]]:
        """Every keyspace, in a fixed order."""
        held = [part for part in (self.joined, self.meeting, self.fed) if part is not None]
        return [*(table for part in held for table in part.all), self.versions]

    @property
    def is_behind(self) -> bool:
        """A later checkpoint goes on with what is left over."""
        return any(part.is_behind for part in (self.joined, self.meeting, self.fed) if part is not None)


def partner_key(join: int, ref: bytes) -> bytes:
    """Place of a partner among those of all joins of a relation."""
    return b"%d" % join + END + ref


def index_key(join: int, ref: bytes, row: bytes) -> bytes:
    """Rows of one partner stand together, ascending by their keys."""
    return partner_key(join, ref) + END + row


_encode = msgspec.json.Encoder(decimal_format="number").encode
_kept = msgspec.json.Decoder(KeptRow, float_hook=Decimal).decode
_is_there = msgspec.json.Decoder(bool).decode
_partner = msgspec.json.Decoder(Partner, float_hook=Decimal).decode
_version = msgspec.json.Decoder(Version, float_hook=Decimal).decode
_place = msgspec.json.Decoder(int).decode
_unfinished = msgspec.json.Decoder(Unfinished).decode


def open_meeting(changelog: str, store: Store) -> MeetingTables:
    """What a stage keeps beside its clocks, under ``changelog``."""
    return MeetingTables(
        partners=Table(_spec(changelog, b"jp", _partner, CACHED_ROWS), store),
        index=Overlay(_spec(changelog, b"ji", _place), store),
        unfinished=Overlay(_spec(changelog, b"jd", _unfinished), store),
    )


def open_fed(feeds: Iterable[Meeting], changelog: str, store: Store) -> FedTables | None:
    """How far the stages of ``feeds`` have been told; ``None`` where there are none."""
    stages = tuple(meeting.stage.encode() for meeting in feeds)
    return FedTables(stages=stages, told=Overlay(_spec(changelog, b"jf", _unfinished), store)) if stages else None


def open_joining(
    changelog: str, relation: Relation | None, meets: Meeting | None, feeds: Iterable[Meeting], store: Store
) -> Joining:
    """What joins keep; ``changelog``: of what has none of its own."""
    return Joining(
        joined=None if relation is None else open_joined(relation, store),
        meeting=None if meets is None else open_meeting(changelog, store),
        fed=open_fed(feeds, changelog, store),
        versions=Overlay(_spec(changelog, b"jv", _version), store),
    )


def open_joined(relation: Relation, store: Store) -> JoinTables:
    """What ``relation`` keeps in ``store``."""
    return JoinTables(
        kept=Table(_spec(relation.changelog, b"r", _kept, CACHED_ROWS), store),
        index=Overlay(_spec(relation.changelog, b"i", _is_there), store),
        unfinished=Overlay(_spec(relation.changelog, b"d", _unfinished), store),
    )


def _spec(changelog: str, prefix: bytes, decode: Callable[[bytes], V], cached: int = 0) -> TableSpec[V]:
    return TableSpec(changelog=changelog, prefix=prefix, encode=_encode, decode=decode, cached=cached)
