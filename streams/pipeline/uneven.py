"""Uneven: inputs of one task must have the same number of partitions, or some of them nobody would read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.errors import Problem

from .topology import Topology


def find_uneven(topology: Topology, counts: Mapping[str, int]) -> Iterable[Problem]:
    """Inputs of one task that differ in their partitions; ``counts``: partitions by source topic."""
    source_of = {spec.name: spec.source for spec in topology.topics}
    for sub in topology.subtopologies:
        sources = tuple(dict.fromkeys(source_of.get(topic, topic) for topic in sub.source_topics))
        first = sources[0]
        names = ", ".join(plan.name for plan in sub.plans)
        for other in sources[1:]:
            if counts[other] != counts[first]:
                message = (
                    f"has {counts[other]} partitions, {first} has {counts[first]}; pipelines that share tables or"
                    f" topics ({names}) read both in one task: give both topics the same number of partitions"
                )
                yield Problem(file=other, message=message)
