"""Batches: one batch through its task, and what comes of it into the open transaction."""

from __future__ import annotations

import time

from streams.records import RecordBatch
from streams.settings import Settings

from .in_hand import InHand
from .metrics import WorkerMetrics
from .owned import OwnedTask
from .pace import Pace
from .quarantine import Quarantine, QuarantineLog
from .stop import ExitCode, stop_process
from .topics import TopicIds
from .transactions import GroupMovedOnError, TransactionFailedError, Transactions

INTERNAL_ERROR_RATIO = 0.01


class Batches:
    """Of all tasks of a worker; its lock is held by whoever calls."""

    def __init__(self, metrics: WorkerMetrics, pace: Pace, settings: Settings, instance: str) -> None:
        self._metrics = metrics
        self.quarantine = Quarantine(QuarantineLog(settings.librdkafka(), settings.app), instance)
        self.in_hand = InHand()
        self._trace = settings.data / settings.app / f"{instance}.in-hand"
        self._pace = pace

    def begin(self, topic_ids: TopicIds) -> None:
        """Before the first batch: what predecessors died of, and what inputs are called."""
        self.in_hand.open(self._trace)
        self.quarantine.topic_ids = topic_ids.inputs

    def add(self, owned: OwnedTask, fetched: RecordBatch) -> None:
        """Take what was ``fetched``, without what is in quarantine."""
        batch = self.quarantine.step_over(fetched)
        self.in_hand.take(batch)  # inputs look into records, too
        for part in self.in_hand.parts(batch):
            owned.inputs.add(part)
        self.in_hand.put_down()

    def process(self, owned: OwnedTask, batch: RecordBatch, transactions: Transactions) -> bool:
        """Process ``batch``; False where it waits in ``owned`` for look-ups, and nothing has happened."""
        first, position = batch.records[0].offset, owned.task.position(batch.topic)
        if first < position:
            stop_process(ExitCode.BUG, f"{batch.topic}[{batch.partition}] goes back from {position} to {first}")
        now_ms = time.time_ns() // 1_000_000
        self.in_hand.take(batch)
        result = owned.held.process(owned.task, batch, now_ms=now_ms)
        self.in_hand.put_down()
        if result is None:
            return False
        owned.note(result)
        self._pace.note(now_ms / 1000 - batch.records[-1].timestamp_ms / 1000)
        if self._metrics.note_internal_errors(result.all_ledgers, now_ms=now_ms) > INTERNAL_ERROR_RATIO:
            stop_process(ExitCode.TOO_MANY_INTERNAL_ERRORS, "over 1 % of a minute's events are internal errors")
        try:
            transactions.send(result.deliveries)
            if batch.stepped_over:
                transactions.send(self.quarantine.told(batch))
        except GroupMovedOnError:
            owned.is_refused = True
        except TransactionFailedError as error:
            stop_process(ExitCode.TRANSACTION_FAILED, str(error))
        return True
