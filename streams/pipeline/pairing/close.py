"""Close: own events whose windows have closed without a partner, and what is kept of both sides no longer.

A part of them at each checkpoint: windows of a million events may close at once, and no transaction may take longer
than Kafka waits for it. Where it goes on is part of the pipeline's progress, so a crash repeats nothing.
"""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from ..formats.times import NO_TIME
from ..tables import PipelineTables
from .clocks import clock_of
from .pair import Pair
from .plan import Pairing, Side
from .state import event_key_of, moments_before

EVENTS_PER_CHECKPOINT = 5_000
"""Of each side, that one task tells of or forgets."""


def close_pairs(pairing: Pairing, tables: PipelineTables) -> list[Pair]:
    """The next of those that have found no partner, oldest first, each once."""
    held = tables.pairing
    assert held is not None
    partner_ms, own_ms = clock_of(Side.PARTNER, pairing, tables), clock_of(Side.OWN, pairing, tables)
    ended = _take(Side.OWN, partner_ms, pairing.after_ms + pairing.grace_ms, tables)
    _take(Side.PARTNER, own_ms, pairing.open_ms, tables)
    alone = [] if pairing.is_inner else [key for key, is_met in ended if not is_met]
    known = held.own.events.get_many(alone)
    pairs = [Pair(event, None) for key in alone if (event := known.get(key)) is not None]
    held.own.events.put_many(dict.fromkeys(key for key, _ in ended))
    return pairs


def _take(side: Side, clock_ms: int, kept_ms: int, tables: PipelineTables) -> list[tuple[bytes, bool]]:
    """(key, whether it has met another) of the next events of ``side`` that were kept until ``clock_ms``."""
    progress, held = tables.current_progress(), tables.pairing
    assert held is not None
    until_ms, passed_ms = clock_ms - kept_ms, progress.purged.get(side.value, NO_TIME)
    if clock_ms == NO_TIME or until_ms <= passed_ms:
        return []
    cursor, moments = progress.closing.get(side.value), held.of(side).moments
    start = moments_before(passed_ms) if cursor is None else bytes.fromhex(cursor) + b"\0"
    found = list(islice(moments.scan(start, moments_before(until_ms)), EVENTS_PER_CHECKPOINT))
    moments.put_many({moment: None for moment, _ in found})
    closing = {name: place for name, place in progress.closing.items() if name != side.value}
    if len(found) == EVENTS_PER_CHECKPOINT:
        tables.set_progress(replace(progress, closing={**closing, side.value: found[-1][0].hex()}))
    else:
        purged = {**progress.purged, side.value: until_ms}
        tables.set_progress(replace(progress, closing=closing, purged=purged))
    keys = [(event_key_of(moment), is_met) for moment, is_met in found]
    if side is Side.PARTNER:
        held.partner.events.put_many(dict.fromkeys(key for key, _ in keys))
    return keys
