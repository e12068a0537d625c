"""Services: the answers to whatever a batch asks, of all look-ups, within a bounded time.

In:   questions that a walk could not go on without.
Out:  an answer to each of them: a value, nothing, or a failure that says why.
Next: streams.pipeline.task, which walks the batch again
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from streams.pipeline.lookups.plan import Answer, Question
from streams.pipeline.plan import Plan

from .observe import NoObserver, Observer
from .service import Service, Sleep, Surroundings

PATIENCE_S = 30.0
"""So long a batch waits for its answers; what is not answered then has failed. Well below the watchdog's patience."""
UNAVAILABLE = "lookup_unavailable"


class Services:
    """All services that ``plans`` ask.

    Where a pipeline tries again later what nobody answers (``errors.retry``), an open breaker fails at once, and the
    retry topics take the events. Where it does not, they would be dead, so the batch waits for the breaker instead.
    """

    def __init__(
        self,
        plans: Iterable[Plan],
        *,
        clock: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
        observer: Observer | None = None,
    ) -> None:
        self._world = Surroundings(clock=clock, sleep=sleep, observer=observer or NoObserver())
        self._services = {
            (lookup.pipeline, lookup.column): Service(
                lookup, self._world, is_patient=UNAVAILABLE not in plan.retried
            )
            for plan in plans
            for lookup in plan.lookups
        }

    def recall(self, questions: Iterable[Question]) -> dict[Question, Answer]:
        """The answers that are known without asking."""
        known: dict[Question, Answer] = {}
        for service, held in self._by_service(questions):
            known |= service.recall(held)
        return known

    async def answer(self, questions: Iterable[Question]) -> dict[Question, Answer]:
        """An answer to each of ``questions``, in ``PATIENCE_S`` at most.

        As many of them stand in line for a service as it takes at a time: those of another batch are next, however
        many there are here.
        """
        answers: dict[Question, Answer] = {}
        until_s = self._world.clock() + PATIENCE_S
        asking: dict[asyncio.Task[dict[Question, Answer]], tuple[Service, Sequence[Question]]] = {}
        for service, held in self._by_service(questions):
            turns = asyncio.Semaphore(service.concurrency)
            for portion in service.portions(held):
                asking[asyncio.ensure_future(_in_turn(turns, service, portion, until_s))] = service, portion
        if asking:
            await asyncio.wait(asking, timeout=PATIENCE_S)
        for task, (service, portion) in asking.items():
            if task.done():
                answers |= task.result()
            else:
                task.cancel()  # not awaited: a function may hold on to itself
                answers |= dict.fromkeys(portion, Answer(error=service.too_late()))
        return answers

    def _by_service(self, questions: Iterable[Question]) -> Iterable[tuple[Service, list[Question]]]:
        """Questions in a fixed order, by who answers them."""
        by_name: dict[tuple[str, str], list[Question]] = {}
        for question in sorted(questions, key=lambda held: (held.pipeline, held.column, held.key)):
            by_name.setdefault((question.pipeline, question.column), []).append(question)
        return [(self._services[name], asked) for name, asked in by_name.items()]


async def _in_turn(
    turns: asyncio.Semaphore, service: Service, questions: Sequence[Question], until_s: float
) -> dict[Question, Answer]:
    async with turns:
        return await service.ask(questions, until_s=until_s)
