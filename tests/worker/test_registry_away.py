"""A schema registry that does not answer: tasks that need it wait, nothing is set aside, what is known goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from uuid import UUID

import fastavro
import pytest

from streams.contracts import load_contracts
from streams.contracts.framing import frame_prefix
from streams.contracts.registry import (
    DeferredSource,
    MemoryRegistry,
    RegisteredSchema,
    RegistryUnavailableError,
    SchemaKind,
    SchemaSource,
)
from streams.pipeline.compile import compile_topology
from streams.settings import Settings
from streams.worker import asking
from streams.worker.engine import Engine
from streams.worker.pace import Pace
from streams.worker.runs import Run
from streams.worker.watchdog import STALL_SECONDS, Watchdog
from tests.contracts.builders import a_contract, a_folder, a_schema

from .builders import TOPIC, a_record, a_run, owned_task
from .test_asking import Sent, sent

PIPELINE = f"""pipeline: things
source: {{topic: {TOPIC}, format: avro, contract: "iglu:com.acme/things/jsonschema/1-*-*"}}
table: {{name: things}}
route: [{{to: out.v1}}]
"""
SCHEMA = {"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "long"}]}
KNOWN, COLD, NEVER = 1, 2, 99


class Registry(MemoryRegistry):
    """What it has said it is not asked again; while it ``is_away`` it says nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.asked = 0
        self._said: set[int] = set()
        self.may_answer = threading.Event()
        self.may_answer.set()
        for number in (KNOWN, COLD):
            self.add(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps({**SCHEMA, "doc": str(number)}), id=number))

    def by_id(self, schema_id: int) -> RegisteredSchema:
        if schema_id not in self._said:
            self.asked += 1
            self.may_answer.wait(5)
            if self.is_away:
                error = RegistryUnavailableError("the schema registry could not be asked")
                error.again = lambda: self.by_id(schema_id)
                raise error
            self._said.add(schema_id)
        return super().by_id(schema_id)

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        raise AssertionError(guid)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture(params=["asked at once", "asked beside the loop"])
def source(request: pytest.FixtureRequest, registry: Registry) -> SchemaSource:
    """What the engine asks: ``registry`` itself, or as workers do."""
    return registry if request.param == "asked at once" else DeferredSource(registry)


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: SchemaSource) -> AsyncIterator[Engine]:
    monkeypatch.setattr(Pace, "is_due", lambda *_: False)
    monkeypatch.setattr(asking, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(asking, "LONGEST_PAUSE_SECONDS", 0.001)
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract("{name: id, logicalType: integer, primaryKey: true}"),
        "pipelines/things.yaml": PIPELINE,
    }
    contracts = load_contracts(a_folder(tmp_path / "schemas", files))
    topology = compile_topology(contracts, app="app", registry=source)
    settings = Settings(data=tmp_path / "data", schemas=tmp_path / "schemas", app="app", store="memory://")
    engine = Engine(settings, topology, "a")
    engine.transactions = Sent()  # type: ignore[assignment]
    for partition in (0, 1):
        owned_task(engine, partition=partition)
    engine.fetched.begin({(TOPIC, 0): 0, (TOPIC, 1): 0})
    yield engine
    for task in tuple(engine._background._running):
        task.cancel()
    await asyncio.sleep(0)


def things(engine: Engine, partition: int, first: int, *held: tuple[int, int]) -> Run:
    """Records of (id, number of their schema)."""
    records = []
    for place, (id, schema) in enumerate(held):
        body = BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(SCHEMA), {"id": id})
        value = frame_prefix(schema) + body.getvalue()
        records.append(a_record(first + place, partition=partition, value=value, key=b'{"id":%d}' % id))
    engine.fetched.hand_over([run := a_run(*records)], {})
    return run


async def until(is_so: object) -> None:
    assert callable(is_so)
    for _ in range(2_000):
        if is_so():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


def out(engine: Engine) -> list[bytes | None]:
    assert not [held for held in sent(engine).deliveries if held.topic.endswith("-dlt")]
    return [held.value for held in sent(engine).deliveries if held.topic == "out.v1"]


async def learn(engine: Engine) -> None:
    """A first record; what it names is known from then on."""
    await engine.handle(things(engine, 0, 0, (1, KNOWN)))
    await until(lambda: engine.tasks[TOPIC, 0].task.position(TOPIC) == 1)


async def test_what_is_known_goes_on_and_what_is_not_waits_until_there_is_an_answer(
    engine: Engine, registry: Registry
) -> None:
    cold, warm = (engine.tasks[TOPIC, number] for number in (0, 1))
    await learn(engine)
    registry.is_away = True

    await engine.handle(things(engine, 0, 1, (2, KNOWN), (3, COLD)))
    await engine.handle(things(engine, 0, 3, (4, KNOWN)))
    for number in range(5):
        await engine.handle(things(engine, 1, number, (10 + number, KNOWN)))
    await until(lambda: cold.held.rounds > 3)
    assert (cold.task.position(TOPIC), cold.held.is_asking) == (1, True)
    assert (warm.task.position(TOPIC), warm.held.is_asking) == (5, False)
    assert engine.metrics.away._value.get() == 1
    assert out(engine) == [b'{"id":%d}' % id for id in (1, 10, 11, 12, 13, 14)]

    registry.is_away = False
    await until(lambda: cold.task.position(TOPIC) == 4)
    assert out(engine)[6:] == [b'{"id":%d}' % id for id in (2, 3, 4)]
    assert (cold.held.is_asking, engine.metrics.away._value.get()) == (False, 0)


async def test_a_schema_that_the_registry_lacks_is_an_answer_and_the_record_is_to_blame(
    engine: Engine, registry: Registry
) -> None:
    registry.is_away = True
    await engine.handle(things(engine, 0, 0, (1, NEVER), (2, COLD)))
    await until(lambda: engine.tasks[TOPIC, 0].held.rounds > 1)
    assert sent(engine).deliveries == []

    registry.is_away = False
    await until(lambda: engine.tasks[TOPIC, 0].task.position(TOPIC) == 2)
    assert sorted(held.topic for held in sent(engine).deliveries) == ["out.v1", f"{TOPIC}-things-dlt"]


async def test_a_rebalance_ends_the_waiting(engine: Engine, registry: Registry) -> None:
    owned = engine.tasks[TOPIC, 0]
    registry.is_away = True
    await engine.handle(things(engine, 0, 0, (1, COLD)))
    await until(lambda: owned.held.rounds > 1)

    engine._drop_tasks()
    await until(lambda: not engine._background._running)
    asked = registry.asked
    registry.is_away = False
    await asyncio.sleep(0.01)

    assert (registry.asked, owned.task.position(TOPIC), sent(engine).deliveries) == (asked, 0, [])


async def test_the_watchdog_lets_a_task_wait_however_long(
    engine: Engine, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr("streams.worker.watchdog.stop_process", lambda code, reason: stopped.append(reason))
    owned, dog, now = engine.tasks[TOPIC, 0], Watchdog(engine), 0.0
    registry.is_away = True
    await engine.handle(things(engine, 0, 0, (1, COLD)))

    for _ in range(20):
        rounds = owned.held.rounds
        await until(lambda rounds=rounds: owned.held.rounds > rounds)  # type: ignore[misc]
        now += STALL_SECONDS - 1
        dog.begin(now)
        dog.look(now)

    assert stopped == []


@pytest.mark.parametrize("source", ["asked beside the loop"], indirect=True)
async def test_while_a_slow_registry_thinks_other_partitions_go_on(engine: Engine, registry: Registry) -> None:
    await learn(engine)
    registry.may_answer.clear()

    await engine.handle(things(engine, 0, 1, (2, COLD)))
    await engine.handle(things(engine, 1, 0, (3, KNOWN)))
    await until(lambda: registry.asked == 2)
    assert (engine.tasks[TOPIC, 0].task.position(TOPIC), engine.tasks[TOPIC, 1].task.position(TOPIC)) == (1, 1)
    assert (registry.may_answer.is_set(), engine.metrics.away._value.get()) == (False, 0)

    registry.may_answer.set()
    await until(lambda: engine.tasks[TOPIC, 0].task.position(TOPIC) == 2)
    assert out(engine) == [b'{"id":%d}' % id for id in (1, 3, 2)]


@pytest.mark.parametrize("source", ["asked beside the loop"], indirect=True)
async def test_a_batch_of_many_schemas_that_are_not_there_comes_to_an_end(engine: Engine, registry: Registry) -> None:
    strange = [(number, NEVER + number) for number in range(5)]
    await engine.handle(things(engine, 0, 0, *strange))
    await engine.handle(things(engine, 1, 0, *strange[::-1]))
    await until(lambda: all(engine.tasks[TOPIC, number].task.position(TOPIC) == 5 for number in (0, 1)))

    assert {held.topic for held in sent(engine).deliveries} == {f"{TOPIC}-things-dlt"}
    assert len(sent(engine).deliveries) == 10

    registry.add(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps(SCHEMA), id=NEVER))
    await engine.handle(things(engine, 0, 5, (7, NEVER)))
    await until(lambda: engine.tasks[TOPIC, 0].task.position(TOPIC) == 6)
    assert sent(engine).deliveries[-1].topic == "out.v1"  # it was asked for again
