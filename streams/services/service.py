"""Service: one look-up's way to its function: a slot, the breaker, the time-out, and another attempt.

Whatever the function raises is a failure that may pass, never a bug of ours: a service that says nonsense for a minute
must not stop a worker. No message holds what it said: it may quote the row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from streams.errors import LookupFailedError, LookupUnavailableError, PipelineError
from streams.pipeline.lookups.plan import Answer, Lookup, Question

from .breaker import Breaker, BreakerOpenError
from .cache import AnswerCache
from .observe import Observer, Result

Sleep = Callable[[float], Awaitable[None]]
FAILURES = (LookupUnavailableError, LookupFailedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a service needs of the world."""

    clock: Callable[[], float]
    """Seconds, from anywhere."""
    sleep: Sleep
    observer: Observer


class Service:
    """Answers the questions of one look-up.

    ``is_patient``: what finds the breaker open waits for its next trial, until it is too late; otherwise it fails.
    """

    def __init__(self, lookup: Lookup, world: Surroundings, *, is_patient: bool) -> None:
        self._lookup = lookup
        self._world = world
        self._is_patient = is_patient
        self.concurrency = lookup.policy.concurrency
        self._slots = asyncio.Semaphore(self.concurrency)
        self.cache = AnswerCache(lookup.policy, world.clock)
        self.breaker = Breaker(lookup.policy.breaker, world.clock, lambda state: world.observer.changed(lookup, state))
        world.observer.changed(lookup, self.breaker.state)

    def recall(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        """What is known without a call."""
        known = {held: answer for held in questions if (answer := self.cache.get(held)) is not None}
        self._world.observer.cached(self._lookup, len(known))
        return known

    def portions(self, questions: Sequence[Question]) -> list[Sequence[Question]]:
        """As many questions together as one call may hold."""
        size = self._lookup.policy.batch or 1
        return [questions[start : start + size] for start in range(0, len(questions), size)]

    async def ask(self, questions: Sequence[Question], *, until_s: float) -> dict[Question, Answer]:
        """The answers to one portion; what has begun before ``until_s`` may end after it."""
        try:
            async with self._slots:
                values = await self._attempts(questions, until_s)
        except FAILURES as error:
            return dict.fromkeys(questions, Answer(error=error))
        answers = {held: Answer(value=value) for held, value in zip(questions, values, strict=True)}
        for question, answer in answers.items():
            self.cache.put(question, answer)
        return answers

    def too_late(self) -> PipelineError:
        """For questions that nobody waits for any longer."""
        return LookupUnavailableError(self._lookup.column, "not within the time that a batch has")

    async def _attempts(self, questions: Sequence[Question], until_s: float) -> list[object]:
        policy = self._lookup.policy
        pause_s = policy.pause_ms / 1_000
        retrying = AsyncRetrying(
            stop=stop_after_attempt(policy.attempts),
            wait=wait_exponential_jitter(multiplier=pause_s, max=32 * pause_s, jitter=pause_s),
            retry=retry_if_exception_type(FAILURES),
            sleep=self._world.sleep,
            reraise=True,
        )
        try:
            values: list[object] = await retrying(self._admitted, questions, until_s)
        except BreakerOpenError:
            for _ in questions:
                self._world.observer.called(self._lookup, Result.REFUSED, None)
            raise LookupUnavailableError(self._lookup.column, "its breaker is open") from None
        return values

    async def _admitted(self, questions: Sequence[Question], until_s: float) -> list[object]:
        while True:
            try:
                ticket = await self.breaker.enter()
                break
            except BreakerOpenError:
                wait_s = self.breaker.wait_s
                if not self._is_patient or self._world.clock() + wait_s > until_s:
                    raise
                await self._world.sleep(wait_s)
        is_well = False
        try:
            values = await self._call(questions)
            is_well = True
        finally:
            self.breaker.leave(ticket, is_well=is_well)
        return values

    async def _call(self, questions: Sequence[Question]) -> list[object]:
        """One call; its answers in JSON view."""
        began_s, result, column = self._world.clock(), Result.UNAVAILABLE, self._lookup.column
        try:
            async with asyncio.timeout(self._lookup.policy.timeout_ms / 1_000):
                said = await self._said(questions)
            values = [self._lookup.encode(value) for value in said]
            result = Result.ANSWERED
        except TimeoutError:
            result = Result.TIMED_OUT
            raise LookupUnavailableError(column, f"timed out after {self._lookup.policy.timeout_ms} ms") from None
        except OSError as error:
            raise LookupUnavailableError(column, type(error).__name__) from None
        except Exception as error:
            result = Result.FAILED
            raise LookupFailedError(column, type(error).__name__) from None
        finally:
            self._world.observer.called(self._lookup, result, self._world.clock() - began_s)
        return values

    async def _said(self, questions: Sequence[Question]) -> list[object]:
        call = self._lookup.call
        if self._lookup.policy.batch is None:
            return [await call(*questions[0].arguments)]
        said = await call(*([*values] for values in zip(*(held.arguments for held in questions), strict=True)))
        if not isinstance(said, list) or len(said) != len(questions):
            raise TypeError("not one answer for each question")
        return said
