"""Topics: before a worker joins its group, all it will write to is there, with the right number of partitions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.errors import ConfigurationError, Problem
from streams.pipeline.topology import TopicKind, TopicSpec, Topology
from streams.pipeline.truncating.build import fit_partitions
from streams.pipeline.uneven import find_uneven

from .abandoned import find_abandoned
from .starts import Starts, find_crowded

logger = logging.getLogger("streams.worker")

PATIENCE_SECONDS = 120.0
OVERHEAD_BYTES = 4_096
"""What a record has besides its value: key, headers, framing."""
HEADERS_BYTES = 49_152
"""What a dead letter has besides its original: four headers may be as long as ``set_aside`` lets them."""
SPARE_BYTES = 61_440
GROWTH = 4
BROKER_SECONDS = 15.0
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicIds:
    """8 hex digits of the ids of topics: one that was deleted and re-created has another."""

    changelogs: Mapping[str, str]
    """By short name."""
    inputs: Mapping[str, str]
    """By topic, of all that tasks read."""


class BrokerAwayError(Exception):
    """No broker answers, or it does not let us in."""


class TopicKeeper:
    """Looks topics up and creates what is missing. Blocks."""

    def __init__(
        self,
        options: Mapping[str, object],
        *,
        broker_seconds: float = BROKER_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._broker_seconds = broker_seconds
        self._patience_seconds = patience_seconds
        self._brokers = options["bootstrap.servers"]
        self._options = options
        self._last_error = "it does not answer"
        # Its own log would repeat the same line twenty times a second; the last error is told once, in the end.
        self._admin = AdminClient({**options, "log_level": 0, "error_cb": self._note})

    def _note(self, error: KafkaError) -> None:
        # "All brokers are down" follows on what happened and says less.
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._last_error = error.str()

    def prepare(self, topology: Topology, *, max_record_bytes: int) -> Mapping[str, int]:
        """Wait for the sources, create the rest; by topic, how many partitions its source has.

        Raises ``ConfigurationError`` for what does not fit, ``BrokerAwayError`` where no broker answers.
        """
        self.wait_for_broker()
        sources = self._wait_for(_sources(topology))
        counts = self._partition_counts()
        needs = self._needs(topology.topics, sources, max_record_bytes)
        there = self._limits(name for name in needs if name in counts)
        counted = _wrong_counts(topology.topics, counts, sources)
        problems = [*find_uneven(topology, sources), *counted, *_wrong_limits(there, needs), *find_crowded(topology)]
        if problems:
            raise ConfigurationError(problems)
        missing = [spec for spec in topology.topics if spec.name not in counts]
        self._create(missing, sources, needs)
        return {spec.name: sources[spec.source] for spec in topology.topics}

    def fitted(self, topology: Topology) -> Topology:
        """``topology`` for its sources as they are, once they are there; raises as ``prepare`` does."""
        self.wait_for_broker()
        return fit_partitions(topology, self._wait_for(_sources(topology)))

    def refuse_abandoned(self, topology: Topology, starts: Starts) -> None:
        """Raise ``ConfigurationError`` where events wait in topics that nobody would read."""
        problems = list(find_abandoned(topology, self._partition_counts(), starts, self._options))
        if problems:
            raise ConfigurationError(problems)

    def wait_for_broker(self) -> Mapping[str, int]:
        """By topic the number of its partitions, once a broker answers; else ``BrokerAwayError``."""
        deadline = time.monotonic() + self._broker_seconds
        while True:
            try:
                self._admin.list_topics(timeout=2)
                return self._partition_counts()
            except KafkaException:
                self._admin.poll(0)
            if time.monotonic() > deadline:
                raise BrokerAwayError(
                    f"no Kafka broker answers on {self._brokers}; start one (streams embedded up), or set"
                    f" STREAMS_BROKERS. The last error: {self._last_error}"
                )
            logger.warning("waiting for a Kafka broker on %s", self._brokers)

    def _wait_for(self, names: list[str]) -> Mapping[str, int]:
        deadline = time.monotonic() + self._patience_seconds
        said = 0.0
        while True:
            counts = self._partition_counts()
            missing = [name for name in names if name not in counts]
            if not missing:
                return {name: counts[name] for name in names}
            if time.monotonic() > deadline:
                message = "the source topic does not exist; start streams capture, or create it"
                raise ConfigurationError([Problem(file=name, message=message) for name in missing])
            if time.monotonic() - said > 5:
                said = time.monotonic()
                logger.warning("waiting for source topics: %s", ", ".join(missing))
            time.sleep(0.25)

    def _partition_counts(self) -> Mapping[str, int]:
        metadata = self._admin.list_topics(timeout=30)
        return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}

    def _create(self, specs: Iterable[TopicSpec], sources: Mapping[str, int], needs: Mapping[str, int]) -> None:
        wanted = []
        # What an aggregate publishes may be larger than each of its records: the least and the greatest of a long text.
        room = max(needs.values(), default=0) + SPARE_BYTES
        for spec in specs:
            config = {**dict(spec.config), "max.message.bytes": str(room)}
            count = sources[spec.source]
            wanted.append(NewTopic(spec.name, num_partitions=count, replication_factor=-1, config=config))
        if not wanted:
            return
        for name, future in self._admin.create_topics(wanted).items():
            try:
                answer_of(future)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another worker was quicker
                    raise
            logger.info("topic %s is there", name)
        self._wait_for([topic.topic for topic in wanted])

    def _needs(self, specs: Iterable[TopicSpec], sources: Iterable[str], max_record_bytes: int) -> Mapping[str, int]:
        """By topic the bytes that a record of it may have: one that the broker refuses would end every checkpoint."""
        of_source, needs = self._limits(sources), {}
        for spec in specs:
            match spec.kind:
                case TopicKind.DEAD_LETTERS | TopicKind.RETRY:  # originals, as large as their topic takes them
                    needs[spec.name] = max(max_record_bytes, of_source[spec.source]) + HEADERS_BYTES
                case TopicKind.CHANGELOG:  # rows with what is derived of them
                    needs[spec.name] = GROWTH * max_record_bytes + OVERHEAD_BYTES
                case TopicKind.OUTPUT | TopicKind.REPARTITION:
                    needs[spec.name] = max_record_bytes + OVERHEAD_BYTES
        return needs

    def _limits(self, names: Iterable[str]) -> Mapping[str, int]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        found = self._admin.describe_configs(resources) if resources else {}
        return {
            resource.name: int(answer_of(future)["max.message.bytes"].value) for resource, future in found.items()
        }

    def topic_ids(self, topology: Topology) -> TopicIds:
        """What the topics are called by their ids; all of them are there."""
        names = {short: name for sub in topology.subtopologies for short, name in sub.changelogs}
        inputs = {topic for sub in topology.subtopologies for topic in sub.source_topics}
        ids = ids_of(self._admin, {*names.values(), *inputs})
        return TopicIds(
            changelogs={short: ids[name] for short, name in names.items()}, inputs={name: ids[name] for name in inputs}
        )


def ids_of(admin: AdminClient, names: Iterable[str]) -> Mapping[str, str]:
    """By topic 8 hex digits of its id; without those that are not there. Blocks."""
    described, ids = admin.describe_topics(TopicCollection(sorted(names))), {}
    for name, future in described.items():
        try:
            text = str(answer_of(future).topic_id)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
        else:
            ids[name] = blake2b(text.encode(), digest_size=4).hexdigest()
    return ids


def group_instances(options: Mapping[str, object], group: str) -> frozenset[str]:
    """Instance ids of the group's members now. Blocks; its client lives for this question alone."""
    client = AdminClient(dict(options))  # must outlive its question: one that is collected never answers
    described = client.describe_consumer_groups([group], request_timeout=ANSWER_SECONDS)
    members = answer_of(described[group]).members
    return frozenset(member.group_instance_id or member.client_id for member in members)


def answer_of(future: Any) -> Any:
    """What the broker says to an admin's question; silence is a ``KafkaException``, as any other refusal is."""
    try:
        return future.result(2 * ANSWER_SECONDS)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def _sources(topology: Topology) -> list[str]:
    return [spec.name for spec in topology.topics if spec.kind is TopicKind.SOURCE]


def _wrong_counts(
    specs: Iterable[TopicSpec], counts: Mapping[str, int], sources: Mapping[str, int]
) -> Iterable[Problem]:
    """A task's changelogs have its source's partitions, or its state would be somebody else's."""
    for spec in specs:
        found, wanted = counts.get(spec.name), sources[spec.source]
        if found is None or found == wanted or spec.kind is TopicKind.OUTPUT:
            continue
        message = (
            f"has {found} partitions, its source {spec.source} has {wanted}; recreate it with {wanted},"
            " or set a new STREAMS_APP after the source was resized"
        )
        yield Problem(file=spec.name, message=message)


def _wrong_limits(there: Mapping[str, int], needs: Mapping[str, int]) -> Iterable[Problem]:
    """Topics that somebody else made and that do not take every record."""
    for name, limit in there.items():
        if limit < needs[name]:
            message = (
                f"max.message.bytes is {limit}, its records may have {needs[name]} bytes; raise it,"
                " or lower STREAMS_MAX_RECORD_BYTES"
            )
            yield Problem(file=name, message=message)
