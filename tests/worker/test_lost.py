"""Lost records: their task waits until somebody accepts that, and goes on exactly behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from streams.settings import Settings
from streams.worker import lost
from streams.worker.background import Background
from streams.worker.lost import LostRecords
from streams.worker.quarantine import Place, Quarantine
from streams.worker.starts import Start, Starts

from .builders import TOPIC
from .test_quarantine import TOPIC_ID, Told, a_range

FIRSTS = {(TOPIC, 0): 20, (TOPIC, 1): 5}
BEGINS = {
    (TOPIC, 0): Start(offset=12, is_first=False, metadata=None),
    (TOPIC, 1): Start(offset=7, is_first=False, metadata=None),
}


class Begun(Starts):
    """Topics that begin at ``FIRSTS``."""

    def __init__(self) -> None:
        super().__init__({}, app="app")

    def firsts(self, places: object) -> Mapping[Place, int]:
        return FIRSTS


class Noted(Told):
    """Remembers what was written."""

    def write(self, notes: object, *, removed: object = ()) -> None:
        self.written = [(note.kind, note.place, note.first, note.last, note.who) for note in notes]  # type: ignore[attr-defined]


def lost_records(log: Told, *, mode: str = "refuse") -> LostRecords:
    quarantine = Quarantine(log, "a")
    quarantine.topic_ids = {TOPIC: TOPIC_ID}
    gauge = Gauge("lost", "", ["topic", "partition"], registry=CollectorRegistry())
    return LostRecords(quarantine, gauge, Background(threads=1), Settings(data=Path(), lost_records=mode))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "LOOK_SECONDS", 0.01)


async def test_a_task_waits_until_exactly_what_is_lost_is_in_quarantine() -> None:
    log = Noted()
    held = lost_records(log)
    settling = asyncio.ensure_future(held.settle(BEGINS, Begun(), lambda: True))
    told = {"topic": TOPIC, "partition": 0, "from": 12, "to": 19}

    for notes in ([], [a_range(12, 18)]):
        log.notes = notes
        await asyncio.sleep(0.1)
        assert (settling.done(), held.found()) == (False, [{**told, "waits": True}])
    log.notes = [a_range(12, 19)]
    settled = await settling

    assert settled is not None
    assert {place: start.offset for place, start in settled.items()} == {(TOPIC, 0): 20, (TOPIC, 1): 7}
    assert held.found() == [{**told, "waits": False}]
    assert log.written == [("lost", (TOPIC, 0), 12, 19, "a")]


async def test_where_the_setting_says_so_nobody_is_asked_and_it_is_written_down() -> None:
    log = Noted()

    settled = await lost_records(log, mode="continue").settle(BEGINS, Begun(), lambda: True)

    assert settled is not None
    assert settled[TOPIC, 0].offset == 20
    assert log.written == [("lost", (TOPIC, 0), 12, 19, "a")]


async def test_a_rebalance_ends_the_waiting() -> None:
    assert await lost_records(Noted()).settle(BEGINS, Begun(), iter([True, True, False]).__next__) is None
