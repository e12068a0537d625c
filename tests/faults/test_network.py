"""The network between a worker and its brokers: cut, slow, lossy, and connections that break."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator

import pytest

from .arena import Arena
from .brokers import Brokers, await_that
from .proxy import Weather
from .watching import Progress, let_pass

WORKERS = ("a", "b")
LOAD = 0.05
MOVED = 500
AFTER_HEAL_S = 60.0
STUCK_S = 240.0
"""Twice what a restore may stand still."""
SLOW_LINE = Weather(bytes_a_second=40_000)
BAD_WEATHER = Weather(delay_s=0.2, jitter_s=0.1, loss=0.02)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    with Brokers(tmp_path_factory.mktemp("network"), workers=WORKERS) as held:
        yield held


@pytest.fixture
def arena(network: Brokers, arena_of: Callable[[str], Arena]) -> Iterator[Arena]:
    network.mend()
    with arena_of(network.kafka.bootstrap) as held:
        held.brokers_of = {name: network.through(name) for name in WORKERS}
        held.start_all(*WORKERS)
        yield held


@pytest.mark.fault(
    "FT08", "a worker cut off from one broker", protection="generation in the commit; watchdog of the transaction",
    without={
        "group coordinator": "giving_up", "every broker": "giving_up", "transaction coordinator": "atomic_outputs",
        "source leader": "atomic_outputs",
    },
)
@pytest.mark.parametrize("role", ["group coordinator", "transaction coordinator", "source leader", "every broker"])
def test_a_worker_that_is_cut_off_repeats_nothing_and_is_back_when_it_is_healed(
    network: Brokers, arena: Arena, role: str
) -> None:
    with arena.load(LOAD), Progress(arena) as progress:
        progress.await_more(MOVED, "a whole network")
        for _ in range(arena.pick(short=1, long=3)):
            network.proxy.cut(*_gates(network, arena, role))
            let_pass(arena, arena.pick(short=30, long=90))
            network.proxy.heal()
            arena.count("slow to rejoin", arena.await_that(lambda: _own_all(arena), "both at work") > AFTER_HEAL_S)
            arena.await_recovery()

    arena.judge()


def _gates(network: Brokers, arena: Arena, role: str) -> list[int]:
    """Of worker ``a`` alone."""
    match role:
        case "group coordinator":
            return network.gates("a", network.group_coordinator(arena.app))
        case "transaction coordinator":
            return network.gates("a", network.transaction_coordinator(f"{arena.app}-a"))
        case "source leader":
            return network.gates("a", *{network.leader(arena.source, number) for number in range(4)})
        case _:
            return network.gates("a")


def _own_all(arena: Arena) -> bool:
    return all(arena.get(name, "/health/ready")[0] == 200 for name in WORKERS)


@pytest.mark.fault(
    "FT09", "200 ms +- 100 ms each way and 2 % loss", protection="time-outs longer than a slow network's answers",
    without="long_timeouts",
)
def test_a_slow_and_lossy_network_moves_no_task_and_keeps_pace(network: Brokers, arena: Arena) -> None:
    begun = {name: arena.log(name).count("begins at") for name in WORKERS}
    with arena.load(LOAD) as feeder, Progress(arena) as progress:
        progress.await_more(MOVED, "a clear sky")
        network.proxy.set_weather(BAD_WEATHER)
        fed, done, passed = feeder.acknowledged, progress.committed, network.proxy.passed()
        let_pass(arena, arena.pick(short=60, long=600))
        fed, done = feeder.acknowledged - fed, progress.committed - done
        assert network.proxy.passed() > passed
        network.proxy.heal()
        arena.await_recovery()
    arena.figures["share of load kept"] = round(done / fed, 2)
    assert {name: arena.log(name).count("begins at") for name in WORKERS} == begun, "tasks have moved"
    assert done >= fed / 2

    arena.judge()


@pytest.mark.fault("FT08", "connections break again and again", protection="a request without answer is asked anew",
                   without="atomic_outputs")  # fmt: skip
def test_connections_that_break_lose_and_repeat_nothing(network: Brokers, arena: Arena) -> None:
    with arena.load(LOAD), Progress(arena) as progress:
        progress.await_more(MOVED, "a whole network")
        for _ in range(arena.pick(short=15, long=150)):
            network.proxy.break_connections(*arena.chance.sample(range(6), arena.chance.randint(1, 6)))
            arena.count("breaks")
            let_pass(arena, arena.chance.uniform(0.2, 2.0))
        arena.await_recovery()

    arena.judge()


@pytest.mark.fault("FT29", "no broker answers during a restore", protection="a restore that does not move ends",
                   without="restore_limit")  # fmt: skip
def test_a_restore_without_answers_ends_or_goes_on_and_never_idles(network: Brokers, arena: Arena) -> None:
    arena.feed(100_000)
    arena.fed = 100_000
    arena.await_done()
    arena.stop_all()
    for name in WORKERS:
        shutil.rmtree(arena.folder / "data" / arena.app / name)
    arena.workers.clear()
    network.proxy.set_weather(SLOW_LINE, *network.gates("a"))
    worker = arena.start("a")
    arena.await_that(lambda: _is_restoring(arena), "a restore")

    network.proxy.cut(*network.gates("a"))
    await_that(lambda: worker.poll() is not None, "a restore without answers ends", patience_s=STUCK_S)
    network.proxy.heal()
    arena.await_that(lambda: arena.get("a", "/health/ready")[0] == 200, "a restore that is done")

    arena.judge()


def _is_restoring(arena: Arena) -> bool:
    """Worker ``a`` has read some of a changelog, and not all."""
    shares = re.findall(r"cdc_restored_ratio{.*?} (\S+)", arena.get("a", "/metrics")[1])
    return any(0 < float(share) < 1 for share in shares)
