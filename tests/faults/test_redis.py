"""Tables in Redis, and a Redis that forgets, is replaced by an older copy, hangs, is full or is not there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as client

from streams.embedded import EmbeddedKafka, EmbeddedRedis
from streams.worker.stop import ExitCode

from . import oracle
from .arena import RESTARTABLE, Arena
from .conftest import FIGURES
from .results import Shard
from .test_zombies import sleep_and_wake

FORGETFUL = {"appendonly": "no", "repl-diskless-sync-delay": "0"}
"""Persistent when it is told to be: what was written since then is lost by a kill."""
SLOW_S = 2.0
HELD = 4_000
"""Orders whose totals are there when something happens."""
LOST = "is not as this worker left it"


class RedisArena(Arena):
    """Workers on a Redis of their own, which no other test looks at."""

    def __init__(self, shard: Shard, brokers: str, folder: Path, name: Callable[[str], str]) -> None:
        super().__init__(shard, brokers, folder, name)
        self.server = EmbeddedRedis(folder / "redis", settings=FORGETFUL)
        self.restartable = set(RESTARTABLE) | {ExitCode.STORE_FAILED, ExitCode.STORE_AWAY}

    def __enter__(self) -> RedisArena:
        super().__enter__()
        self.server.start()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.server.stop()

    def run(self, *instances: str) -> None:
        self.start_all(*instances, STREAMS_STORE=self.server.url)

    def told(self, words: str) -> int:
        """How often workers said so."""
        return sum(self.log(name).count(words) for name in self.workers)

    def ask(self, *command: Any) -> Any:
        """What the server answers to somebody else."""
        with client.Redis.from_url(self.server.url, socket_timeout=60) as held:
            return held.execute_command(*command)

    def read_store(self, partition: int) -> dict[bytes, bytes]:
        """Entries of a task, its marker and stamp left out; what is not in the order of keys counts as wrong."""
        with client.Redis.from_url(self.server.url, socket_timeout=60) as held:
            place = f"{{{self.app}:{partition}}}:{self.source}"
            rows, keys = held.hgetall(f"{place}:rows"), held.zrangebylex(f"{place}:keys", "-", "+")
        assert rows.pop(b"\0stamp")
        assert sorted(rows) == keys
        rows.pop(oracle.MARKER)
        return rows

    def _compare_stores(self, topics: oracle.Topics, stores: list[tuple[int, Path]]) -> int:
        wanted = self.replayed(topics)
        found = {number: self.read_store(number) for number in wanted}
        assert any(found.values()), "no store to look at"
        return sum(
            held.get(key) != wanted[number].get(key)
            for number, held in found.items()
            for key in held.keys() | wanted[number].keys()
        )


@pytest.fixture
def arena(
    request: pytest.FixtureRequest, kafka: EmbeddedKafka, shard: Shard, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[RedisArena]:
    """Pipeline ``w``, no workers yet."""
    with RedisArena(shard, kafka.bootstrap, tmp_path, unique) as held:
        if shard.is_long:
            held.capacity = lambda: request.getfixturevalue("capacity")
        request.node.stash[FIGURES] = held.figures
        yield held


def flush(arena: RedisArena) -> None:
    """Everything is gone; in the long profile a worker was killed before."""
    before = arena.told(LOST)
    if arena.shard.is_long:
        arena.kill("a")
        arena.start("a", STREAMS_STORE=arena.server.url)
        arena.await_recovery()
    arena.ask("FLUSHALL")
    arena.await_that(lambda: arena.told(LOST) >= before + 2, "both workers see it")


def restart_with_older_state(arena: RedisArena) -> None:
    """kill -9 of the server, which comes back with what it had saved a while ago."""
    before = arena.told(LOST) + arena.told("does not answer")
    arena.ask("SAVE")
    time.sleep(arena.chance.uniform(1.0, 2.0))
    arena.server.kill()
    arena.server.start()
    arena.await_that(lambda: arena.told(LOST) + arena.told("does not answer") > before, "a worker sees it")


def fail_over(arena: RedisArena) -> None:
    """A replica that has not got everything takes the primary's place and address."""
    before = arena.told(LOST) + arena.told("does not answer")
    replica = EmbeddedRedis(arena.folder / f"replica{arena.chance.random()}", settings=FORGETFUL)
    replica.start()
    with client.Redis.from_url(replica.url, socket_timeout=60) as held:
        held.replicaof("127.0.0.1", arena.server.port)
        arena.await_that(lambda: held.info("replication")["master_link_status"] == "up", "the replica follows")
        time.sleep(arena.chance.uniform(0.2, 1.0))
        held.replicaof("NO", "ONE")  # it hears nothing any more
        time.sleep(arena.chance.uniform(1.0, 2.0))
        with _standing_still(arena):  # an address moves at once: nobody is refused in between
            arena.server.kill()
            held.config_set("port", arena.server.port)
    replica.port, arena.server = arena.server.port, replica
    arena.await_that(lambda: arena.told(LOST) + arena.told("does not answer") > before, "a worker sees it")


@contextmanager
def _standing_still(arena: RedisArena) -> Iterator[None]:
    """Workers see nothing of what happens within."""
    workers = list(arena.workers.values())
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGCONT)


def hang(arena: RedisArena) -> None:
    """The server answers nothing for a while; workers wait for it."""
    before = arena.figures.get("restarts", 0)
    os.kill(arena.server.pid, signal.SIGSTOP)
    time.sleep(SLOW_S)
    os.kill(arena.server.pid, signal.SIGCONT)
    arena.await_recovery()
    assert arena.figures.get("restarts", 0) == before


def fill(arena: RedisArena) -> None:
    """There is no room, and then there is."""
    words = "is full; give it more memory and start again; nothing is lost"
    before = arena.told(words)
    arena.ask("CONFIG", "SET", "maxmemory", "1")
    arena.await_that(lambda: arena.told(words) > before, "a worker says that it is full")
    time.sleep(arena.chance.uniform(0.0, 2.0))
    arena.ask("CONFIG", "SET", "maxmemory", "0")


def take_away(arena: RedisArena) -> None:
    """Nobody listens where it was, for longer than a worker waits for it at its start."""
    words = f"Redis on 127.0.0.1:{arena.server.port} does not answer (ConnectionError); nothing is lost, start again"
    before = arena.told(f"the store: {words}")
    arena.server.kill()
    arena.await_that(lambda: arena.told(f"the store: {words}") > before, "a worker does not start without it")
    arena.server.start()


def sleep(arena: RedisArena) -> None:
    """A worker sleeps past its session; who has its tasks now has their stores, too."""
    sleep_and_wake(arena, "a")


def run_through(arena: RedisArena, strike: Callable[[RedisArena], None]) -> None:
    arena.run("a", "b")
    with arena.load(arena.pick(short=0.2, long=0.2)) as feeder:
        arena.await_that(lambda: feeder.acknowledged >= HELD, "tables to be lost")
        arena.await_recovery()
        for _ in range(arena.pick(short=1, long=3)):
            strike(arena)
            arena.count("strikes")
            arena.await_recovery()

    arena.judge()


@pytest.mark.fault("FT25", "Redis is flushed", protection="each reading brings the stamp of the last write",
                   without="stamps")  # fmt: skip
@pytest.mark.parametrize("strike", [flush])
def test_what_redis_forgets_is_read_again_from_the_changelogs(
    arena: RedisArena, strike: Callable[[RedisArena], None]
) -> None:
    run_through(arena, strike)


@pytest.mark.fault(
    "FT25", "Redis is older, hangs, is full or away", protection="one owner, the marker last, an end by name",
    without={
        "restart_with_older_state": "whole_restores", "fail_over": "stamps", "sleep": "ownership",
        "hang": "patient_store", "fill": "refused_answers", "take_away": "whole_restores",
    },
)
@pytest.mark.parametrize("strike", [restart_with_older_state, fail_over, hang, fill, take_away, sleep])
def test_whatever_redis_does_each_order_has_its_effect_once(
    arena: RedisArena, strike: Callable[[RedisArena], None]
) -> None:
    run_through(arena, strike)
