"""Back: events whose time has come, and those that waited behind them.

In:   records of a retry topic that are due, or events that were parked.
Out:  their events as they were first read, with the watermark that holds for them; they move no clock.
Next: streams.pipeline.filter

An event is counted and deduplicated when it is read first. Whether it comes back too late for a window is asked of the
watermark that it found then, except where its window may have been published for good or forgotten meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.errors import ParkedBehindDeadError, PipelineError
from streams.ledger import Ledger
from streams.records import ChangeEvent, SourceRecord

from ..formats.times import NO_TIME
from ..joining.wire import decode_answer
from ..plan import Emission, Plan
from .line import Place, part_of
from .plan import Retries
from .tables import Early, Head, Parked, RetryTables
from .wire import Return


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What became of events that came back, by offset."""

    retried: Collection[int]
    dead: Mapping[int, tuple[PipelineError, str]]
    """Why, and the fingerprint of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What waited behind an event that waits no more."""

    going: list[Return]
    """To be walked now, in order."""
    dead: list[tuple[Return, PipelineError]]


def runs_of(returns: Iterable[Return]) -> Iterator[list[Return]]:
    """``returns`` cut so that no run has two events of one record."""
    run: dict[int, Return] = {}
    for back in returns:
        if back.record.offset in run:
            yield list(run.values())
            run = {}
        run[back.record.offset] = back
    if run:
        yield list(run.values())


def only_live(returns: list[Return], tables: RetryTables) -> list[Return]:
    """Those whose place in their row no other event has taken meanwhile."""
    found = tables.heads.get_many({back.row for back in returns if back.row})
    return [back for back in returns if not back.row or _is_live(back, found.get(back.row))]


def _is_live(back: Return, head: Head | None) -> bool:
    return head is not None and (head.offset, head.part) == (back.record.offset, back.part)


def of_returns(
    decoded: list[ChangeEvent], returns: list[Return], retries: Retries, ledger: Ledger
) -> list[ChangeEvent]:
    """The events of ``decoded`` that wait: a record may have held another that did not."""
    if not retries.is_split:
        return decoded
    wanted = {place_of(back) for back in returns}
    events = [event for event in decoded if (event.record.offset, part_of(event, retries)) in wanted]
    ledger.size -= len(decoded) - len(events)
    return events


def place_of(back: Return) -> Place:
    """Which event it is."""
    return back.record.offset, back.part


def clock_of(returns: list[Return], plan: Plan, watermark_ms: int | None) -> Mapping[int, int]:
    """By offset the watermark by which it is judged whether an event is late; ``watermark_ms``: as it is now."""
    now_ms = NO_TIME if watermark_ms is None else watermark_ms
    windowed = [held for held in plan.judged if held.windows is not None]
    # A stage behind an exchange closes its windows by what it was told, whatever an event has found here.
    is_final = any(held.emission is Emission.FINAL or held not in plan.aggregations for held in windowed)
    oldest_ms = now_ms - min((held.windows.retain_ms for held in windowed if held.windows is not None), default=0)
    return {
        back.record.offset: now_ms if is_final or (windowed and back.found_ms < oldest_ms) else back.found_ms
        for back in returns
    }


def release(live: list[Return], result: Walked, tables: RetryTables, topic: str) -> Released:
    """Let go what waited behind those of ``live`` that wait no more; ``topic``: the source's.

    What waited behind one that is dead is dead with it.
    """
    going: list[Return] = []
    dead: list[tuple[Return, PipelineError]] = []
    for back in live:
        offset = back.record.offset
        if not back.row or offset in result.retried:
            continue
        freed = tables.free(back.row)
        early = tables.take_early((offset, part) for offset, part, _ in freed)
        waited = [_waited(topic, *parked, answers) for parked, answers in zip(freed, early, strict=True)]
        if offset in result.dead:
            dead += [(one, ParkedBehindDeadError(*result.dead[offset])) for one in waited]
        else:
            going += waited
    return Released(going=sorted(going, key=place_of), dead=dead)


def _waited(topic: str, offset: int, part: int, parked: Parked, early: Early) -> Return:
    record = SourceRecord(
        topic, parked.partition, offset, parked.timestamp_ms, parked.key, parked.value, parked.headers
    )
    answers = {join: decode_answer(answer) for join, answer in early.items()}
    return Return(record=record, part=part, row=b"", attempt=1, found_ms=parked.found_ms, answers=answers)
