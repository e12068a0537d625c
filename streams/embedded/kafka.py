"""An embedded Apache Kafka: one node or several, KRaft, its jars from Maven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from types import TracebackType

from .kafka_node import KafkaNode
from .maven import fetch_jars

KAFKA_VERSION = "4.3.1"
HEAP = "-Xmx768m"
SMALL_HEAP = "-Xmx256m"
"""Of each where there are several."""
SEVERAL = {
    "log.cleaner.dedupe.buffer.size": 16 << 20,
    # Kafka's default: they share one machine, and a pause of one is not its death.
    "broker.session.timeout.ms": 9000,
}


class EmbeddedKafka:
    """Brokers on free loopback ports; a context manager. Topics are never created by themselves.

    Several brokers are controllers, too, keep three copies of everything and lose nothing with one of them. Each number
    of brokers has data of its own.
    """

    def __init__(
        self,
        data: Path,
        *,
        brokers: int = 1,
        say: Callable[[str], None] = lambda text: None,
        outside: Mapping[str, Sequence[int]] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        """``outside``: by name of a further listener, the port that each broker tells its clients, who pass through
        something else; ``options``: of every server."""
        self._data = data
        self._say = say
        self._options = options or {}
        heap = HEAP if brokers == 1 else SMALL_HEAP
        folders = [data] if brokers == 1 else [data / f"{brokers}-brokers" / str(place + 1) for place in range(brokers)]
        self.nodes = [
            KafkaNode(place + 1, folder, heap=heap, outside={name: at[place] for name, at in (outside or {}).items()})
            for place, folder in enumerate(folders)
        ]

    @property
    def bootstrap(self) -> str:
        """host:port for clients, separated by commas where there are several."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Start what does not run, and wait until it answers."""
        started = [node for node in self.nodes if not node.is_running]
        try:
            for node in started:
                self.launch(node)
            for node in started:
                node.wait()
        except Exception:
            for node in started:
                node.stop()
            raise

    def launch(self, node: KafkaNode) -> None:
        """Start one of the brokers again, without waiting for it."""
        pom = files("streams.embedded").joinpath("pom.xml").read_text("utf-8")
        jars = fetch_jars(f"kafka-{KAFKA_VERSION}", pom, size_mb=130, say=self._say)
        node.launch(jars, self._facts())

    def _facts(self) -> Mapping[str, object]:
        count = len(self.nodes)
        copies, least = min(3, count), min(2, count)
        voters = [f"{node.number}@127.0.0.1:{node.controller_port}" for node in self.nodes]
        return {
            **({} if count == 1 else SEVERAL),
            "controller.quorum.voters": ",".join(voters),
            "default.replication.factor": copies,
            "min.insync.replicas": least,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": least,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": least,
            **self._options,
        }

    def stop(self) -> None:
        """Stop cleanly."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(KafkaNode.stop, self.nodes))

    def kill(self) -> None:
        """kill -9 of all, as a power cut; ``start`` brings them back on the same data and ports."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> EmbeddedKafka:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
