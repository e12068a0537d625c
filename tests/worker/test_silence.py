"""Silence: nobody is idle by an answer that may be old."""

from __future__ import annotations

from pathlib import Path

from streams.worker.silence import Silence

from .builders import TOPIC, an_engine, owned_task


class Answers:
    """A port whose broker has last answered at ``at_ms``."""

    def __init__(self) -> None:
        self.at_ms: int | None = None

    async def rewind(self, offsets: dict[tuple[str, int], int]) -> None:
        raise NotImplementedError

    def lag(self, topic: str, partition: int, processed: int) -> int | None:
        return 0

    def answered_ms(self, topic: str, partition: int) -> int | None:
        return self.at_ms


def test_what_an_answer_says_held_when_the_one_before_it_came(tmp_path: Path) -> None:
    task, port, silence = owned_task(an_engine(tmp_path)).task, Answers(), Silence()
    found = []

    for now_ms, answered_ms in [(0, None), (100, 90), (200, 190), (60_000, 190), (60_100, 60_050), (60_200, 60_150)]:
        port.at_ms = answered_ms
        found.append(silence.of(task, {TOPIC: 0}, port, now_ms=now_ms))

    # The answer at 60,050 may have been on its way before the process froze: it says nothing of the minute.
    quiet = frozenset({TOPIC})
    assert found == [(0, frozenset()), (100, frozenset()), (90, quiet), (90, quiet), (190, quiet), (60_050, quiet)]


def test_an_input_that_has_more_or_is_not_known_is_not_silent(tmp_path: Path) -> None:
    task, port, silence = owned_task(an_engine(tmp_path)).task, Answers(), Silence()
    for at_ms in (90, 190):
        port.at_ms = at_ms
        silence.of(task, {TOPIC: 0}, port, now_ms=at_ms)

    assert silence.of(task, {TOPIC: 3}, port, now_ms=300) == (300, frozenset())
    assert silence.of(task, {TOPIC: None}, port, now_ms=300) == (300, frozenset())
    assert silence.of(task, {TOPIC: 0}, None, now_ms=300) == (90, frozenset({TOPIC}))


def test_where_the_wall_clock_is_set_silence_is_counted_anew(tmp_path: Path) -> None:
    task, port, silence = owned_task(an_engine(tmp_path)).task, Answers(), Silence()
    found = []

    for steady_ms in range(0, 500, 100):
        now_ms = steady_ms if steady_ms < 200 else steady_ms + 300_000
        port.at_ms = now_ms
        silence.note_clock(now_ms=now_ms, steady_ms=steady_ms)
        found.append(silence.of(task, {TOPIC: 0}, port, now_ms=now_ms))

    quiet, none = frozenset({TOPIC}), frozenset[str]()
    assert found == [(0, none), (0, quiet), (300_200, none), (300_200, quiet), (300_300, quiet)]
