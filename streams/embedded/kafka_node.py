"""One node of an embedded Kafka: a process that is broker and controller, with its folder and ports."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka.admin import AdminClient

from .process import Server, ServerFailedError, free_port, require_tool

FACTS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
    # After kill -9 the node may register again only once its former self has timed out.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "auto.create.topics.enable": "false",
    "message.max.bytes": 16 << 20,
}
"""A node starts at once, and makes no topic by itself."""
PATIENCE_S = 180.0
"""After a power cut a busy machine may take more than a minute."""
CLUSTER_ID = "c3RyZWFtcy1lbWJlZGRlZA"


class KafkaNode:
    """Ports and data stay over restarts, also after ``kill``."""

    def __init__(self, number: int, data: Path, *, heap: str, outside: Mapping[str, int]) -> None:
        """``outside``: by name of a further listener, the port that clients of it are told instead of its own."""
        self.number = number
        self.port, self.controller_port = free_port(), free_port()
        self.outside_ports = {name: free_port() for name in outside}
        self._outside = {name.upper(): port for name, port in outside.items()}
        self._data = data
        self._heap = heap
        self._server = Server("Apache Kafka", data / "kafka.log")

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self._server.log

    def launch(self, jars: Path, facts: Mapping[str, object]) -> None:
        """Format the data folder the first time and start, without waiting for the answer."""
        self._data.mkdir(parents=True, exist_ok=True)
        properties, log4j = self._data / "server.properties", self._data / "log4j2.yaml"
        lines = {**FACTS, **self._places(), **facts}
        properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        log4j.write_text(_LOG4J)
        java = [require_tool("java", "openjdk-17-jre-headless"), "-cp", f"{jars}/*"]
        quiet = f"-Dlog4j2.configurationFile={log4j}"
        if not (self._data / "logs" / "meta.properties").exists():
            self._format([*java, quiet, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID,
                          "-c", str(properties), "--ignore-formatted"])  # fmt: skip
        self._server.start([java[0], self._heap, "-XX:+UseSerialGC", *java[1:], quiet, "kafka.Kafka", str(properties)])

    def _places(self) -> Mapping[str, object]:
        own = {name.upper(): port for name, port in self.outside_ports.items()}
        listeners = {"PLAINTEXT": self.port, "CONTROLLER": self.controller_port, **own}
        advertised = {"PLAINTEXT": self.port, **self._outside}
        return {
            "node.id": self.number,
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
            "listeners": _listeners(listeners),
            "advertised.listeners": _listeners(advertised),
            "log.dirs": self._data / "logs",
        }

    def _format(self, command: list[str]) -> None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            self._server.log.write_text(done.stdout + done.stderr)
            raise ServerFailedError("Kafka's storage tool", self._server.log)

    def wait(self) -> None:
        """Wait until it answers and the others know it."""
        self._server.wait_for(self._is_up, patience_s=PATIENCE_S)

    def _is_up(self) -> bool:
        try:
            client = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "socket.timeout.ms": 1000})
            return self.number in client.list_topics(timeout=1).brokers
        except Exception:  # confluent-kafka raises its one exception for every reason
            return False

    @property
    def is_running(self) -> bool:
        """Its process is there."""
        return self._server.is_running

    def stop(self) -> None:
        """Stop cleanly."""
        self._server.stop()

    def kill(self) -> None:
        """kill -9, as a power cut."""
        if self.is_running:
            os.kill(self._server.server_pid(), signal.SIGKILL)
            self._server.wait_ended()

    def suspend(self) -> None:
        """It stands still, and its connections stay: SIGSTOP."""
        os.kill(self._server.server_pid(), signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on after ``suspend``."""
        os.kill(self._server.server_pid(), signal.SIGCONT)


def _listeners(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


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
