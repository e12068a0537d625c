"""Build: which pipelines tell each other's tasks of a TRUNCATE; with one partition there is nobody to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..plan import Plan
from ..topology import Topology, build_topology
from .tell import keeps_rows


def telling(plan: Plan) -> Plan:
    """``plan`` with a topic for its TRUNCATEs, if its format has them and it keeps something of rows."""
    if not plan.codec.has_images or not keeps_rows(plan):
        return plan
    topic = f"{plan.app}-{plan.name}-truncates-repartition"
    return replace(plan, truncates=topic, further_topics=(*plan.further_topics, topic))


def fit_partitions(topology: Topology, counts: Mapping[str, int]) -> Topology:
    """``topology`` as it is where sources have so many partitions; what is not in ``counts`` stays as it is."""
    plans = [_alone(plan) if counts.get(plan.topic) == 1 else plan for plan in topology.plans]
    is_same = all(plan is other for plan, other in zip(plans, topology.plans, strict=True))
    return topology if is_same else build_topology(topology.app, plans)


def _alone(plan: Plan) -> Plan:
    if plan.truncates is None:
        return plan
    topics = tuple(topic for topic in plan.further_topics if topic != plan.truncates)
    return replace(plan, truncates=None, further_topics=topics)
