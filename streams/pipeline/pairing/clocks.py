"""Clocks: how far time has come on either side of a pairing, and what is said of a side that is silent.

In the task of both sides it is the watermark of each. In a stage it is the least of those that the partitions upstream
have told. A side of which nothing is on its way and nothing has come for a while holds nothing open: its clock is that
of the other one; where both are so the wall clock ends what is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from ..exchange.clocks import clock_of as least_of
from ..exchange.wire import Told
from ..formats.times import NO_TIME
from ..progress import Upstream
from ..tables import PipelineTables
from .plan import Pairing, Side

OTHER = {Side.OWN: Side.PARTNER, Side.PARTNER: Side.OWN}
NOTHING = Upstream()


def clock_of(side: Side, pairing: Pairing, tables: PipelineTables) -> int:
    """How far ``side`` has come, ms; ``NO_TIME`` where that is not known."""
    forced_ms = forced_of(side, tables)
    return forced_ms if pairing.stage is not None else max(forced_ms, _watermark(side, pairing, tables))


def forced_of(side: Side, tables: PipelineTables) -> int:
    """What the stages before, or the wall clock, say of ``side``."""
    return tables.current_progress().forced.get(side.value, NO_TIME)


def _watermark(side: Side, pairing: Pairing, tables: PipelineTables) -> int:
    told = tables if side is Side.OWN else tables.streams[pairing.partner]
    watermark_ms = told.current_progress().watermark
    return NO_TIME if watermark_ms is None else watermark_ms


def force_idle(pairing: Pairing, tables: PipelineTables, silent_ms: Mapping[Side, int]) -> None:
    """Both sides are in this task, each caught up and silent for so much of wall clock."""
    marks = {side: _watermark(side, pairing, tables) for side in Side}
    idle = [side for side in Side if silent_ms[side] >= pairing.idle_ms]
    _force({side: marks[OTHER[side]] for side in idle}, tables)
    _force_both(pairing, tables, max(marks.values()), min(silent_ms.values()))


def _force_both(pairing: Pairing, tables: PipelineTables, newest_ms: int, silent_ms: int) -> None:
    """Nothing comes on either side: windows close, and then what was kept for them goes."""
    if newest_ms == NO_TIME:
        return
    last_ms = pairing.last_ms(newest_ms)
    if silent_ms >= last_ms - newest_ms + pairing.idle_ms:
        _force({Side.PARTNER: last_ms + 1}, tables)
    if silent_ms >= pairing.open_ms + pairing.idle_ms:
        _force({Side.OWN: newest_ms + pairing.open_ms + 1}, tables)


def _force(clocks: Mapping[Side, int], tables: PipelineTables) -> None:
    """A clock never goes back."""
    forced = tables.current_progress().forced
    moved = {side.value: time_ms for side, time_ms in clocks.items() if time_ms > forced.get(side.value, NO_TIME)}
    if moved:
        tables.set_progress(replace(tables.current_progress(), forced={**forced, **moved}))


# -- in a stage


def hear(told: Told, side: Side, pairing: Pairing, tables: PipelineTables) -> None:
    """Take in what a partition upstream tells."""
    progress = tables.current_progress()
    if progress.upstreams.get(side.value) != told.partitions:
        tables.set_progress(replace(progress, upstreams={**progress.upstreams, side.value: told.partitions}))
    upstream = Upstream(watermark_ms=told.watermark_ms, idle=told.idle)
    tables.upstreams.put_many({_key(side, told.partition): upstream})
    _advance(pairing, tables)


def wake(side: Side, partitions: Iterable[int], tables: PipelineTables) -> None:
    """Events have come from there: whatever was said, those are not idle."""
    keys = {_key(side, partition) for partition in partitions}
    known = tables.upstreams.get_many(keys)
    awake = {key: replace(held, idle={}) for key in keys if (held := known.get(key)) is not None and held.idle}
    if awake:
        tables.upstreams.put_many(dict(awake))


def _advance(pairing: Pairing, tables: PipelineTables) -> None:
    heard = {side: _upstreams(side, tables) for side in Side}
    clocks = {side: least_of(pairing.changelog, heard[side]) for side in Side}
    for side in Side:
        if heard[side] and _are_idle(heard[side], pairing):
            known = [time_ms for time_ms in (clocks[side], clocks[OTHER[side]]) if time_ms is not None]
            clocks[side] = max(known, default=None)
    _force({side: time_ms for side, time_ms in clocks.items() if time_ms is not None}, tables)


def force_clocks(pairing: Pairing, tables: PipelineTables, *, now_ms: int) -> None:
    """What both sides sent has been read; where all that send are idle the wall clock ends what is open."""
    heard = {side: _upstreams(side, tables) for side in Side}
    if not all(held and _are_idle(held, pairing) for held in heard.values()):
        return
    every = [upstream for held in heard.values() for upstream in held]
    since_ms = max(upstream.idle[pairing.changelog] for upstream in every)
    known = [upstream.watermark_ms for upstream in every if upstream.watermark_ms is not None]
    _force_both(pairing, tables, max(known, default=NO_TIME), now_ms - since_ms)


def _are_idle(upstreams: Iterable[Upstream], pairing: Pairing) -> bool:
    return all(pairing.changelog in upstream.idle for upstream in upstreams)


def _upstreams(side: Side, tables: PipelineTables) -> list[Upstream]:
    """One for each partition; none before the first has told how many they are."""
    keys = [_key(side, partition) for partition in range(tables.current_progress().upstreams.get(side.value, 0))]
    known = tables.upstreams.get_many(keys)
    return [known.get(key) or NOTHING for key in keys]


def _key(side: Side, partition: int) -> bytes:
    return f"{side.value}-{partition}".encode()
