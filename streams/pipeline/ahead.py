"""Ahead: pipelines that are further than their task, because another pipeline of it was set back.

In:   a batch of the task, which reads from where the hindmost of its pipelines is.
Out:  by pipeline, the part of the batch that it has not processed yet.
Next: streams.pipeline.process
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from streams.records import RecordBatch
from streams.state.changelog import Marker

from .plan import Plan
from .tables import state_changelog
from .topology import SubTopology


class Ahead:
    """Where each pipeline of a task goes on; what is behind its task's position is of no more account."""

    def __init__(self, sub: SubTopology, marker: Marker) -> None:
        self._by_plan = {plan.name: dict(marker.plans.get(state_changelog(plan), {})) for plan in sub.plans}
        self._furthest: dict[str, int] = {}
        for places in self._by_plan.values():
            for topic, offset in places.items():
                self._furthest[topic] = max(offset, self._furthest.get(topic, 0))

    def shares(self, batch: RecordBatch, plans: Iterable[Plan]) -> Iterator[tuple[Plan, RecordBatch]]:
        """Each pipeline with what is for it; one that has processed all of ``batch`` before is left out."""
        first = batch.records[0].offset if batch.records else batch.next_offset
        if first >= self._furthest.get(batch.topic, 0):
            yield from ((plan, batch) for plan in plans)
            return
        for plan in plans:
            begins = self._by_plan[plan.name].get(batch.topic, 0)
            records = [record for record in batch.records if record.offset >= begins]
            if records:
                yield plan, replace(batch, records=records)

    def own(self, plan: Plan, positions: Mapping[str, int]) -> Mapping[str, int]:
        """``positions`` of the task, as far as ``plan`` is not ahead of them."""
        own = self._by_plan[plan.name]
        return {topic: max(offset, own.get(topic, 0)) for topic, offset in positions.items()}
