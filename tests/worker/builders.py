"""Builders: an engine over a small pipeline, its tasks with state in memory, and runs of records for them."""

from __future__ import annotations

from pathlib import Path

from streams.contracts import load_contracts
from streams.pipeline.compile import compile_topology
from streams.pipeline.task import Task
from streams.pipeline.topology import Topology
from streams.records import SourceRecord
from streams.settings import Settings
from streams.state.stores.memory import MemoryStore
from streams.worker.engine import Engine
from streams.worker.owned import OwnedTask
from streams.worker.runs import Run
from tests.contracts.builders import a_contract, a_folder, a_schema

TOPIC = "things.v1"
PIPELINE = f"""pipeline: things
source: {{topic: {TOPIC}, format: json, contract: "iglu:com.acme/things/jsonschema/1-*-*"}}
mask: {{note: drop}}
derive: {{more: "id + 1"}}
table: {{name: things}}
aggregate:
  - {{table: per_minute, by: [id], window: {{tumbling: 1m}}, columns: {{things: "count(*)"}}}}
"""


ROW = b'{"id":1}'


def a_record(
    offset: int = 0, *, partition: int = 0, key: bytes | None = ROW, value: bytes | None = ROW
) -> SourceRecord:
    return SourceRecord(topic=TOPIC, partition=partition, offset=offset, timestamp_ms=1_000, key=key, value=value)


def a_run(*records: SourceRecord, epoch: int = 0) -> Run:
    return Run(epoch=epoch, records=list(records))


def a_topology(folder: Path, pipeline: str = PIPELINE) -> Topology:
    """The pipeline above, or another, over a contract with the columns id and note."""
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract("{name: id, logicalType: integer, primaryKey: true}"),
        "pipelines/things.yaml": pipeline,
    }
    return compile_topology(load_contracts(a_folder(folder / "schemas", files)), app="app")


def an_engine(folder: Path, instance: str = "a") -> Engine:
    """Never joined to anything; its clock is where the process's is."""
    settings = Settings(data=folder / "data", schemas=folder / "schemas", app="app", store="memory://")
    return Engine(settings, a_topology(folder), instance)


def owned_task(engine: Engine, *records: SourceRecord, partition: int = 0) -> OwnedTask:
    """A ready task of ``engine`` that has processed and committed ``records``."""
    (sub,) = engine.topology.subtopologies
    owned = OwnedTask(Task(sub, partition, MemoryStore()), must_commit=False)
    if records:
        owned.note(owned.task.process(a_run(*records).batch(), now_ms=2_000))
        owned.task.prepare_checkpoint()
        owned.committed({}, engine.metrics, now_ms=2_000)
    engine.tasks[TOPIC, partition] = owned
    engine.expected = frozenset(engine.tasks)
    engine.is_joined = True
    return owned
