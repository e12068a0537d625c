"""Run: brokers, workers, load, canary, sampler, oracle and faults together, and the verdict at the end."""

from __future__ import annotations

import random
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from tests.faults import kafkalog, oracle, results
from tests.faults.brokers import Brokers
from tests.faults.results import Shard

from . import strikes
from .arena import GUEST, WORKERS, SoakArena
from .canary import Canary
from .course import Course
from .following import Follower
from .notes import Began, Ended, Notes, read_notes
from .orders import Orders
from .sampling import Sampler
from .verdict import check_all, figures_of

SEGMENT_BYTES = 16 << 20
"""Small, so that what is deleted and what is compacted away goes soon."""
SETTLE_S = 90.0


class Soak:
    """One run of so many hours; 0: of each kind of fault once."""

    def __init__(self, folder: Path, *, hours: float, seed: int, rate: int, say: Callable[[str], None]) -> None:
        begun = time.monotonic()
        self.folder = folder
        self.notes = Notes(folder, lambda: time.monotonic() - begun)
        self._hours, self._seed, self._rate = hours, seed, rate
        self._say = say
        self._figures: dict[str, float] = {}
        self._trouble: list[str] = []
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        self.notes.add(Began(hours=hours, seed=seed, rate=rate, commit=results.commit(), began=began))

    def run(self) -> Ended:
        """Everything, from the start of the brokers to the verdict."""
        try:
            with ExitStack() as held:
                self._run(held)
        except (Exception, KeyboardInterrupt) as error:
            self._trouble.append(f"it was broken off: {type(error).__name__}: {error}")
        seen = list(read_notes(self.folder))
        figures = {**self._figures, **figures_of(seen)}
        ended = Ended(at_s=self.notes.clock(), checks=check_all(seen, figures, self._trouble), figures=figures)
        self.notes.add(ended)
        self.notes.close()
        return ended

    def _run(self, held: ExitStack) -> None:
        options = {"log.segment.bytes": SEGMENT_BYTES}
        network = held.enter_context(Brokers(self.folder / "kafka", workers=(*WORKERS, GUEST), options=options))
        arena = self._enter_arena(held, network)
        topics = arena.source, arena.enriched
        orders = Orders(self._seed)
        follower = held.enter_context(Follower(arena.brokers, (*topics, arena.dead), arena.app))
        canary = held.enter_context(Canary(arena.brokers, topics, orders, self.notes))
        sampler = held.enter_context(Sampler(arena, canary.watch, self.notes))
        course = Course(arena, canary.watch, sampler, self._say)
        arena.look = course.look
        try:
            with _ends_when_asked(course, self._say), arena.load(1.0, make=orders.make) as feeder:
                chance = random.Random(self._seed)
                kinds = strikes.Strikes(arena, network, feeder, chance)
                course.run(kinds, chance, self._hours) if self._hours else course.run_each(kinds)
                canary.end_sending()
                arena.let_pass(SETTLE_S, until=lambda: not canary.watch.under_way)
            self._say("all is whole; judging")
            self._figures |= judge(arena, follower, canary)
        finally:
            self._figures = {**follower.comparison.counts, **self._figures, "base latency s": round(course.base_s, 3)}
            self._trouble += [*follower.trouble, *canary.trouble, *sampler.trouble, *course.trouble]

    def _enter_arena(self, held: ExitStack, network: Brokers) -> SoakArena:
        work = self.folder / "work"
        disk, library = work / "data", work / "slow.so"
        work.mkdir()
        shard = Shard(case="SOAK", variant="", seed=self._seed, profile="long")
        arena = SoakArena(shard, network.kafka.bootstrap, work, _unique)
        if strikes.mount(disk):
            held.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
            arena.disk = disk
        held.enter_context(arena)
        arena.capacity = lambda: float(self._rate)
        arena.brokers_of = {name: network.through(name) for name in (*WORKERS, GUEST)}
        arena.begin(self.notes, library if strikes.compile_slow_disk(library) else None)
        return arena


@contextmanager
def _ends_when_asked(course: Course, say: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM: the run ends early, and is judged; a second time: it breaks off."""

    def ask(number: int, frame: FrameType | None) -> None:
        if course.is_asked_to_end:
            raise KeyboardInterrupt
        course.is_asked_to_end = True
        say("ends early: what was seen so far is judged; once more breaks off")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def judge(arena: SoakArena, follower: Follower, canary: Canary) -> dict[str, float]:
    """All that the oracle of the fault suite asks: in Kafka, over HTTP, on the disks."""
    arena.await_done()
    follower.end()
    follower.look()
    wanted = follower.comparison.wanted
    figures = oracle.compare_windows(wanted.windows, arena.rows("totals_by_customer"))
    arena.await_that(arena.are_up, "workers that heed SIGTERM")
    stores = arena.stores()
    arena.stop_all()
    follower.look()
    topics = arena.topics()
    ends = kafkalog.ends(arena.brokers, arena.source, isolation="read_committed")
    committed = kafkalog.committed(arena.brokers, arena.app, arena.source)
    outputs = (topics.published, topics.dead, *topics.changelogs.values())
    return {
        "records": sum(ends.values()),
        "late": wanted.late,
        **figures,
        **follower.comparison.figures(),
        "not processed": sum(ends[number] - committed[number] for number in ends),
        "in hanging transactions": sum(kafkalog.hanging(arena.brokers, topic) for topic in outputs),
        "store entries wrong": arena.compare_stores(stores),
        "acknowledged and gone": max(0, arena.acknowledged + canary.acknowledged - sum(ends.values())),
    }


def _unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:6]}"
