"""The arena: workers of pipeline ``w`` under a steady load, a supervisor for them, and the oracle's verdict.

A case strikes the workers (or what they stand on) inside ``with arena.load(…)`` and ends with ``arena.judge()``.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.embedded.process import free_port
from tests.bench.workload import SourceEvent, workload
from tests.integration.cluster import Hang, produce
from tests.integration.orders_cluster import CUSTOMERS, OrdersCluster

from . import kafkalog, oracle
from .feeding import Feeder, Make
from .results import ROOT, Shard
from .without import WITHOUT

RESTARTABLE = frozenset({3, 4, 9})
"""Exit codes that a new start helps against: transaction failed, overdue, broker away."""
SHORT_CAPACITY = 10_000.0
"""Events a second: what the short profile takes for granted instead of measuring."""
SESSION_S = 10.0
RECOVERY_S = SESSION_S + 15.0
"""Within this time after a fault everything should be processed again: counted, as machines may be busy."""


class NotStruckError(Exception):
    """What a case wanted to break did not break: it says nothing of the engine."""


class Arena(OrdersCluster):
    """Workers, what is fed to them, and the figures of the shard that is run."""

    def __init__(self, shard: Shard, brokers: str, folder: Path, name: Callable[[str], str]) -> None:
        super().__init__(brokers, folder, name)
        self.shard = shard
        self.chance = random.Random(shard.seed)
        self.figures: dict[str, float] = {}
        self.restartable = set(RESTARTABLE)
        self.capacity: Callable[[], float] = lambda: SHORT_CAPACITY
        self.fed = 0
        self.acknowledged = 0
        self._environment: Mapping[str, str] = {}
        self._ports: dict[str, int] = {}
        assert not shard.without or shard.sabotage in WITHOUT, f"of {sorted(WITHOUT)}"
        self.brokers_of: Mapping[str, str] = {}
        """By worker, where it gets to the brokers if not directly."""

    def pick(self, *, short: Any, long: Any) -> Any:
        """What fits the profile."""
        return long if self.shard.is_long else short

    def count(self, figure: str, more: float = 1) -> None:
        """Add to a figure of the report."""
        self.figures[figure] = self.figures.get(figure, 0) + more

    def note_most(self, figure: str, value: float) -> None:
        """Keep the greatest value of a figure."""
        self.figures[figure] = round(max(self.figures.get(figure, value), value), 2)

    def __enter__(self) -> Arena:
        super().__enter__()
        return self

    # -- load

    @contextmanager
    def load(self, share: float, *, make: Make | None = None) -> Iterator[Feeder]:
        """Orders at ``share`` of what one worker was measured to take, as long as the block lasts."""
        rate = share * self.capacity()
        self.figures["rate"] = round(rate)
        make = make or (lambda count, first: workload(count, first=first, customers=CUSTOMERS, seed=self.shard.seed))
        feeder = Feeder(self.brokers, self.source, rate=rate, first=self.fed, make=make)
        try:
            with feeder:
                yield feeder
        finally:
            self.fed = feeder.next
            self.acknowledged += feeder.acknowledged
        assert not feeder.refused, f"Kafka refused orders: {set(feeder.refused)}"

    def feed_events(self, events: Iterable[SourceEvent]) -> None:
        """These records, whatever they are."""
        produce(self.brokers, self.source, ({"key": event.key, "value": event.value} for event in events))

    # -- workers

    def start_all(self, *instances: str, **environment: str) -> None:
        """Start workers and wait until they share the tasks; restarts get the same environment."""
        self._environment = environment
        for name in instances:
            self.start(name, **environment)
        self.wait_ready(*instances)

    def start(self, instance: str, **environment: str) -> subprocess.Popen[bytes]:
        """A worker, on its own way to the brokers; ``SABOTAGE`` says what is broken inside of it (``saboteur``)."""
        orders = [*filter(None, [environment.pop("SABOTAGE", ""), self.shard.sabotage])]
        self.program = "tests.faults.saboteur" if orders else "faust"
        port = self._ports.setdefault(instance, free_port())  # where the others look for it, also after a restart
        own = {
            "STREAMS_BROKERS": self.brokers_of.get(instance, self.brokers),
            "STREAMS_WEB_PORT": str(port),
            "PYTHONPATH": str(ROOT),
        }
        return super().start(instance, **own, **environment, SABOTAGE=",".join(orders))

    def revive_with(self, **environment: str) -> None:
        """What the supervisor starts from now on has this environment; who is dead is started at once."""
        self._environment = environment
        for name, worker in list(self.workers.items()):
            if worker.poll() is not None:
                self.start(name, **environment)

    def await_death(self, name: str) -> None:
        """Wait for a worker that was told to kill itself."""
        worker = self.workers[name]
        self.await_struck(lambda: worker.poll() is not None, f"the end of {name}")
        assert worker.returncode in (-signal.SIGKILL, -signal.SIGALRM), self.log(name)[-2_500:]

    def retire(self, name: str) -> None:
        """A worker that is not needed any more: killed, if it still runs, and not started again."""
        if name in self.workers:
            self.kill(name)
            del self.workers[name]

    def has_tasks(self, *instances: str) -> bool:
        """Whether each of these workers is ready and has something to do."""
        answers = [self.get(name, "/health/ready") for name in instances]
        return all(status == 200 and json.loads(body)["tasks"] for status, body in answers)

    def revive(self) -> None:
        """As a supervisor does: whoever ended with a code that a new start helps against is started again."""
        for name, worker in list(self.workers.items()):
            if worker.poll() is not None:
                assert worker.returncode in self.restartable, f"{name}: {worker.returncode}\n{self.log(name)[-2_500:]}"
                self.count("restarts")
                self.start(name, **self._environment)

    def await_that(
        self, is_so: Callable[[], bool], what: str, *, patience_s: float = 90.0, revives: bool = True
    ) -> float:
        """Wait, with a supervisor at work if it ``revives``; how long it took, in seconds. Raises ``Hang``."""
        begun = time.monotonic()
        while not is_so():
            if revives:
                self.revive()
            if time.monotonic() - begun > patience_s:
                tails = "\n".join(f"{name}:\n{self.log(name)[-1_500:]}" for name in self.workers)
                raise Hang(f"{what}: not in {patience_s:.0f} s; logs:\n{tails}")
            time.sleep(0.1)
        return time.monotonic() - begun

    def await_struck(self, is_so: Callable[[], bool], what: str, *, patience_s: float = 90.0) -> None:
        """Wait until a fault has come, with no supervisor. Raises ``NotStruckError``."""
        try:
            self.await_that(is_so, what, patience_s=patience_s, revives=False)
        except Hang as error:
            raise NotStruckError(str(error)) from error

    def await_line(self, name: str, line: str, *, times: int = 1) -> None:
        """Wait until a worker has said something so often."""
        self.await_that(lambda: self.log(name).count(line) >= times, f"{name} says: {line}")

    def await_recovery(self, *, patience_s: float = 120.0) -> float:
        """Wait until all that was there when this was called is committed; the time is a figure."""
        wanted = kafkalog.ends(self.brokers, self.source, isolation="read_uncommitted")
        with kafkalog.client(self.brokers, group=self.app) as reader:
            places = [TopicPartition(self.source, number) for number in wanted]

            def is_done() -> bool:
                try:
                    found = reader.committed(places, 10)
                except KafkaException:
                    return False
                return all(place.offset >= wanted[place.partition] for place in found)

            took = self.await_that(is_done, "processing again", patience_s=patience_s)
        self.note_most("recovery s", took)
        self.count("slow recoveries", took > RECOVERY_S)
        return took

    def await_done(self, *, patience_s: float = 180.0) -> None:
        """Wait until every order is committed."""
        self.await_that(lambda: self.lag(self.source) == 0, "all orders processed", patience_s=patience_s)

    # -- the verdict

    def topics(self) -> oracle.Topics:
        """What the oracle looks at."""
        names = AdminClient({"bootstrap.servers": self.brokers}).list_topics(timeout=30).topics
        head, tail = f"{self.app}-", "-changelog"
        mine = [name for name in names if name.startswith(head) and name.endswith(tail)]
        return oracle.Topics(
            brokers=self.brokers, group=self.app, source=self.source, published=self.enriched, dead=self.dead,
            changelogs={name[len(head) : -len(tail)]: name for name in mine},
        )  # fmt: skip

    def judge(self) -> None:
        """Wait until all is done; then every figure of the oracle must be zero: in Kafka, over HTTP, on the disks."""
        self.await_done()
        found = oracle.compare_windows(self._windows(), self.rows("totals_by_customer"))
        self.await_that(lambda: self.are_up() and any(map(self.has_tasks, self.workers)), "workers that have tasks")
        stores = self.stores()
        self.stop_all()
        topics = self.topics()
        found |= {**oracle.judge(topics), "store entries wrong": self._compare_stores(topics, stores)}
        held = sum(kafkalog.ends(self.brokers, self.source, isolation="read_committed").values())
        found["acknowledged and gone"] = max(0, self.acknowledged - held)
        self.figures |= {"records": held, "late": found.pop("late")}
        self.figures |= found
        assert {name: count for name, count in found.items() if count} == {}

    def _windows(self) -> oracle.Windows:
        return oracle.recompute(kafkalog.read_log(self.brokers, self.source), {}).windows

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table, as some worker tells them."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self._page(table, cursor)
            rows += page["rows"]
            if (cursor := page["cursor"]) is None:
                return rows

    def _page(self, table: str, cursor: str) -> dict[str, Any]:
        held: list[dict[str, Any]] = []

        def ask() -> bool:
            for name in self.workers:
                status, body = self.get(name, f"/api/tables/{table}/rows?limit=1000&cursor={cursor}")
                if status == 200:
                    held.append(json.loads(body))
                    return True
            return False

        self.await_that(ask, f"rows of {table}", patience_s=60)
        return held[0]

    def stop_all(self) -> None:
        """SIGTERM for all, at once; each must end with 0."""
        stops = [threading.Thread(target=self.stop_one, args=(name,)) for name in self.workers]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        codes = {name: worker.returncode for name, worker in self.workers.items()}
        assert set(codes.values()) <= {0}, f"asked to stop, workers end with {codes}"

    def are_up(self) -> bool:
        return all(self.get(name, "/health/live")[0] == 200 for name in self.workers)

    def stop_one(self, name: str) -> None:
        """SIGTERM; how long it takes to end is a figure."""
        begun = time.monotonic()
        try:
            self.stop(name)
        finally:
            self.note_most("exit s", time.monotonic() - begun)

    def stores(self) -> list[tuple[int, Path]]:
        """Partition and folder of every store in use."""
        held: list[tuple[int, Path]] = []
        for name in self.workers:
            _, body = self.get(name, "/health/ready")
            held += [(number, self.state(name, number)) for _, number in json.loads(body or "{}").get("tasks", ())]
        return [(number, folder) for number, folder in held if folder.is_dir()]

    def _compare_stores(self, topics: oracle.Topics, stores: list[tuple[int, Path]]) -> int:
        """Entries in which stores are not what their changelogs say."""
        wanted = self.replayed(topics)
        assert stores or not any(wanted.values()), "no store to look at"
        return sum(oracle.compare_store(folder, wanted.get(number, {})) for number, folder in stores)

    def replayed(self, topics: oracle.Topics) -> dict[int, dict[bytes, bytes]]:
        """By partition what a store must hold."""
        wanted: dict[int, dict[bytes, bytes]] = {}
        for short, topic in topics.changelogs.items():
            for number, store in oracle.replay_changelog(kafkalog.read_log(self.brokers, topic), short).items():
                wanted.setdefault(number, {}).update(store)
        return wanted
