"""Transport: Faust's own consumer, handing over whole runs of records instead of single ones.

What is overridden, and why, is in the comments; private names of Faust and aiokafka are used here and in
``streams.worker.unpack`` only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from aiokafka.consumer import fetcher, subscription_state
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from .runs import Run
from .stop import ExitCode, stop_process
from .unpack import FetchedBatches, FetchedPartition, unpacking_of

if TYPE_CHECKING:
    from .engine import Engine

logger = logging.getLogger("streams.worker")

STOP_SECONDS = 5.0
"""For a consumer to end politely."""
IDLE_FETCH = (1, 100)
"""Bytes that a broker waits for, and for how many ms at most, where nothing comes: the first record is handed over at
once. Faust's 1.5 s would be our latency."""
FLOWING_BYTES = 256 << 10
FLOWING_SHARE = 8
"""Where records come, the broker waits for so many bytes, and at most for this part of the time between checkpoints:
they become visible with the next one, and a hundred small fetches cost it and us as much as a hundred large ones."""


class RebalanceListener(driver.ConsumerRebalanceListener):  # type: ignore[misc]  # Faust has no usable types
    """Captures who we are in the group at the moment partitions are assigned: later it may already be another."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        coordinator = self._thread._ensure_consumer()._coordinator
        self._thread.app.engine.capture(coordinator.generation, coordinator.member_id)
        await super().on_partitions_assigned(assigned)


class PartitionState(subscription_state.TopicPartitionState):  # type: ignore[misc]  # aiokafka has no types
    """Remembers that a read was out of range: aiokafka goes on at the first record there is, and tells nobody."""

    out_of_range: int | None = None
    """The offset that was to be read, since it was sought."""

    def await_reset(self, strategy: int) -> None:
        """Also called where there is no position yet."""
        if self.has_valid_position:
            self.out_of_range = int(self.position)
        super().await_reset(strategy)

    def seek(self, position: int) -> None:
        """Where the group stood before a task begins is not yet its business."""
        self.out_of_range = None
        super().seek(position)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that owns aiokafka's consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust ties the isolation level to its own transactions, and the assignor to its own tables.
        consumer._isolation_level = "read_committed"
        consumer._partition_assignment_strategy = [self.app.engine.assignor]
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = IDLE_FETCH
        fetcher.MemoryRecords, fetcher.FetchResult = FetchedBatches, FetchedPartition
        engine: Engine = self.app.engine
        fetcher.PartitionRecords = unpacking_of(
            engine.topics, native=engine.settings.native, gives_up=engine.batches.quarantine.covers
        )
        subscription_state.TopicPartitionState = PartitionState
        return consumer

    async def _fetch_records(self, consumer: Any, active: Any, timeout: Any = None, max_records: Any = None) -> Any:
        # Faust asks the fetcher directly and never looks at the coordinator's errors.
        if consumer._coordinator is not None:
            consumer._coordinator.check_errors()
        fetched = await super()._fetch_records(consumer, active, timeout=timeout, max_records=max_records)
        # The fetcher's next request is made behind us, in this thread: no earlier than we give way.
        asks = consumer._fetcher
        asks._fetch_min_bytes, asks._fetch_max_wait_ms = self._flowing_fetch() if fetched else IDLE_FETCH
        return fetched

    def _flowing_fetch(self) -> tuple[int, int]:
        longest_ms = self.app.engine.settings.checkpoint_interval_ms // FLOWING_SHARE
        return FLOWING_BYTES, min(max(1, longest_ms), IDLE_FETCH[1])

    async def on_thread_stop(self) -> None:
        """A rebalance that is under way is waited for, and may wait for the others or for Faust, which hears no more.

        What was in hand has been committed before; the group will find out by itself that nobody is here.
        """
        try:
            await asyncio.wait_for(super().on_thread_stop(), STOP_SECONDS)
        except TimeoutError:
            logger.warning("the consumer is left as it is: a rebalance did not end within %.0f s", STOP_SECONDS)


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer with one event per run of records of one partition."""

    RebalanceListener = RebalanceListener

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """The next runs of records; topics that are not ours go record by record, as ever."""
        engine: Engine = self.app.engine
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        generation = self.app.consumer_generation_id
        async with engine.fetching:
            epoch = engine.epoch
            active = {tp for tp in self._get_active_partitions() if not self._is_full(tp)}
            fetched = await self._getmany(active_partitions=active, timeout=0.1) if active else {}
            own = {tp: records for tp, records in fetched.items() if tp.topic in engine.topics and records}
            runs = {TP(tp.topic, tp.partition): Run(epoch=epoch, records=records) for tp, records in own.items()}
            if epoch == engine.epoch:
                engine.fetched.hand_over(runs.values(), self._positions(active))
        if not fetched:
            await self.sleep(0.01 if active else 0.05)
        for partition, records in fetched.items():
            tp = TP(partition.topic, partition.partition)
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                return  # whatever does not come so far is read again from the committed offsets
            if tp.topic not in engine.topics:
                for record in records:
                    yield tp, self._to_message(tp, record)
            elif tp in runs and epoch == engine.epoch:
                yield tp, _run_message(tp, runs[tp], generation)

    def _positions(self, partitions: set[TP]) -> dict[tuple[str, int], int]:
        """Where the reader stands in our own topics."""
        states = {tp: self._state_of(tp) for tp in partitions if tp.topic in self.app.engine.topics}
        for tp, state in states.items():
            if state is not None and state.out_of_range is not None:
                stop_process(ExitCode.STATE_REFUSED, _gone(tp, state.out_of_range))
        return {
            (tp.topic, tp.partition): int(state.position)
            for tp, state in states.items()
            if state is not None and state.has_valid_position
        }

    def _state_of(self, tp: TP) -> Any:
        """What aiokafka knows of a partition; ``None`` if it is not ours."""
        assignment = self._thread._consumer._subscription.subscription.assignment
        return assignment.state_value(driver.ensure_aiokafka_TP(tp))

    def _is_full(self, tp: TP) -> bool:
        engine: Engine = self.app.engine
        return tp.topic in engine.topics and engine.fetched.is_full(tp.topic, tp.partition)

    async def perform_seek(self) -> None:
        """Faust's recovery calls this when streams may go on: our own partitions begin when their state is there."""
        own = {tp for tp in self.assignment() if tp.topic in self.app.engine.topics}
        if self.assignment() - own:
            await super().perform_seek()
        self.pause_partitions(own)
        self.app.engine.take({(tp.topic, tp.partition) for tp in own})

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's stall alarm compares clocks of two kinds; the watchdog is our own."""

    async def rewind(self, offsets: dict[tuple[str, int], int]) -> None:
        """Go on reading at ``offsets``. A seek under a running fetch loses records: the caller holds ``fetching``."""
        places = {TP(*place): offset for place, offset in offsets.items()}
        self.pause_partitions(set(places))
        await self.seek_wait(places)
        self.resume_partitions(set(places))

    def lag(self, topic: str, partition: int, processed: int) -> int | None:
        """Records behind ``processed`` that readers of committed records will get; ``None``: not known yet."""
        state = self._state_of(TP(topic, partition))
        position = self.app.engine.fetched.reader_position(topic, partition)
        if state is None or state.highwater is None or position is None:
            return None
        # At the end of the log the position stands behind control records that no batch ever shows.
        if position >= state.highwater and not self.app.engine.fetched.is_waiting(topic, partition):
            return 0
        return max(0, int(state.highwater) - processed)

    def is_member(self) -> bool:
        """Whether the client still keeps up its membership: the task that does may have ended, and nobody is told."""
        coordinator = self._thread._consumer._coordinator
        return coordinator is None or not coordinator._coordination_task.done()

    def answered_ms(self, topic: str, partition: int) -> int | None:
        """Wall clock of the broker's last answer to a fetch of the partition, ms; ``None``: there was none."""
        state = self._state_of(TP(topic, partition))
        return None if state is None else state.timestamp


def _gone(tp: TP, offset: int) -> str:
    return (
        f"{tp.topic}[{tp.partition}] has no offset {offset} any more, which is the next to be read: its retention was"
        " quicker, or it was made anew; the next start tells exactly what is lost"
    )


def _run_message(tp: TP, run: Run, generation: int) -> ConsumerMessage:
    last = run.records[-1]
    return ConsumerMessage(
        tp.topic, tp.partition, last.offset, last.timestamp_ms / 1000.0, 0, None, None, run, None, 0, 0, tp,
        generation_id=generation,
    )  # fmt: skip


class RunSchema(Schema):  # type: ignore[misc]
    """Hands the run over untouched: decoding is the pipeline's first step, not Faust's."""

    def compile(self, app: Any, **kwargs: Any) -> Any:
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, message.headers, message)

        return decode


class Transport(driver.Transport):  # type: ignore[misc]
    """``broker="streams://host:port"``."""

    Consumer = Consumer
    driver_version = driver.Transport.driver_version
