"""The engine: tasks of this worker, their batches, and the checkpoints that make everything visible at once.

One batch:  Faust's agent → ``handle`` → ``Inputs`` → ``Task.process`` → the open transaction.
Every 200 ms:  ``checkpoint`` → window results, changelogs and offsets into the transaction → commit → the stores.
A rebalance:  ``leave`` (last checkpoint, close stores) → ``capture`` → ``take`` (restore in the background, then seek).

``epoch`` changes with every rebalance and every abort; whatever began in an older one is dropped. ``lock`` is held
while a batch or a checkpoint runs, ``fetching`` while records are fetched: nobody seeks under a fetch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TypeVar

from streams.pipeline.topology import Topology
from streams.services.services import Services
from streams.settings import Settings

from .addresses import Addresses
from .asking import Asker
from .assignor import GroupFacts, MemberFacts, Place, TaskAssignor
from .background import Background
from .batches import Batches
from .checkpoint import Checkpointer
from .fetched import Fetched, Port, lags_of
from .lanes import tell_lanes
from .lost import LostRecords
from .membership import Membership
from .metrics import WorkerMetrics
from .owned import OwnedTask
from .pace import Pace
from .reading import Reading
from .restore import Restorer
from .runs import Run
from .silence import Silence
from .starts import Starts
from .stop import ExitCode, stop_for, stop_process
from .stores import stores_of
from .taking import Taking
from .topics import TopicKeeper, group_instances
from .transactions import GroupMovedOnError, TransactionFailedError, Transactions

logger = logging.getLogger("streams.worker")

T = TypeVar("T")
LEAVE_SECONDS = 20.0


class Engine:
    """Everything a worker does besides fetching."""

    def __init__(self, settings: Settings, topology: Topology, instance: str) -> None:
        self.settings = settings
        self.instance = instance
        self.metrics = WorkerMetrics()
        self._fit(topology)
        self.group = GroupFacts()
        self.web_url = ""
        self.addresses = Addresses(self)
        self.tasks: dict[Place, OwnedTask] = {}
        self.expected: frozenset[Place] = frozenset()
        """Tasks that were assigned, ready or not."""
        self.epoch = 0
        self.lock = asyncio.Lock()
        self.fetching = asyncio.Lock()
        self.port: Port | None = None
        self.transactions: Transactions | None = None
        self.membership: Membership | None = None
        self.is_joined = False
        self.beat = time.monotonic()
        """When the loop last showed that it runs."""
        self._stores = stores_of(settings, instance)
        self._captured: Membership | None = None
        self._had: tuple[Place, ...] = ()
        """The last assignment: when a member tells what it owns, it has already been revoked."""
        self._silence = Silence()
        self._committing = Background(threads=1)
        """Of its own: a commit that waited for a restore to end would come too late."""
        self._background = Background()
        services = Services(topology.plans, clock=time.monotonic, observer=self.metrics.lookups)
        self._asker = Asker(services, self._background, self._resume, lambda: self.epoch, away=self.metrics.away)
        self.taking: Taking | None = None
        self._checkpointer: Checkpointer | None = None
        self._pace = Pace(settings.checkpoint_interval_ms / 1000)
        self.batches = Batches(self.metrics, self._pace, settings, instance)
        self.lost = LostRecords(self.batches.quarantine, self.metrics.lost, self._background, settings)

    def _fit(self, topology: Topology) -> None:
        """Who reads what; a source with one partition needs less than the files alone say."""
        self.topology = topology
        groups = tuple(sub.source_topics for sub in topology.subtopologies)
        self.topics = frozenset(topic for group in groups for topic in group)
        self.assignor = TaskAssignor(groups, self._describe, self._learn)
        self.fetched = Fetched(topology, lambda: self.tasks)

    # -- once per process

    async def prepare(self) -> None:
        """Topics and producer, before the group is joined: 0.5 s that no rebalance has to wait for."""
        tell_lanes(self.topology, self.metrics, is_wanted=self.settings.native)
        options, app, run = self.settings.librdkafka(), self.settings.app, self._background.run
        await run(self._stores.prepare)
        keeper = TopicKeeper(options)
        self._fit(await run(keeper.fitted, self.topology))
        counts = await run(keeper.prepare, self.topology, max_record_bytes=self.settings.max_record_bytes)
        self.transactions = Transactions(options, f"{app}-{self.instance}", native=self.settings.native)
        await run(self.transactions.open)
        topic_ids = await run(keeper.topic_ids, self.topology)
        self.batches.begin(topic_ids)
        starts = self.addresses.starts = Starts(options, app=app)
        await run(keeper.refuse_abandoned, self.topology, starts)
        restorer = Restorer(
            options, starts, stores=self._stores, topic_ids=topic_ids,
            instance_left=lambda owner: owner.removeprefix(f"{app}-") not in group_instances(options, app),
        )  # fmt: skip
        self.taking = Taking(self.topology, self._background, starts, restorer, self.metrics, counts, self.lost)
        self._checkpointer = Checkpointer(self.transactions, self.metrics, topic_ids)

    # -- the group

    def _describe(self) -> MemberFacts:
        stored = tuple(sorted(self._stores.kept_here()))
        run = tuple(sorted(plan.name for plan in self.topology.plans))
        return MemberFacts(instance=self.instance, web=self.web_url, pipelines=run, owned=self._had, stored=stored)

    def _learn(self, facts: GroupFacts) -> None:
        self.group = facts

    def capture(self, generation: int, member_id: str) -> None:
        """Who we are in the group, from the moment of the assignment on. Called in the consumer's thread."""
        self._captured = Membership(
            group=self.settings.app, generation=generation, member_id=member_id, instance=self.instance
        )

    def take(self, partitions: set[tuple[str, int]]) -> None:
        """The tasks that read these partitions are ours: restore each in the background and begin."""
        places = {self.fetched.place_of(*partition) for partition in partitions}
        self.membership = self._captured
        self.epoch += 1
        self.expected = frozenset(places)
        self._had = tuple(sorted(places))
        self.is_joined = True
        if places:
            epoch = self.epoch
            taking = self._require(self.taking).take(
                self.expected, lambda: epoch == self.epoch, lambda place, owned: self._begin(place, owned, epoch)
            )
            self._background.spawn(taking, "taking tasks")

    async def _begin(self, place: Place, owned: OwnedTask, epoch: int) -> bool:
        """A task restored for ``epoch`` starts to process; False where a rebalance was quicker."""
        starts = {(topic, place[1]): owned.task.position(topic) for topic in owned.task.sub.source_topics}
        async with self.fetching:
            if epoch != self.epoch:
                return False
            self.tasks[place] = owned
            owned.must_commit = owned.must_commit or owned.noted != {self.addresses.to_note}
            owned.reader = Reading(owned, self.fetched, self._require(self.port))
            self.fetched.begin(starts)
            self.metrics.tasks.set(len(self.tasks))
            await self._require(self.port).rewind(starts)
        return True

    async def leave(self) -> None:
        """Partitions go: a last checkpoint, then nothing is owned until the next assignment."""
        try:
            async with self.lock:
                await asyncio.wait_for(self._checkpoint(), LEAVE_SECONDS)
                self._drop_tasks()
        except TimeoutError:
            stop_process(ExitCode.OVERDUE, "the last checkpoint before leaving tasks; its outcome is unknown")
        except Exception as error:  # Faust would shut down politely, and leave once more
            stop_for(error, "leaving tasks")

    def _drop_tasks(self) -> None:
        self.epoch += 1
        self.is_joined = False
        self.expected = frozenset()
        for owned in self.tasks.values():
            owned.task.store.close()
        self.tasks = {}
        self.fetched.forget()
        self.lost.forget()
        self.metrics.forget_tasks()

    # -- batches

    async def handle(self, run: Run) -> None:
        """Process one run inside the open transaction; called by the agent, to which no exception goes back."""
        try:
            async with self.lock:
                owned = self.fetched.task_of(*run.place)
                if owned is None or run.epoch != self.epoch:
                    return
                self.batches.add(owned, run.batch())
                await self._work(owned)
        except Exception as error:  # Faust would count the run as done
            stop_for(error, f"batch of {run.place[0]}[{run.place[1]}]@{run.records[0].offset}")

    async def _work(self, owned: OwnedTask) -> None:
        """Process what may be processed of the inputs of a task; the lock is held."""
        epoch, number = self.epoch, owned.task.partition

        def is_caught_up(topic: str) -> bool:
            return self._require(self.port).lag(topic, number, owned.task.position(topic)) == 0

        while epoch == self.epoch and not owned.held.is_asking:
            batch = owned.held.next_batch() or owned.next_batch(is_caught_up)
            if batch is None:
                return
            if not self.batches.process(owned, batch, self._require(self.transactions)):
                self._asker.ask(owned, epoch)
                continue
            if owned.is_refused or (owned.inputs.is_whole and self._pace.is_due(self.pending_bytes)):
                await self._checkpoint()
            await asyncio.sleep(0)

    async def _resume(self, owned: OwnedTask, epoch: int) -> None:
        """Go on with a task whose look-ups have been answered."""
        async with self.lock:
            if epoch == self.epoch:
                await self._work(owned)

    # -- checkpoints

    async def keep_time(self) -> None:
        """Checkpoints when no batch comes by to make them, and the wall clock for idle inputs."""
        interval_s = self.settings.checkpoint_interval_ms / 1000
        while True:
            await asyncio.sleep(interval_s / 2)
            self.beat = time.monotonic()
            try:
                async with self.lock:
                    for place in list(self.tasks):
                        if (owned := self.tasks.get(place)) is not None:
                            await self._work(owned)  # one input may have waited for another in vain
                    self._advance_clocks()
                    if self._pace.is_due():
                        await self._checkpoint()
            except Exception as error:  # nobody awaits this loop
                stop_for(error, "checkpoint")

    def _advance_clocks(self) -> None:
        now_ms = self._silence.read_clock()
        for owned in self.tasks.values():
            lags = lags_of(owned.task, self.port)
            known_ms, silent = self._silence.of(owned.task, lags, self.port, now_ms=now_ms)
            owned.task.advance_clock(now_ms=known_ms, caught_up=silent)
            owned.observe(self.metrics, lags, now_ms)

    async def _checkpoint(self) -> None:
        """Commit what all tasks have done; the lock is held, the world stands still."""
        self._pace.checkpoint()
        touched = [owned for owned in self.tasks.values() if owned.has_work]
        if not touched:
            return
        checkpointer = self._require(self._checkpointer)
        try:
            changelog, offsets = checkpointer.prepare(touched, address=self.addresses.to_note)
            membership = self._require(self.membership)
            positions = await self._committing.run(checkpointer.commit, changelog, offsets, membership)
        except GroupMovedOnError as error:
            await self._abort(str(error))
            return
        except TransactionFailedError as error:
            stop_process(ExitCode.TRANSACTION_FAILED, f"commit: {error}")
        checkpointer.finish(touched, positions)
        self._pace.checkpoint()

    async def _abort(self, why: str) -> None:
        """The group has moved on: drop everything uncommitted and wait for the next assignment."""
        logger.warning("transaction aborted: %s", why)
        self.metrics.aborts.inc()
        for owned in self.tasks.values():
            owned.abort()
        self._drop_tasks()
        try:
            await self._committing.run(self._require(self.transactions).abort)
        except TransactionFailedError as error:
            stop_process(ExitCode.TRANSACTION_FAILED, str(error))

    def _require(self, part: T | None) -> T:
        if part is None:
            raise RuntimeError("the engine has not been prepared")
        return part

    @property
    def pending_bytes(self) -> int:
        """Bytes of the records that all tasks have processed since the last checkpoint."""
        return sum(owned.task.pending_bytes for owned in self.tasks.values())

    @property
    def is_ready(self) -> bool:
        """Joined, and every assigned task has been restored."""
        return self.is_joined and self.expected == frozenset(self.tasks)
