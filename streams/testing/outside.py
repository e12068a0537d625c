"""Outside: whoever answers the look-ups of a driver's pipelines, by the code that a worker asks with.

Time of caches, pauses and breakers is the driver's; only the time-out of a call is that of the real clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from functools import cache

from streams.pipeline.lookups.plan import Answer, Question, UnansweredError
from streams.pipeline.plan import Plan
from streams.pipeline.results import BatchResult
from streams.pipeline.task import Task
from streams.records import RecordBatch
from streams.services.services import Services


class Outside:
    """Asks in one event loop for all drivers of a process: functions may keep connections in it."""

    def __init__(self, plans: Iterable[Plan], now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._slept_s = 0.0
        self._services = Services(plans, clock=self._clock, sleep=self._sleep)

    def process(self, task: Task, batch: RecordBatch, *, now_ms: int) -> BatchResult:
        """What ``task`` makes of ``batch``."""
        answers: dict[Question, Answer] = {}
        while True:
            try:
                return task.process(batch, now_ms=now_ms, answers=answers)
            except UnansweredError as error:
                answers |= self._answers(error.questions)

    def _answers(self, questions: frozenset[Question]) -> dict[Question, Answer]:
        known = self._services.recall(questions)
        left = questions - known.keys()
        if not left:
            return known
        return known | asyncio.run_coroutine_threadsafe(self._services.answer(left), _loop()).result()

    def _clock(self) -> float:
        return self._now_ms() / 1_000 + self._slept_s

    async def _sleep(self, seconds: float) -> None:
        """As long as it takes: those who sleep at the same time wake at the same time."""
        wakes_s = self._clock() + seconds
        await asyncio.sleep(0)
        self._slept_s += max(0.0, wakes_s - self._clock())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """A loop in a thread that lasts as long as the process: whoever drives may have one of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="look-ups", daemon=True).start()
    return loop
