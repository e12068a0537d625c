"""Brokers that may be killed, stopped and cut off: a network of its own between each worker and each broker."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import TracebackType

from confluent_kafka.admin import AdminClient

from streams.embedded import EmbeddedKafka
from streams.embedded.kafka import KAFKA_VERSION
from streams.embedded.kafka_node import KafkaNode
from streams.embedded.maven import fetch_jars
from tests.integration.cluster import Hang

from .proxy import Proxy

IN_SYNC_S = 90.0


class Brokers:
    """A context manager. Tests reach the brokers directly, each worker through gates of its own."""

    def __init__(
        self, folder: Path, *, workers: Sequence[str], brokers: int = 3, options: Mapping[str, object] | None = None
    ) -> None:
        self._folder = folder
        self._workers = tuple(workers)
        self._count = brokers
        self._options = options
        self.proxy = Proxy(brokers * len(self._workers))
        self.kafka: EmbeddedKafka

    def __enter__(self) -> Brokers:
        self.proxy.__enter__()
        ports = self.proxy.ports
        outside = {name: [ports[gate] for gate in self.gates(name)] for name in self._workers}
        self.kafka = EmbeddedKafka(self._folder, brokers=self._count, outside=outside, options=self._options)
        for name in self._workers:
            for gate, node in zip(self.gates(name), self.kafka.nodes, strict=True):
                self.proxy.aim(gate, node.outside_ports[name])
        self.kafka.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.proxy.__exit__(kind, error, at)
        self.kafka.kill()

    def gates(self, worker: str, *nodes: KafkaNode) -> list[int]:
        """Places of a worker's gates to these brokers, or to all."""
        first = self._workers.index(worker) * self._count
        numbers = [node.number for node in nodes] or range(1, self._count + 1)
        return [first + number - 1 for number in numbers]

    def through(self, worker: str) -> str:
        """The brokers as a worker gets to know them."""
        return ",".join(f"127.0.0.1:{self.proxy.ports[gate]}" for gate in self.gates(worker))

    def mend(self, *, patience_s: float = IN_SYNC_S) -> None:
        """Everything as at first: all run, nothing is cut or slow, and all copies are whole."""
        self.proxy.heal()
        for node in self.kafka.nodes:
            if node.is_running:
                node.resume()
        self.kafka.start()
        self.await_in_sync(patience_s=patience_s)

    # -- who is who

    @contextmanager
    def _admin(self) -> Iterator[AdminClient]:
        yield AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})

    def leader(self, topic: str, partition: int = 0) -> KafkaNode:
        """Who takes records of a partition."""
        with self._admin() as admin:
            return self._node(admin.list_topics(topic, timeout=30).topics[topic].partitions[partition].leader)

    def group_coordinator(self, group: str) -> KafkaNode:
        """Whom the members of a group talk to."""
        with self._admin() as admin:
            return self._node(admin.describe_consumer_groups([group])[group].result(30).coordinator.id)

    def transaction_coordinator(self, transactional_id: str) -> KafkaNode:
        """Whom a transactional producer talks to."""
        with self._admin() as admin:
            count = len(admin.list_topics("__transaction_state", timeout=30).topics["__transaction_state"].partitions)
        return self.leader("__transaction_state", abs(java_hash(transactional_id)) % count)

    def controller(self) -> KafkaNode:
        """The active one; clients that ask for it are told any broker."""
        pom = files("streams.embedded").joinpath("pom.xml").read_text("utf-8")
        jars = fetch_jars(f"kafka-{KAFKA_VERSION}", pom, size_mb=130)
        command = ["java", "-cp", f"{jars}/*", "org.apache.kafka.tools.MetadataQuorumCommand",
                   "--bootstrap-server", self.kafka.bootstrap, "describe", "--status"]  # fmt: skip
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        found = re.search(r"LeaderId:\s+(\d+)", said)
        assert found is not None, said
        return self._node(int(found[1]))

    def _node(self, number: int) -> KafkaNode:
        return self.kafka.nodes[number - 1]

    def await_in_sync(self, *, patience_s: float = IN_SYNC_S) -> None:
        """Wait until every partition has all its copies, and its first copy leads or any other does."""
        with self._admin() as admin:
            await_that(lambda: _is_whole(admin, self._count), "all copies in sync", patience_s=patience_s)


def _is_whole(admin: AdminClient, brokers: int) -> bool:
    found = admin.list_topics(timeout=30)
    parts = [part for topic in found.topics.values() for part in topic.partitions.values()]
    return len(found.brokers) == brokers and all(len(part.isrs) == len(part.replicas) for part in parts)


def await_that(is_so: Callable[[], bool], what: str, *, patience_s: float) -> None:
    """Wait for what brokers must come to by themselves."""
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            raise Hang(f"{what}: not in {patience_s:.0f} s")
        time.sleep(0.2)


def java_hash(text: str) -> int:
    """``String.hashCode``, by which Kafka spreads groups and transactions."""
    number = 0
    for unit in text:
        number = (31 * number + ord(unit)) & 0xFFFF_FFFF
    return number - (1 << 32) if number >= 1 << 31 else number
