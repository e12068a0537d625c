"""Checkpoint: one transaction of a worker, in the order that keeps state, outputs and offsets together.

1. window results and changelogs go into the open transaction, each task's markers last
2. the offset of every touched task, even where it did not move, with the captured membership
3. commit, in a thread
4. one atomic write per task to its store
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import TopicPartition
from msgspec.structs import replace

from streams.state.changelog import ChangelogRun

from .membership import Membership
from .metrics import WorkerMetrics
from .owned import OwnedTask
from .starts import OffsetMetadata, encode_metadata
from .topics import TopicIds
from .transactions import Transactions

Positions = Mapping[tuple[str, int], int]


class Checkpointer:
    """Carries touched tasks through a commit."""

    def __init__(self, transactions: Transactions, metrics: WorkerMetrics, ids: TopicIds) -> None:
        self._transactions = transactions
        self._ids = ids
        self._metrics = metrics
        self._begun = 0.0

    def prepare(
        self, touched: list[OwnedTask], *, address: str = ""
    ) -> tuple[list[ChangelogRun], list[TopicPartition]]:
        """Window results into the transaction; (changelog records, offsets) for the commit.

        ``address`` is noted beside the offsets: where to find us, if not where the plan says.
        """
        self._begun = time.monotonic()
        changelog: list[ChangelogRun] = []
        offsets: list[TopicPartition] = []
        for owned in touched:
            checkpoint = owned.task.prepare_checkpoint()
            self._transactions.send(checkpoint.deliveries)
            changelog += checkpoint.changelog
            owned.note_results(checkpoint.ledgers)
            metadata, number = self._metadata(owned), owned.task.partition
            for topic, offset in checkpoint.offsets.items():
                own = replace(metadata, s=self._ids.inputs[topic], w=address)
                offsets.append(TopicPartition(topic, number, offset, encode_metadata(own)))
        return changelog, offsets

    def _metadata(self, owned: OwnedTask) -> OffsetMetadata:
        """What the next owner of the task checks its state against."""
        sub = owned.task.sub
        return OffsetMetadata(
            t=self._transactions.transactional_id,
            f={short: shape + self._ids.changelogs[short] for short, shape in sub.shapes.items()},
            e=owned.changelog_ends,
            p={name: dict(steps) for name, steps in sub.steps.items()},
        )

    def commit(
        self, changelog: list[ChangelogRun], offsets: list[TopicPartition], membership: Membership
    ) -> Positions:
        """Changelogs, then the commit; blocks, in a thread."""
        self._transactions.send_changelog(changelog)
        return self._transactions.commit(offsets, membership)

    def finish(self, touched: list[OwnedTask], positions: Positions) -> None:
        """Kafka has committed: into the stores."""
        now_ms = time.time_ns() // 1_000_000
        for owned in touched:
            own = {topic: at for (topic, number), at in positions.items() if number == owned.task.partition}
            expected = {topic for _, topic in owned.task.sub.changelogs}
            owned.committed({topic: at for topic, at in own.items() if topic in expected}, self._metrics, now_ms=now_ms)
        self._metrics.checkpoint.observe(time.monotonic() - self._begun)
