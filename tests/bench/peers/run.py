"""Run: one peer over what waits in the source topics, alone on the core, and what the oracle finds wrong."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from tests.bench.jobs import ORDERS, PEOPLE, Job
from tests.bench.measure import Bench, Measurement, Sources, cpu_seconds, memory_mb
from tests.integration.cluster import read_committed

from .spec import DEAD, OUT_BY_JOB, ROOT, STREAMS_SETTINGS, Peer

EVERY_S = 0.1
PATIENCE_S = 600.0


class PeerFailedError(Exception):
    """A peer did not come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """One run of a peer."""

    peer: str
    measured: Measurement
    later_cpu_us: float
    """CPU an event over the second half of the results: a compiler that works while it runs is done by then."""
    wrong: Mapping[str, int] = field(default_factory=dict)


class Watched:
    """A process that is measured: started on its core, looked at until it is done."""

    def __init__(self, command: list[str], log: Path, core: int) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
                # Before it starts: a JVM asks once how many cores there are.
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509
            )
        self.peak_mb = 0.0

    def wait_begun(self) -> None:
        """Until it has its first record."""
        deadline = time.monotonic() + 120
        while "begins" not in self._log.read_text(errors="replace"):
            if self.has_ended or time.monotonic() > deadline:
                raise PeerFailedError(self.tail())
            time.sleep(0.005)

    @property
    def has_ended(self) -> bool:
        # Not reaped: its times are still to be read.
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def cpu_s(self) -> float:
        """So far, all threads, start-up too."""
        return cpu_seconds(self._process.pid)

    def memory_mb(self) -> float:
        """Resident now; notes the peak."""
        with suppress(LookupError):  # who has ended has none
            self.peak_mb = max(self.peak_mb, memory_mb(self._process.pid, "VmHWM"))
            return memory_mb(self._process.pid, "VmRSS")
        return 0.0

    def tail(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-3_000:]

    def stop(self) -> int:
        """SIGTERM, and SIGKILL where that does not help; the exit code."""
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Progress:
    """How far a group has read, and how much has been published."""

    def __init__(
        self, brokers: str, group: str, sources: Iterable[str], outs: Iterable[str], between: str = ""
    ) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": group, "isolation.level": "read_uncommitted"}
        )
        self._sources = [place for topic in sources for place in self._places(topic)]
        self._outs = [place for topic in outs for place in self._places(topic)]
        self._ends = {(place.topic, place.partition): self._end(place) for place in self._sources}
        self._between = between

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in self._consumer.list_topics(topic).topics[topic].partitions]

    def _end(self, place: TopicPartition) -> int:
        end: int = self._consumer.get_watermark_offsets(place, timeout=30)[1]
        return end

    def has_committed_all(self) -> bool:
        """Whether the group has nothing left to read: of the sources, and then of what it has sent itself."""
        held = self._consumer.committed(self._sources, 30)
        if any(place.offset < self._ends[place.topic, place.partition] for place in held):
            return False
        if not self._between:
            return True
        sent = self._consumer.committed(self._places(self._between), 30)
        # Behind the last record stands the end of its transaction, which need not be committed as read.
        return all(place.offset >= self._end(place) - 1 for place in sent)

    def published(self) -> int:
        """Ends of the result topics together."""
        return sum(map(self._end, self._outs))

    def close(self) -> None:
        self._consumer.close()


@dataclass(slots=True)
class _Course:
    """(CPU, published) from time to time."""

    points: list[tuple[float, int]] = field(default_factory=list)

    def later_cpu_us(self, events: int) -> float:
        """CPU an event from where half of the results is out."""
        end_cpu, end = self.points[-1]
        cpu, out = next(point for point in self.points if point[1] * 2 >= end)
        return (end_cpu - cpu) / (events * (1 - out / end)) * 1e6 if out < end else 0.0


def run_peer(bench: Bench, job: Job, peer: Peer, sources: Sources, count: int, **options: float) -> PeerRun:
    """A peer over ``count`` orders in ``sources``; ``options`` change settings of the engine."""
    place = _place(bench, job, sources, options)
    for name in peer.changelogs:
        bench.create(f"{place['app']}-{name}-changelog")
    folder = Path(str(place["folder"]))
    watched = Watched(peer.command(job.name, folder), folder / "log", bench.core)
    try:
        measured, later = _measure(bench, job, peer, place, watched, sources, count)
    finally:
        watched.stop()
    prefix = str(place["app"]) + "."
    wrong = job.judge(lambda topic: read_committed(bench.brokers, sources.get(topic, prefix + topic)))
    return PeerRun(peer=peer.name, measured=measured, later_cpu_us=later, wrong=wrong)


def _place(bench: Bench, job: Job, sources: Sources, options: Mapping[str, float]) -> dict[str, object]:
    """Topics and folder of one run, written down for the peer in both forms."""
    prefix = bench.prefix()
    folder = bench.folder / prefix.rstrip(".")
    folder.mkdir(parents=True)
    place: dict[str, object] = {
        "brokers": bench.brokers, "app": prefix.rstrip("."), "folder": str(folder), "orders": sources[ORDERS],
        "out": prefix + OUT_BY_JOB[job.name], "dead": prefix + DEAD, "options": dict(options),
    }  # fmt: skip
    for topic in (place["out"], place["dead"]):
        bench.create(str(topic))
    (folder / "place.json").write_text(json.dumps(place))
    properties = {
        **STREAMS_SETTINGS, "application.id": place["app"], "bootstrap.servers": bench.brokers,
        "state.dir": str(folder / "state"), "orders": sources[ORDERS], "users": sources.get(PEOPLE, ""),
        "out": place["out"], "dead": place["dead"], **options,
    }  # fmt: skip
    (folder / "peer.properties").write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return place


def _measure(
    bench: Bench, job: Job, peer: Peer, place: Mapping[str, object], watched: Watched, sources: Sources, count: int
) -> tuple[Measurement, float]:
    outs = [str(place["out"]), str(place["dead"])]
    between = f"{place['app']}-{peer.between[job.name]}" if job.name in peer.between else ""
    progress = Progress(bench.brokers, str(place["app"]), sources.values(), outs, between)
    watched.wait_begun()
    begun, idle_mb, course = (watched.cpu_s(), time.monotonic()), watched.memory_mb(), _Course()
    while True:
        is_done = watched.has_ended if peer.ends else progress.has_committed_all()
        now = watched.cpu_s(), time.monotonic()
        watched.memory_mb()
        course.points.append((now[0], progress.published()))
        if is_done:
            break
        # Who ends by itself may have ended since it was looked at: that is no failure.
        if (watched.has_ended and not peer.ends) or now[1] - begun[1] > PATIENCE_S:
            raise PeerFailedError(watched.tail())
        time.sleep(EVERY_S)
    progress.close()
    events = count + job.further_events
    measured = Measurement(
        events=events, wall_s=now[1] - begun[1], cpu_s=now[0] - begun[0], peak_mb=watched.peak_mb, idle_mb=idle_mb
    )
    return measured, course.later_cpu_us(events)
