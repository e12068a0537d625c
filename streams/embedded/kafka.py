"""An embedded Apache Kafka: one node, KRaft, its jars from Maven."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import TracebackType

from confluent_kafka.admin import AdminClient

from .maven import fetch_jars
from .process import Server, ServerFailedError, free_port, require_tool

KAFKA_VERSION = "4.3.1"
HEAP = "-Xmx768m"
FACTS = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    # After kill -9 the node may register again only once its former self has timed out.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "auto.create.topics.enable": "false",
    "message.max.bytes": 16 << 20,
}
"""One node that is broker and controller, starts at once, and makes no topic by itself."""


class EmbeddedKafka:
    """One broker on a free loopback port; a context manager. Topics are never created by themselves."""

    def __init__(self, data: Path, *, say: Callable[[str], None] = lambda text: None) -> None:
        self._data = data
        self._say = say
        self._port = free_port()
        self._controller_port = free_port()
        self._server = Server("Apache Kafka", data / "kafka.log")

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Format the data folder the first time, start, wait until it answers."""
        pom = files("streams.embedded").joinpath("pom.xml").read_text("utf-8")
        jars = fetch_jars(f"kafka-{KAFKA_VERSION}", pom, size_mb=130, say=self._say)
        self._data.mkdir(parents=True, exist_ok=True)
        properties = self._data / "server.properties"
        properties.write_text(self._properties())
        java = [require_tool("java", "openjdk-17-jre-headless"), "-cp", f"{jars}/*"]
        log4j = self._data / "log4j2.yaml"
        log4j.write_text(_LOG4J)
        quiet = f"-Dlog4j2.configurationFile={log4j}"
        if not (self._data / "logs" / "meta.properties").exists():
            command = [*java, quiet, "kafka.tools.StorageTool", "format", "-t", "c3RyZWFtcy1lbWJlZGRlZA",
                       "-c", str(properties), "--ignore-formatted"]  # fmt: skip
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode:
                self._server.log.write_text(done.stdout + done.stderr)
                raise ServerFailedError("Kafka's storage tool", self._server.log)
        self._server.start([java[0], HEAP, "-XX:+UseSerialGC", *java[1:], quiet, "kafka.Kafka", str(properties)])
        self._server.wait_for(self._is_up, patience_s=90)

    def _is_up(self) -> bool:
        try:
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "socket.timeout.ms": 1000})
            return bool(client.list_topics(timeout=1).brokers)
        except Exception:  # confluent-kafka raises its one exception for every reason
            return False

    def _properties(self) -> str:
        broker, controller = self._port, self._controller_port
        facts = {
            **FACTS,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
            "log.dirs": self._data / "logs",
        }
        return "".join(f"{name}={value}\n" for name, value in facts.items())

    def stop(self) -> None:
        """Stop cleanly."""
        self._server.stop()

    def kill(self) -> None:
        """kill -9, as a power cut; ``start`` brings it back on the same data and port."""
        os.kill(self._server.server_pid(), signal.SIGKILL)
        self._server.wait_ended()

    def __enter__(self) -> EmbeddedKafka:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


_LOG4J = """Configuration:
  status: "ERROR"
  Appenders:
    Console:
      name: out
      target: SYSTEM_OUT
      PatternLayout: {pattern: "%d %p %m (%c)%n"}
  Loggers:
    Root:
      level: WARN
      AppenderRef: {ref: out}
"""
