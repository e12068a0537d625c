"""Spec: which peers there are, what each promises, how it was tuned, and how it is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
JAVA = ROOT / ".streams" / "peers" / "java"
"""Where the makefile has Maven put classes and jars."""
PYTHON = ROOT / ".venv" / "peers" / "bin" / "python"
OUT_BY_JOB = {"W": "enriched.v1", "W2": "products.v1", "W3": "joined.v1"}
DEAD = "orders.v1-dlt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One stream processor."""

    name: str
    title: str
    guarantee: str
    command: Callable[[str, Path], list[str]]
    """Of the job's name and the folder that holds ``place.json`` and ``peer.properties``."""
    needs: Path
    """What the makefile makes before."""
    form: str
    tuned: str
    jobs: tuple[str, ...] = ("W",)
    share: float = 1.0
    """Of the events that the worker gets: who is slow gets fewer."""
    changelogs: tuple[str, ...] = ()
    """Tables whose changelogs are made for it: stock Faust makes them, too, but may not see them when it has begun."""
    between: Mapping[str, str] = field(default_factory=dict)
    """By job the end of the name of the topic through which events go once more: it is done when that is read, too."""
    ends: bool = False
    """It ends by itself where its topics end; others are done when their group has committed all."""


def _java(job: str, folder: Path) -> list[str]:
    return ["java", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", f"{JAVA / 'classes'}:{JAVA / 'lib'}/*", "peer.Peer", job, str(folder)]  # fmt: skip


def _python(module: str) -> Callable[[str, Path], list[str]]:
    return lambda job, folder: [str(PYTHON), "-m", f"tests.bench.peers.{module}", str(folder)]


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            name="kafka-streams",
            title="Kafka Streams 4.3.1",
            guarantee="exactly once",
            command=_java,
            needs=JAVA / "ready",
            form="one processor on two window stores (W2, W3: the DSL); contract checked by hand on Jackson's tokens",
            tuned="`exactly_once_v2`, one thread, commit every 200 ms as the worker, 64 MB of record cache, larger "
            "batches, `linger.ms` 5, 1 GB of heap, serial collector",
            jobs=("W", "W2", "W3"),
            between={"W2": "by-product-repartition"},
        ),
        Peer(
            name="quix",
            title="Quix Streams 3.28.1",
            guarantee="exactly once",
            command=_python("quix_streams"),
            needs=PYTHON.parents[1] / "ready",
            form="one stateful `apply`, identities with `ttl`",
            tuned="`exactly-once`, bytes in and out, msgspec, larger fetches and batches, commit every 5 s (default)",
            share=0.2,
        ),
        Peer(
            name="bytewax",
            title="Bytewax 0.21.1",
            guarantee="at least once",
            command=_python("bytewax_flow"),
            needs=PYTHON.parents[1] / "ready",
            form="`flat_map_batch` and `stateful_batch`, state in memory with recovery to SQLite",
            tuned="batches of 4,000 records, larger fetches and batches, epochs of 10 s (default)",
            ends=True,
        ),
        Peer(
            name="faust",
            title="Faust 0.15.3",
            guarantee="at least once",
            command=_python("stock_faust"),
            needs=PYTHON.parents[1] / "ready",
            form="one agent, two plain tables on RocksDB (rocksdict); nothing expires",
            tuned="raw bytes, `send_soon`, no standbys, larger buffers, no debug records, commit every 2.8 s (default)",
            share=0.05,
            changelogs=("seen", "totals"),
        ),
    )
}

STREAMS_SETTINGS = {
    "processing.guarantee": "exactly_once_v2",
    "num.stream.threads": "1",
    "commit.interval.ms": "200",
    "statestore.cache.max.bytes": str(64 << 20),
    "topology.optimization": "all",
    "consumer.max.poll.records": "2000",
    "buffered.records.per.partition": "2000",
    "producer.batch.size": str(256 << 10),
    "producer.linger.ms": "5",
    "auto.offset.reset": "earliest",
    "enable.metrics.push": "false",
}
"""Kafka Streams' settings besides the place's own."""
