"""Brokers killed, stopped, restarted and stalled under load: three of them, and all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from streams.embedded.kafka_node import KafkaNode

from .arena import Arena
from .brokers import Brokers
from .watching import Memory, Progress, let_pass

WORKERS = ("a", "b")
LOAD = 0.05
MOVED = 500
"""So many orders must be committed while a broker is away."""
SOME, WAITING = 300_000, 500_000
"""Orders: after so many the stores of a worker are as large as they get, for so many it has no room at once."""
ROOM = 1.5
"""So much of what a worker had before may it have while brokers are away."""
MOST_MIB = 340
"""So much a worker has at most, its stores as large as they get: 260 to 282 were seen, 383 with unbounded buffers."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    with Brokers(tmp_path_factory.mktemp("brokers"), workers=WORKERS) as held:
        yield held


@pytest.fixture
def arena(network: Brokers, arena_of: Callable[[str], Arena]) -> Iterator[Arena]:
    network.mend()
    with arena_of(network.kafka.bootstrap) as held:
        held.start_all(*WORKERS)
        yield held


ROLES: dict[str, Callable[[Brokers, Arena], KafkaNode]] = {
    "source leader": lambda network, arena: network.leader(arena.source),
    "output leader": lambda network, arena: network.leader(arena.enriched),
    "group coordinator": lambda network, arena: network.group_coordinator(arena.app),
    "transaction coordinator": lambda network, arena: network.transaction_coordinator(f"{arena.app}-a"),
    "controller": lambda network, arena: network.controller(),
}


@pytest.mark.fault(
    "FT06", "kill -9 of a broker by its role, 5 bounces",
    protection="a transaction of unknown outcome ends the process; outputs and offsets are one transaction",
    without="atomic_outputs",
)
@pytest.mark.parametrize("role", ROLES)
def test_a_broker_killed_loses_and_repeats_nothing_and_work_goes_on_without_it(
    network: Brokers, arena: Arena, role: str
) -> None:
    with arena.load(LOAD), Progress(arena) as progress:
        progress.await_more(MOVED, "all brokers there")
        for _ in range(arena.pick(short=1, long=5)):
            node = ROLES[role](network, arena)
            node.kill()
            arena.count("kills")
            progress.await_more(MOVED, f"the {role} gone")
            network.mend()
            arena.await_recovery()

    arena.judge()


@pytest.mark.fault("FT06", "rolling restart of all brokers", protection="clients find the new leaders by themselves",
                   without="atomic_outputs")  # fmt: skip
def test_brokers_restarted_one_after_the_other_lose_and_repeat_nothing(network: Brokers, arena: Arena) -> None:
    with arena.load(LOAD), Progress(arena) as progress:
        progress.await_more(MOVED, "all brokers there")
        for _ in range(arena.pick(short=1, long=2)):
            for node in network.kafka.nodes:
                node.stop()
                arena.count("stops")
                progress.await_more(MOVED, f"broker {node.number} stopped")
                network.mend()
                arena.await_recovery()

    arena.judge()


@pytest.mark.fault(
    "FT07", "all brokers killed and away", protection="watchdog of the transaction; a worker without broker ends",
    without="atomic_outputs",
)
@pytest.mark.parametrize("seconds", [70, 1_500])
def test_all_brokers_away_lose_and_repeat_nothing_and_cost_no_memory(
    network: Brokers, arena: Arena, seconds: int
) -> None:
    if seconds > 100 and not arena.shard.is_long:
        pytest.skip("25 minutes are for the long profile")
    memory = Memory(arena)
    with arena.load(LOAD if seconds < 100 else LOAD / 5), Progress(arena) as progress:
        progress.await_more(5 * MOVED, "all brokers there")
        memory.look()
        before = dict(memory.most)
        network.kafka.kill()
        let_pass(arena, arena.pick(short=20, long=seconds), memory.look)
        network.kafka.start()
        network.await_in_sync()
        arena.await_recovery()
    _check_memory(arena, before, memory)

    arena.judge()


@pytest.mark.fault("FT07", "brokers stand still while the source is full", protection="bounded queues and fetches",
                   without={"output leader": "bounded_buffers", "all": "one_commit"})  # fmt: skip
@pytest.mark.parametrize("who", ["output leader", "all"])
def test_a_stalled_broker_costs_no_memory(network: Brokers, arena: Arena, who: str) -> None:
    memory = Memory(arena)
    _begin_with(arena, 0)
    arena.feed(SOME)  # while it processes: nothing waits
    arena.fed = SOME
    arena.await_that(lambda: _look(memory) and arena.lag(arena.source) == 0, "some orders processed")
    _begin_with(arena, WAITING)
    with Progress(arena) as progress:
        progress.await_more(20_000, "all brokers there")
        stalled = network.kafka.nodes if who == "all" else [ROLES[who](network, arena)]
        for node in stalled:
            node.suspend()
        let_pass(arena, arena.pick(short=25, long=90), memory.look)
        for node in stalled:
            node.resume()
        network.await_in_sync()
        arena.await_recovery()
    memory.look()
    arena.note_most("RSS MiB", memory.most["a"])
    assert memory.most["a"] < MOST_MIB

    arena.judge()



def _check_memory(arena: Arena, before: dict[str, float], memory: Memory) -> None:
    memory.look()
    for name, mib in before.items():
        arena.note_most("RSS MiB", memory.most[name])
        arena.note_most("RSS of before", memory.most[name] / mib)
    assert {name: mib for name, mib in memory.most.items() if mib > ROOM * before[name]} == {}


def _begin_with(arena: Arena, count: int) -> None:
    """One worker starts where ``count`` more orders wait."""
    arena.stop_all()
    arena.workers.clear()
    arena.feed(count, arena.fed)
    arena.fed += count
    arena.start_all("a")


def _look(memory: Memory) -> bool:
    memory.look()
    return True
