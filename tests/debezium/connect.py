"""Debezium 3.7 in a standalone Kafka Connect, its jars from Maven: no Docker, no installation.

Settings are as near to our output as Debezium's go: JSON without schema, decimals as text, times in ISO 8601,
transaction metadata, truncates and messages. A connector has slot, publication and topic prefix of its own.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from streams.embedded.maven import fetch_jars
from streams.embedded.process import Server, free_port, require_tool

VERSION = "3.7.0.Final"
CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
WORKER: Mapping[str, object] = {
    "key.converter": CONVERTER,
    "key.converter.schemas.enable": "false",
    "value.converter": CONVERTER,
    "value.converter.schemas.enable": "false",
    # What is sent again after a kill is what came since the last flush.
    "offset.flush.interval.ms": 1_000,
    # Finds connectors by their jars' manifests instead of reading every class: 4 s instead of 12 to the first record.
    "plugin.discovery": "service_load",
    "topic.creation.enable": "true",
}
CONNECTOR: Mapping[str, object] = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "tasks.max": 1,
    "plugin.name": "pgoutput",
    "publication.autocreate.mode": "filtered",
    "message.prefix.exclude.list": "streams-.*",
    "provide.transaction.metadata": "true",
    "skipped.operations": "none",
    "decimal.handling.mode": "string",
    "time.precision.mode": "isostring",
    "interval.handling.mode": "string",
    "binary.handling.mode": "base64",
    "topic.creation.default.replication.factor": 1,
    "topic.creation.default.partitions": 4,
    # BEGIN and END have different keys: only one partition keeps their order.
    "topic.creation.single.include": r".*\.(transaction|message)|__debezium-heartbeat.*",
    "topic.creation.single.partitions": 1,
    "topic.creation.single.replication.factor": 1,
    "topic.creation.groups": "single",
    "heartbeat.interval.ms": 1_000,
    "slot.drop.on.stop": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorOptions:
    """What a connector reads and where it writes."""

    dsn: str
    """postgresql://user@host:port/name"""
    name: str
    """Its topic prefix; slot and publication are called after it."""
    tables: Iterable[str]
    """Of schema public."""
    more: Mapping[str, object] | None = None
    jars: Path | None = None
    """Folder with jars that the connector needs beside Debezium's own."""

    def properties(self) -> Mapping[str, object]:
        """The connector's properties file."""
        place = urlsplit(self.dsn)
        return {
            **CONNECTOR,
            "name": self.name,
            "database.hostname": place.hostname,
            "database.port": place.port,
            "database.user": place.username,
            "database.password": "unused",
            "database.dbname": place.path.lstrip("/"),
            "slot.name": self.name,
            "publication.name": self.name,
            "topic.prefix": self.name,
            "table.include.list": ",".join(f"public.{table}" for table in self.tables),
            **(self.more or {}),
        }


class Debezium:
    """One worker with one connector; a context manager that leaves no process behind."""

    def __init__(
        self, folder: Path, brokers: str, options: ConnectorOptions, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._folder = folder
        self._brokers = brokers
        self._options = options
        self._say = say
        self._port = free_port()
        self._server = Server("Debezium", folder / "debezium.log")

    @property
    def log(self) -> str:
        """What it has said."""
        return self._server.log.read_text(errors="replace") if self._server.log.exists() else ""

    def start(self) -> None:
        """Start and wait until the connector's task runs; raises ``MissingToolError`` without Java and Maven."""
        pom = Path(__file__).with_name("pom.xml").read_text("utf-8")
        jars = fetch_jars(f"debezium-{VERSION}", pom, size_mb=42, say=self._say)
        self._folder.mkdir(parents=True, exist_ok=True)
        worker = {
            **WORKER,
            "bootstrap.servers": self._brokers,
            "listeners": f"http://127.0.0.1:{self._port}",
            "offset.storage.file.filename": self._folder / "offsets",
        }
        log4j = self._folder / "log4j2.xml"
        log4j.write_text(_LOG4J)
        more = "" if self._options.jars is None else f":{self._options.jars}/*"
        command = [require_tool("java", "openjdk-17-jre-headless"), "-Xmx512m", "-XX:+UseSerialGC",
                   "-cp", f"{jars}/*{more}",
                   f"-Dlog4j2.configurationFile={log4j}", "org.apache.kafka.connect.cli.ConnectStandalone",
                   self._write("worker.properties", worker),
                   self._write("connector.properties", self._options.properties())]  # fmt: skip
        self._server.start(command)
        self._server.wait_for(self._runs, patience_s=90)

    def _write(self, name: str, facts: Mapping[str, object]) -> str:
        path = self._folder / name
        # A backslash in a properties file begins an escape.
        path.write_text("".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in facts.items()))
        return str(path)

    def _runs(self) -> bool:
        url = f"http://127.0.0.1:{self._port}/connectors/{self._options.name}/status"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                tasks = json.load(answer)["tasks"]
        except (urllib.error.URLError, OSError, ValueError):
            return False
        return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)

    @property
    def pid(self) -> int:
        """Of the Java process."""
        return self._server.server_pid()

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        self._server.wait_ended()

    def stop(self) -> None:
        """Stop cleanly: offsets are written."""
        self._server.stop()

    def __enter__(self) -> Debezium:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


_LOG4J = """<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""
