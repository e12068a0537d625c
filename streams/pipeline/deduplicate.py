"""Deduplicate: has this very change been here before?

In:   valid events.
Out:  events seen for the first time; the rest are duplicates.
Next: streams.pipeline.filter

It is a question of identity, never of order: log positions repeat and go backwards, so nothing is
dropped for being "not newer". An entry is forgotten once the watermark passes its first event's time + keep.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent
from streams.state.packed import PackedTable

from .serials import Deduplication


def drop_duplicates(
    events: list[ChangeEvent], rule: Deduplication | None, seen: PackedTable, clock: Mapping[int, int], ledger: Ledger
) -> list[ChangeEvent]:
    """The first event of each identity."""
    if rule is None:
        return events
    identities = list(map(rule.identify, events))
    known = seen.known(identities, None if rule.serial is None else rule.serial.read(events))
    keep_ms, first = rule.keep_ms, []
    new: dict[bytes, int | None] = {}
    for event, identity in zip(events, identities, strict=True):
        if identity is not None:
            if identity in new or identity in known:
                expires_ms = new.get(identity, known.get(identity))
                if expires_ms is not None and expires_ms > clock[event.record.offset]:
                    continue
            new[identity] = event.event_time_ms + keep_ms
        first.append(event)
    seen.put_many(new)
    ledger.end(Outcome.DUPLICATE, len(events) - len(first))
    return first
