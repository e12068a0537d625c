"""Claims: which values do live rows have now?

In:   the batch as it was decoded, as it came, as it was wanted, and as it goes on.
Out:  what the stage of each rule must be told, by digests; the events go on as they are.
Next: streams.pipeline.table

A claim is what the last event of a row that went on has said; a row that is deleted, or that nobody wants any more,
claims nothing. What a column holds that the source did not send is what it held before.

A TRUNCATE is seen by one partition, and the stage forgets rows of all. So an INSERT always says what it claims,
although that may have been said; and one that is dead says that what its key claimed before is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from streams.records import EVERY_PARTITION, ChangeEvent, Delivery, Operation, Walk
from streams.state.table import Table

from .entries import Claimed
from .moves import has_moved, moved_to
from .order import Order, is_unplaced, order_of
from .rules.plan import Claim, Claims, Measure
from .tables import PipelineTables, decode_group, encode_key
from .truncating.state import NONE, Place, Truncated, is_before, place_of

DELETE, INSERT, TRUNCATE = Operation.DELETE, Operation.INSERT, Operation.TRUNCATE
_FIRST = frozenset({Operation.INSERT, Operation.READ})
MOVED = b"\0moved"
"""Where a table keeps the row that went last because its key changed."""


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a stage is told of one value, or of all values of a rule."""

    verb: str
    """``+`` a row has the value, ``-`` has it no more; ``0`` rows older than ``order`` went; ``t`` a newest time."""
    role: str = ""
    row: str = ""
    partition: int = 0
    """Where the row comes from: while a row moves, two partitions speak of it."""
    order: Order = (0, 0, 0)
    time_ms: int = 0


encode_told = msgspec.json.Encoder().encode
decode_told = msgspec.json.Decoder(Told).decode


def claim_values(
    walk: Walk, claims: Claims | None, tables: PipelineTables, *, now_ms: int, late: Collection[Place] = NONE
) -> list[Delivery]:
    """What stages must be told of the batch; ``now_ms``: nothing is newer than that. ``late`` events leave no row."""
    if claims is None:
        return []
    going = {place_of(event) for event in walk.passed}
    wanted = {place_of(event): event for event in walk.wanted}
    told: list[Delivery] = []
    for claim in claims.claims:
        teller = _Teller(claim, claims, tables.claims[claim.table], tables.truncated.sweeping())
        told += teller.tell(walk, wanted, going, late)
    for measure in claims.measures:
        told += _measured(measure, [event for place, event in wanted.items() if place in going], now_ms)
    return told


def _is_small(value: object) -> bool:
    return type(value) is int and abs(value) < 1 << 63


def _ends(event: ChangeEvent, known: Claimed, *, is_left: bool) -> bool:
    """Whether a change that goes no further ends what its row claimed; ``is_left``: the filter left it out."""
    return is_left or (event.operation is INSERT and order_of(event) > known.order)


def value_of(parts: tuple[str | None, ...]) -> str | None:
    """Digest of what several columns hold together; ``None`` where one of them is null."""
    if len(parts) == 1 or None in parts:
        return parts[0] if len(parts) == 1 else None
    return blake2b(",".join(map(str, parts)).encode(), digest_size=16).hexdigest()


class _Teller:
    """Follows one claim through a batch."""

    def __init__(
        self, claim: Claim, claims: Claims, table: Table[Claimed], truncated: Truncated | None
    ) -> None:
        self._truncated = truncated
        """What it takes of the table, and has not gone yet, is not there."""
        self._claim = claim
        self._key = claims.key
        self._row_id = claims.row_id
        self._table = table
        self._changed: dict[bytes, Claimed | None] = {}

    def tell(
        self, walk: Walk, wanted: Mapping[Place, ChangeEvent], going: set[Place], late: Collection[Place]
    ) -> Iterable[Delivery]:
        """What changes, in the order of the events."""
        came = {place_of(event) for event in walk.came}
        events = [event for event in walk.decoded if place_of(event) in came or self._is_new(event)]
        rows = [b"" if event.operation is TRUNCATE else self._row_id(event).encode() for event in events]
        # A table answers for what was read and written last: it must have seen all keys before the first write.
        stored = self._stored([*rows, MOVED])
        told: list[Delivery] = []
        for event, key in zip(events, rows, strict=True):
            place, known = place_of(event), self._known(key, stored)
            if event.operation is TRUNCATE:
                told += self._truncate(event, rows if place in going else None, stored)
            elif event.operation is DELETE and place in came:
                told += self._release(event, key.decode(), known)
            elif place in late:
                continue
            elif place in going:
                told += self._say(wanted[place], key.decode(), known, stored)
            elif known is not None and _ends(event, known, is_left=place in came and place not in wanted):
                told += self._release(event, key.decode(), known)
        self._table.put_many(self._changed)
        return told

    def _is_new(self, event: ChangeEvent) -> bool:
        """A new row that goes no further still says that the one of its key is gone: another partition's TRUNCATE."""
        values = [event.row.get(name) for name in self._key]
        return event.operation is INSERT and all(isinstance(value, str) or _is_small(value) for value in values)

    def _stored(self, keys: list[bytes]) -> dict[bytes, Claimed | None]:
        found = self._table.get_many(keys)
        held = {key: found.get(key) for key in keys}
        if self._truncated is None:
            return held
        return {key: None if row is None or self._truncated.takes(row.order) else row for key, row in held.items()}

    def _known(self, key: bytes, stored: Mapping[bytes, Claimed | None]) -> Claimed | None:
        return self._changed[key] if key in self._changed else stored.get(key)

    def _say(
        self, event: ChangeEvent, row: str, known: Claimed | None, stored: Mapping[bytes, Claimed | None]
    ) -> Iterator[Delivery]:
        order = order_of(event)
        if known is not None and is_unplaced(event) and known.order > order:
            return
        parts = self._parts(event, row, known, stored)
        value, before = value_of(parts), None if known is None else value_of(known.parts)
        if before is not None and before != value:
            yield self._delivery(event, before, "-", row, order)
        if value is not None and (value != before or event.operation in _FIRST):
            yield self._delivery(event, value, "+", row, order)
        if has_moved(event):
            self._changed[MOVED] = None
        if known is None or parts != known.parts or event.operation is INSERT:  # whose copy must not end its own claim
            self._changed[row.encode()] = Claimed(parts=parts, order=order) if any(parts) else None

    def _parts(
        self, event: ChangeEvent, row: str, known: Claimed | None, stored: Mapping[bytes, Claimed | None]
    ) -> tuple[str | None, ...]:
        unknown = event.unsent
        if known is None and unknown and has_moved(event):
            moved = self._known(MOVED, stored)
            known = moved if moved is not None and moved.moved_to == row else None
        before = [None] * len(self._claim.parts) if known is None else known.parts
        return tuple(
            held if column in unknown else digest(event)
            for (column, digest), held in zip(self._claim.parts, before, strict=True)
        )

    def _release(self, event: ChangeEvent, row: str, known: Claimed | None) -> Iterator[Delivery]:
        if known is None:
            return
        if (value := value_of(known.parts)) is not None:
            yield self._delivery(event, value, "-", row, order_of(event))
        self._changed[row.encode()] = None
        if (to := moved_to(event, self._key)) is not None:
            moved = replace(event, row=dict(zip(self._key, decode_group(to), strict=True)))
            self._changed[MOVED] = Claimed(parts=known.parts, order=known.order, moved_to=self._row_id(moved))

    def _truncate(
        self, event: ChangeEvent, rows: Iterable[bytes] | None, stored: Mapping[bytes, Claimed | None]
    ) -> Iterator[Delivery]:
        """``rows``: of the batch, all others are swept later; ``None``: no step hears of it, so none will be."""
        order = order_of(event)
        known = {key: stored.get(key) for key in rows} if rows is not None else dict(self._table.scan())
        present: dict[bytes, Claimed | None] = {**known, **self._changed}
        gone = [key for key, held in present.items() if held is not None and is_before(held.order, order)]
        self._changed |= dict.fromkeys(gone)
        key = encode_key([self._claim.rule, ""])
        value = encode_told(Told(verb="0", role=self._claim.role.value, order=order))
        time_ms = event.record.timestamp_ms
        yield Delivery(
            topic=self._claim.to, key=key, value=value, timestamp_ms=time_ms, partition=EVERY_PARTITION
        )

    def _delivery(self, event: ChangeEvent, value: str, verb: str, row: str, order: Order) -> Delivery:
        record = event.record
        told = Told(verb=verb, role=self._claim.role.value, row=row, partition=record.partition, order=order)
        key = encode_key([self._claim.rule, value])
        return Delivery(topic=self._claim.to, key=key, value=encode_told(told), timestamp_ms=record.timestamp_ms)


def _measured(measure: Measure, events: Iterable[ChangeEvent], now_ms: int) -> Iterator[Delivery]:
    """The newest time that the batch tells; one that lies ahead is no newer than now."""
    rows = [event for event in events if event.operation not in (DELETE, TRUNCATE)]
    times = [time_ms for event in rows if (time_ms := measure.time_of(event)) is not None]
    if times:
        told = Told(verb="t", time_ms=min(max(times), now_ms))
        key = encode_key([measure.rule, ""])
        yield Delivery(topic=measure.to, key=key, value=encode_told(told), timestamp_ms=rows[-1].record.timestamp_ms)
