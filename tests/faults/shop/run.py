"""A run of the shop: database, capture and workers, what kills them, a supervisor for them, and the verdict by SQL."""

from __future__ import annotations

import logging
import math
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from tests.capture.process import CapturedDatabase
from tests.faults import kafkalog
from tests.faults.arena import Arena
from tests.faults.results import ROOT
from tests.integration.cluster import Hang

from .claims import TABLES, TOPICS, claims, table_of
from .database import COLUMNS, Size
from .found import Found
from .recoveries import PARTITIONS, Recoveries
from .trade import Trade

WORKERS = ("a", "b", "c")
KINDS = {("worker",): 50, ("capture",): 25, ("worker", "capture"): 15, ("worker", "worker"): 10}
"""What is killed at once, and how often of a hundred."""
QUIET_S = 12.0
"""So long nothing is published when all is done: longer than the retries of the pipelines and their ``idle``."""
logger = logging.getLogger(__name__)


class ShopRun:
    """One run; ``arena`` has the workers, ``database`` the capture."""

    def __init__(
        self, arena: Arena, database: CapturedDatabase, size: Size, *, kill_every_s: float, kills: float = math.inf
    ) -> None:
        self._arena, self._database, self._kill_every_s, self._kills = arena, database, kill_every_s, kills
        self.trade = Trade(database.dsn, size, arena.shard.seed)
        self._sources = [database.topic(table) for table in COLUMNS]
        self._capture: subprocess.Popen[bytes] | None = None
        self._recoveries = Recoveries(arena, self._sources)
        arena.restartable.add(-9)

    # -- what runs

    def open(self) -> None:
        """Everything up, and the first rows captured."""
        self.trade.open()
        self._start_capture()
        users = self.trade.size.users
        self._database.wait_until(lambda: self._database.size("orders") >= users, "the snapshot", self._capture)
        self._database.flush(self._running_capture())
        environment = {"STREAMS_SCHEMAS": str(self._schemas()), "STREAMS_MASK_KEY_FILE": str(self._secret())}
        self._arena.revive_with(**environment)
        self._start_workers(WORKERS[:1], environment)  # it makes what topics there must be
        self._start_workers(WORKERS[1:], environment)

    def _start_workers(self, names: tuple[str, ...], environment: Mapping[str, str]) -> None:
        for name in names:
            self._arena.start(name, **environment)
        self._arena.await_that(lambda: self._are_at_work(*names), "workers with tasks", patience_s=400)

    def _start_capture(self) -> None:
        options = ("--key", "orders=customer_id", "--partitions", str(PARTITIONS))
        self._capture = self._database.start(",".join(COLUMNS), *options)

    def _running_capture(self) -> subprocess.Popen[bytes]:
        assert self._capture is not None, "open the shop first"
        return self._capture

    def _schemas(self) -> Path:
        """The repository's contracts with the pipelines of this package, whose topics are this run's."""
        folder = self._arena.folder / "shop-schemas"
        shutil.copytree(ROOT / "schemas" / "com.acme.shop", folder / "com.acme.shop")
        (folder / "pipelines").mkdir()
        for file in (Path(__file__).parent / "pipelines").glob("*.yaml"):
            text = file.read_text().replace(" shop.", f" {self._database.name}.")
            (folder / "pipelines" / file.name).write_text(text)
        return folder

    def _secret(self) -> Path:
        file = self._arena.folder / "mask.key"
        file.write_text("0123456789abcdef" * 4)
        return file

    def _are_at_work(self, *workers: str) -> bool:
        self._revive_capture()
        return self._arena.has_tasks(*workers)

    def _revive_capture(self) -> None:
        if self._running_capture().poll() is not None:
            self._arena.count("capture restarts")
            self._start_capture()

    # -- what happens

    def trade_and_kill(self, *, patience_s: float) -> None:
        """The shop trades; something is killed again and again until all that happened is processed."""
        begun = time.monotonic()
        kill_at = begun + self._kill_every_s
        with self.trade:
            while not self._is_processed():
                self._look()
                if time.monotonic() > kill_at and self._kills > 0:
                    self._kill()
                    self._kills -= 1
                    kill_at += self._kill_every_s
                if time.monotonic() - begun > patience_s:
                    raise Hang(f"not all is processed in {patience_s:.0f} s; the capture says:\n{self._tail()}")
                time.sleep(0.3)
        took = time.monotonic() - begun
        self._arena.figures |= {"changes": self.trade.made, "transactions": self.trade.transactions,
                                "changes/s": round(self.trade.made / took), "trading s": round(took)}  # fmt: skip

    def _look(self) -> None:
        """As a supervisor does; and how far all of it has come."""
        self._arena.revive()
        self._revive_capture()
        self._recoveries.look()
        self.trade.captured = sum(self._recoveries.ends().values())

    def _kill(self) -> None:
        what = self._arena.chance.choices(list(KINDS), list(KINDS.values()))[0]
        workers = self._arena.chance.sample(WORKERS, what.count("worker"))
        killed = [*workers, *what[len(workers) :]]
        logger.info("kill %s at %d changes, %d behind", killed, self.trade.made, self._behind())
        for name in workers:
            self._arena.kill(name)
        if "capture" in what:
            self._database.kill(self._running_capture())
            self._recoveries.of_capture()
        if workers:
            self._recoveries.of_worker()
        self._arena.count("kills of " + " and ".join(what))

    def _behind(self) -> int:
        committed = self._recoveries.committed()
        # A capture writes transactions: the last place of a partition is their mark, and no record.
        return sum(max(0, end - 1 - committed.get(at, 0)) for at, end in self._recoveries.ends().items())

    def _is_processed(self) -> bool:
        return self.trade.is_done() and self._is_captured() and self._behind() == 0

    def _is_captured(self) -> bool:
        """The slot has come by what was written last; the capture's heartbeats let it."""
        name = self._database.name
        slot = f"FROM pg_replication_slots WHERE slot_name = '{name}'"
        ((is_by,),) = self._database.sql(f"SELECT confirmed_flush_lsn >= '{self._last_lsn()}' {slot}")
        return bool(is_by)

    def _last_lsn(self) -> str:
        if not hasattr(self, "_lsn"):
            ((self._lsn,),) = self._database.sql("SELECT pg_current_wal_insert_lsn()")
        return str(self._lsn)

    def _tail(self) -> str:
        return self._database.log[-2_000:]

    # -- the verdict

    def settle(self, *, patience_s: float) -> None:
        """Wait until no worker has anything to do, and nothing has been published for a while."""
        seen: dict[str, int] = {}
        since = time.monotonic()

        def is_quiet() -> bool:
            nonlocal seen, since
            now = {topic: self._size(topic) for topic in TOPICS}
            if now != seen or not self._arena.is_caught_up(*WORKERS):
                seen, since = now, time.monotonic()
            return time.monotonic() - since > QUIET_S

        self._arena.figures["settling s"] = round(self._arena.await_that(is_quiet, "quiet", patience_s=patience_s))
        self._recoveries.look()
        self._recoveries.close()

    def _size(self, topic: str) -> int:
        return sum(kafkalog.ends(self._arena.brokers, self._topic(topic), isolation="read_uncommitted").values())

    def _topic(self, name: str) -> str:
        return f"{self._database.name}.{name}"

    def judge(self) -> None:
        """Everything that was found against what SQL says; each figure counts what is wrong."""
        with closing(Found(self._database.dsn, self._arena.brokers)) as found:
            self._take_all(found)
            wrong = self._compare_all(found)
        topics = map(self._topic, TOPICS)
        wrong["in hanging transactions"] = sum(kafkalog.hanging(self._arena.brokers, topic) for topic in topics)
        self._arena.figures["wrong"] = sum(wrong.values())
        assert {name: count for name, count in wrong.items() if count} == {}
        self._arena.stop_all()

    def _take_all(self, found: Found) -> None:
        records = rows = 0
        for topic, held in TOPICS.items():
            records += (count := found.take_topic(table_of(topic), self._topic(topic), *held))
            logger.info("%s: %d records", topic, count)
        for table in TABLES:
            rows += (count := found.take_rows(f"table_{table}", self._arena.rows(table)))
            logger.info("table %s: %d rows", table, count)
        self._arena.figures |= {"records": records, "table rows": rows}

    def _compare_all(self, found: Found) -> dict[str, int]:
        wrong: dict[str, int] = {}
        for name, claim in claims(self.trade.closes_ms).items():
            lost, odd = found.compare(*claim)
            logger.info("%s: %d missing, %d too many", name, lost, odd)
            wrong |= {f"{name}: missing": lost, f"{name}: too many": odd}
        return wrong
