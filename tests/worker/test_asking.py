"""Asking: a batch that waits for look-ups holds up its own task and no other, and is processed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from streams.records import Delivery
from streams.settings import Settings
from streams.worker.engine import Engine
from streams.worker.owned import OwnedTask
from streams.worker.pace import Pace
from streams.worker.runs import Run
from streams.worker.watchdog import STALL_SECONDS, Watchdog

from . import slow
from .builders import TOPIC, a_record, a_run, a_topology, owned_task

PIPELINE = f"""pipeline: things
source: {{topic: {TOPIC}, format: json, contract: "iglu:com.acme/things/jsonschema/1-*-*"}}
lookup: {{name: {{call: "tests.worker.slow:name", args: [id], missing: keep, cache: {{size: 0}}}}}}
route: [{{to: out.v1}}]
"""


class Sent:
    """Stands for the open transaction."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.busy_since: float | None = None

    def send(self, deliveries: list[Delivery]) -> None:
        self.deliveries += deliveries

    @property
    def values(self) -> list[bytes | None]:
        return [held.value for held in self.deliveries]


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """Two tasks, and a function that answers once ``slow.may_answer`` is set; nothing is ever committed."""
    monkeypatch.setattr(Pace, "is_due", lambda *_: False)
    topology = a_topology(tmp_path, PIPELINE)
    settings = Settings(data=tmp_path / "data", schemas=tmp_path / "schemas", app="app", store="memory://")
    engine = Engine(settings, topology, "a")
    engine.transactions = Sent()  # type: ignore[assignment]
    yield engine
    for task in tuple(engine._background._running):  # all tests share a loop: it would go on in the next one
        task.cancel()
    await settle()


@pytest.fixture(autouse=True)
def _slow() -> Iterator[None]:
    slow.begin()
    yield
    slow.may_answer.set()


def sent(engine: Engine) -> Sent:
    assert isinstance(engine.transactions, Sent)
    return engine.transactions


def things(engine: Engine, partition: int, first: int, *ids: int) -> Run:
    records = [
        a_record(first + place, partition=partition, value=b'{"id":%d}' % id, key=b'{"id":%d}' % id)
        for place, id in enumerate(ids)
    ]
    engine.fetched.hand_over([run := a_run(*records)], {})
    return run


def both(engine: Engine) -> tuple[OwnedTask, OwnedTask]:
    tasks = owned_task(engine), owned_task(engine, partition=1)
    engine.fetched.begin({(TOPIC, 0): 0, (TOPIC, 1): 0})
    return tasks


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_other_partitions_go_on_while_a_batch_waits_for_its_answers(engine: Engine) -> None:
    asking, other = both(engine)

    await engine.handle(things(engine, 0, 0, 1, 2))
    await engine.handle(things(engine, 0, 2, 3))
    await settle()
    assert (asking.task.position(TOPIC), asking.held.is_asking) == (0, True)

    slow.quick.add(7)
    await engine.handle(things(engine, 1, 0, 7))
    await settle()
    assert (other.task.position(TOPIC), sent(engine).values) == (1, [b'{"id":7,"name":"n7"}'])

    slow.may_answer.set()
    await settle()
    assert (asking.task.position(TOPIC), asking.held.is_asking) == (3, False)
    assert sent(engine).values[1:] == [b'{"id":1,"name":"n1"}', b'{"id":2,"name":"n2"}', b'{"id":3,"name":"n3"}']
    assert sorted(slow.asked) == [1, 2, 3, 7]


async def test_answers_that_come_after_a_rebalance_change_nothing(engine: Engine) -> None:
    asking, _ = both(engine)
    await engine.handle(things(engine, 0, 0, 1))
    await settle()

    engine._drop_tasks()
    slow.may_answer.set()
    await settle()

    assert (asking.task.position(TOPIC), sent(engine).values) == (0, [])


async def test_a_record_that_breaks_a_step_is_dead_alone_and_the_others_get_their_answers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned, _ = both(engine)
    plan = engine.topology.plans[0]
    decode = plan.codec.decode

    def broken(record: object) -> object:
        if record.value == b'{"id":2}':  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return decode(record)  # type: ignore[arg-type]

    object.__setattr__(plan.codec, "decode", broken)
    slow.may_answer.set()
    await engine.handle(things(engine, 0, 0, 1, 2, 3))
    await settle()

    assert owned.task.position(TOPIC) == 3
    routed = [held.value for held in sent(engine).deliveries if held.topic == "out.v1"]
    assert routed == [b'{"id":1,"name":"n1"}', b'{"id":3,"name":"n3"}']
    assert [held.value for held in sent(engine).deliveries if held.topic.endswith("-dlt")] == [b'{"id":2}']


async def test_the_watchdog_leaves_a_task_alone_whose_answers_come_and_no_other(engine: Engine) -> None:
    engine.is_joined = True
    owned, _ = both(engine)
    dog, stopped = Watchdog(engine), []
    monkey = pytest.MonkeyPatch()
    monkey.setattr("streams.worker.watchdog.stop_process", lambda code, reason: stopped.append(reason))
    await engine.handle(things(engine, 0, 0, 1))
    await settle()
    try:
        now = engine.beat
        for _ in range(4):
            dog.look(now)
            owned.held.rounds += 1  # another round of answers has come
            now = engine.beat = now + STALL_SECONDS - 1
        assert stopped == []
        dog.look(now)
        engine.beat = now + STALL_SECONDS + 1
        dog.look(engine.beat)
        assert len(stopped) == 1
    finally:
        monkey.undo()


async def test_the_breaker_is_a_metric(engine: Engine) -> None:
    registry = engine.metrics.registry

    def state(name: str) -> float | None:
        return registry.get_sample_value(
            "cdc_lookup_breaker", {"pipeline": "things", "lookup": "name", "state": name}
        )

    assert [state(name) for name in ("closed", "open", "half_open")] == [1, 0, 0]
    owned, _ = both(engine)
    slow.fails = True
    for place in range(5):  # each asks twice
        await engine.handle(things(engine, 0, place, place))
        while owned.held.is_asking:
            await asyncio.sleep(0.01)
    await engine.handle(things(engine, 0, 5, 5))
    await settle()
    assert (state("open"), owned.held.is_asking) == (1, True)
    calls = {"pipeline": "things", "lookup": "name", "result": "unavailable"}
    assert registry.get_sample_value("cdc_lookup_calls_total", calls) == 10
