"""Sampling: every few seconds what each worker's process holds, and how far the group is behind."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.bench.workload import PARTITIONS
from tests.faults import kafkalog
from tests.faults.watching import resident_mib

from .arena import SoakArena
from .canary import Watch, percentile
from .notes import Held, Notes, Sample

EVERY_S = 5.0
LATENCIES_OF_S = 60.0
ASK_S = 5.0


def read_held(pid: int) -> Held | None:
    """What a process holds now; ``None``: it has gone."""
    try:
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
    rss_mib = resident_mib(pid)
    return Held(pid=pid, rss_mib=round(rss_mib, 1), descriptors=descriptors) if rss_mib else None


def read_load() -> float:
    """Processes that run or would like to, the mean of a minute."""
    return round(os.getloadavg()[0], 2)


class Sampler:
    """A thread; a context manager."""

    def __init__(self, arena: SoakArena, watch: Watch, notes: Notes) -> None:
        self._arena = arena
        self._watch = watch
        self._notes = notes
        self.last: Sample | None = None
        self._committed: tuple[float, int] | None = None
        """When how many orders were committed."""
        self.trouble: list[str] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with kafkalog.client(self._arena.brokers, group=self._arena.app) as reader:
                while not self._is_over.wait(EVERY_S):
                    self.last = self._look(reader)
                    self._notes.add(self.last)
        except Exception as error:
            self.trouble.append(f"the sampler ended: {type(error).__name__}: {error}")

    def _look(self, reader: Consumer) -> Sample:
        now_s = self._notes.clock()
        found = {name: read_held(worker.pid) for name, worker in list(self._arena.workers.items())}
        took = self._watch.latencies(now_s - LATENCIES_OF_S, now_s)
        lag, rate = self._progress(reader)
        return Sample(
            at_s=round(now_s, 2), workers={name: held for name, held in found.items() if held is not None}, lag=lag,
            events_per_s=rate, load=read_load(), p50_s=percentile(took, 0.5), p99_s=percentile(took, 0.99),
        )  # fmt: skip

    def _progress(self, reader: Consumer) -> tuple[int | None, float | None]:
        """(lag, orders a second since the last look)."""
        places = [TopicPartition(self._arena.source, number) for number in range(PARTITIONS)]
        try:
            committed = sum(max(0, place.offset) for place in reader.committed(places, ASK_S))
            ends = sum(reader.get_watermark_offsets(place, timeout=ASK_S)[1] for place in places)
        except KafkaException:
            return None, None
        now_s, before = self._notes.clock(), self._committed
        self._committed = now_s, committed
        rate = None if before is None else round((committed - before[1]) / (now_s - before[0]), 1)
        return max(0, ends - committed), rate
