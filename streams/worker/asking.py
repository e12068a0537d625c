"""Asking: batches that wait for the answers of look-ups or of a registry, while the batches of other tasks go on.

A batch whose walk lacks answers stays where it is, at the head of its task; what comes behind it waits in the inputs,
until no more of them is fetched. Answers are fetched beside the loop of batches, in a bounded time, and the batch is
walked again. A rebalance meanwhile drops task and batch; whoever has the task next asks again.

A schema registry is asked here alone. One that does not answer is asked again until it does, however long: no record is
to blame, none is set aside. What it has said before needs no answer, so batches with known schemas go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from streams.contracts.registry import RegistryUnavailableError
from streams.errors import UnregisteredSchemaError
from streams.pipeline.lookups.plan import Answer, Question, UnansweredError
from streams.pipeline.results import BatchResult
from streams.pipeline.task import Task
from streams.records import RecordBatch
from streams.services.services import Services

from .background import Background

if TYPE_CHECKING:
    from .owned import OwnedTask


logger = logging.getLogger("streams.worker")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0


class HeldBatch:
    """The batch of one task that has left its inputs and is not processed yet, and what is known for it."""

    def __init__(self) -> None:
        self.is_asking = False
        """Answers are being fetched; until they are there, the task does nothing."""
        self.rounds = 0
        """How often answers came; what moves, for the watchdog."""
        self._batch: RecordBatch | None = None
        self._answers: dict[Question, Answer] = {}
        self.questions: frozenset[Question] = frozenset()
        """Those without an answer."""
        self.away: RegistryUnavailableError | None = None
        """Why a schema could not be had; ``None``: none is missing."""

    def next_batch(self) -> RecordBatch | None:
        """What comes before all inputs."""
        batch, self._batch = self._batch, None
        return batch

    def process(self, task: Task, batch: RecordBatch, *, now_ms: int) -> BatchResult | None:
        """What ``task`` makes of ``batch``; ``None``: nothing yet, it is kept here."""
        try:
            result = task.process(batch, now_ms=now_ms, answers=self._answers)
        except UnansweredError as error:
            self._batch = batch
            self.questions = error.questions
            return None
        except RegistryUnavailableError as error:
            self._batch, self.away = batch, error
            return None
        self._answers = {}
        return result

    def learn(self, answers: dict[Question, Answer]) -> None:
        """``answers`` hold for the batch until it is processed."""
        self._answers |= answers
        self.questions -= answers.keys()


class Asker:
    """Fetches answers; ``resume`` goes on with a task if nothing has moved since an epoch.

    ``epoch`` tells the one that is; ``away`` counts the tasks that wait for a registry.
    """

    def __init__(
        self,
        services: Services,
        background: Background,
        resume: Callable[[OwnedTask, int], Awaitable[None]],
        epoch: Callable[[], int],
        *,
        away: Gauge,
    ) -> None:
        self._services = services
        self._background = background
        self._resume = resume
        self._epoch = epoch
        self._away = away

    def ask(self, owned: OwnedTask, epoch: int) -> None:
        """Get what the task waits for: at once where all of it is remembered, else beside the loop."""
        held = owned.held
        if held.away is not None:
            held.is_asking = True
            self._background.spawn(self._wait(owned, held.away, epoch), "the schema registry")
            return
        held.learn(self._services.recall(held.questions))
        if held.questions:
            held.is_asking = True
            self._background.spawn(self._answer(owned, epoch), "look-ups")

    async def _answer(self, owned: OwnedTask, epoch: int) -> None:
        held = owned.held
        held.learn(await self._services.answer(held.questions))
        held.rounds += 1
        held.is_asking = False
        await self._resume(owned, epoch)

    async def _wait(self, owned: OwnedTask, error: RegistryUnavailableError, epoch: int) -> None:
        """Ask for the schema until there is an answer, beside the loop; then the batch is walked again."""
        held = owned.held
        if error.is_unasked:
            held.rounds += 1
        if not (error.is_unasked and await self._is_answered(error)):
            await self._outlast(owned, error, epoch)
        held.away, held.is_asking = None, False
        await self._resume(owned, epoch)

    async def _outlast(self, owned: OwnedTask, error: RegistryUnavailableError, epoch: int) -> None:
        """It does not answer: ask again and again."""
        held, place = owned.held, f"{owned.task.sub.source_topics[0]}[{owned.task.partition}]"
        logger.warning("%s waits: %s", place, error)
        self._away.inc()
        pause_s = FIRST_PAUSE_SECONDS
        while epoch == self._epoch():
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_SECONDS)
            held.rounds += 1
            if await self._is_answered(error):
                logger.info("%s goes on", place)
                break
        self._away.dec()

    async def _is_answered(self, error: RegistryUnavailableError) -> bool:
        if error.again is None:
            return True  # who walks the batch again will see
        try:
            await self._background.run(error.again)
        except RegistryUnavailableError as why:
            error.args = why.args  # not why it was asked for, but what became of that
            return False
        except UnregisteredSchemaError:
            pass  # an answer, too
        return True
