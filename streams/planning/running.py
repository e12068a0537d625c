"""Running: what Kafka knows of an application: its topics, how far its group has come, and with which plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from streams.pipeline.topology import Topology
from streams.worker.starts import Start, Starts, bounds_of
from streams.worker.topics import TopicKeeper, group_instances

PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic as it is."""

    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the options that the plan sets; not known of topics the plan does not name."""
    ends: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By partition (first offset, end); of changelogs and sources."""

    @property
    def records(self) -> int:
        """Offsets in use: of a changelog an upper bound of its entries, as it is not compacted at once."""
        return sum(end - first for first, end in self.ends.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An application as Kafka knows it."""

    topics: Mapping[str, TopicState] = field(default_factory=dict)
    commits: Mapping[str, Mapping[int, Start]] = field(default_factory=dict)
    """By topic and partition, what the group has committed."""
    members: frozenset[str] = frozenset()
    """Workers that run now, by instance."""


def read_running(options: Mapping[str, object], topology: Topology, *, app: str) -> Running:
    """What runs as ``app``; blocks. Raises ``BrokerAwayError`` where no broker answers within seconds."""
    keeper = TopicKeeper(options, broker_seconds=PATIENCE_SECONDS)
    counts = keeper.wait_for_broker()
    committed = _committed_topics(options, app)
    named = {spec.name: dict(spec.config) for spec in topology.topics}
    there = [name for name in named if name in counts]
    settings = _settings(options, there, named)
    ends = _ends(options, {name: counts[name] for name in there})
    starts = Starts(options, app=app)
    return Running(
        topics={
            name: TopicState(partitions=counts[name], settings=settings.get(name, {}), ends=ends.get(name, {}))
            for name in {*there, *(name for name in committed if name in counts)}
        },
        commits={
            topic: {number: start for (_, number), start in starts.read([topic], partitions).items()}
            for topic, partitions in committed.items()
        },
        members=group_instances(options, app),
    )


def _committed_topics(options: Mapping[str, object], app: str) -> Mapping[str, list[int]]:
    """By topic the partitions of which the group has committed an offset."""
    # The client must outlive its question: one that is collected never answers.
    client = AdminClient(dict(options))
    future = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(app)])[app]
    found: dict[str, list[int]] = {}
    for place in future.result(30).topic_partitions or ():
        if place.offset >= 0:
            found.setdefault(place.topic, []).append(place.partition)
    return {topic: sorted(partitions) for topic, partitions in found.items()}


def _settings(
    options: Mapping[str, object], names: Iterable[str], wanted: Mapping[str, Mapping[str, str]]
) -> Mapping[str, Mapping[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    client = AdminClient(dict(options))
    found = client.describe_configs(resources) if resources else {}
    return {
        resource.name: {name: str(held[name].value) for name in wanted[resource.name] if name in held}
        for resource, future in found.items()
        for held in (future.result(60),)
    }


def _ends(options: Mapping[str, object], counts: Mapping[str, int]) -> Mapping[str, Mapping[int, tuple[int, int]]]:
    reader = Consumer({**options, "group.id": "streams-plan", "enable.auto.commit": False})
    try:
        return {
            name: {
                number: bounds_of(reader, name, number)
                for number in range(count)
            }
            for name, count in counts.items()
        }
    finally:
        reader.close()
