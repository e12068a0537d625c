"""Settle: a stage is right in the end, in whatever order the partitions of its source are heard."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.contracts import read_contracts
from streams.pipeline.claims import Told, encode_told
from streams.pipeline.compile import compile_topology
from streams.pipeline.task import Task
from streams.pipeline.topology import SubTopology
from streams.records import RecordBatch, SourceRecord
from streams.state.changelog import Marker, apply_changelogs
from streams.state.stores.memory import MemoryStore

from ..contracts.builders import a_folder
from ..quality.builders import a_pipeline_text, files
from .builders import laws

RULES = {"rules": {"uniqueness": ["email"], "references": {"boss_id": "users"}}}


def a_stage() -> SubTopology:
    """The stage of ``users`` with a rule of either kind."""
    pipeline = a_pipeline_text(quality=RULES)
    with TemporaryDirectory() as folder:
        contracts = read_contracts(a_folder(Path(folder), files({"pipelines/users.yaml": pipeline})))
    return compile_topology(contracts, app="app").subtopologies[1]


STAGE = a_stage()
UNIQUE, REFERENCE = "uniqueness.email", "references.boss_id"


class Stage:
    """One task of the stage, its log, and what it has published."""

    def __init__(self) -> None:
        self.task = Task(STAGE, 0, MemoryStore())
        self.open: dict[bytes | None, dict[str, Any]] = {}
        self._changelogs: dict[str, list[tuple[bytes, bytes | None]]] = {}
        self._offset = 0

    def tell(self, *told: tuple[str, str, Told]) -> Stage:
        """(rule, value, what) of each record, in one batch."""
        records = [
            SourceRecord(
                topic=STAGE.source_topics[0], partition=0, offset=self._offset + place, timestamp_ms=0,
                key=json.dumps([rule, value.ljust(32, "0") if value else ""]).encode(), value=encode_told(said),
            )
            for place, (rule, value, said) in enumerate(told)
        ]  # fmt: skip
        self._offset += len(records)
        batch = RecordBatch(topic=STAGE.source_topics[0], partition=0, records=records, next_offset=self._offset)
        self.task.process(batch, now_ms=0)
        return self

    def commit(self) -> dict[bytes | None, dict[str, Any]]:
        """A checkpoint; the findings that are open after it, by key."""
        checkpoint = self.task.prepare_checkpoint()
        for delivery in checkpoint.deliveries:
            if delivery.value is None:
                del self.open[delivery.key]  # a tombstone of what was never open would be a KeyError
            else:
                self.open[delivery.key] = json.loads(delivery.value)
        shorts = {topic: short for short, topic in STAGE.changelogs}
        for run in checkpoint.changelog:
            self._changelogs.setdefault(shorts[run.topic], []).extend(run.records)
        self.task.commit({}, now_ms=0)
        return self.open

    def restart(self) -> None:
        """A new owner, from the changelogs."""
        store = MemoryStore()
        apply_changelogs(store, self._changelogs, Marker())
        self.task = Task(STAGE, 0, store)
        self._offset = 0


def plus(value: str, row: str, *, at: int = 1, partition: int = 0, role: str = "h", rule: str = UNIQUE) -> Any:
    said = Told(verb="+", role=role, row=row, partition=partition, order=(0, at, 0))
    return rule, value, said


def minus(value: str, row: str, *, at: int = 1, partition: int = 0, role: str = "h", rule: str = UNIQUE) -> Any:
    said = Told(verb="-", role=role, row=row, partition=partition, order=(0, at, 0))
    return rule, value, said


def truncated(*, at: int, role: str = "h", rule: str = UNIQUE) -> Any:
    return rule, "", Told(verb="0", role=role, order=(0, at, 0))


def keys_of(found: dict[bytes | None, dict[str, Any]]) -> list[list[Any]]:
    return sorted(held["keys"] for held in found.values())


def test_a_second_row_opens_a_finding_and_its_end_resolves_it() -> None:
    stage = Stage()

    assert stage.tell(plus("a", "[1]")).commit() == {}
    assert keys_of(stage.tell(plus("a", "[2]")).commit()) == [[[1], [2]]]
    assert keys_of(stage.tell(plus("a", "[3]")).commit()) == [[[1], [2], [3]]]
    assert keys_of(stage.tell(minus("a", "[1]")).commit()) == [[[2], [3]]]
    assert stage.tell(minus("a", "[3]")).commit() == {}


def test_what_was_true_for_a_moment_between_two_checkpoints_is_not_told() -> None:
    stage = Stage()

    assert stage.tell(plus("a", "[1]"), plus("b", "[2]")).commit() == {}
    # Two rows swap their values in one transaction.
    swap = (minus("a", "[1]"), plus("b", "[1]"), minus("b", "[2]"), plus("a", "[2]"))
    assert stage.tell(*swap).commit() == {}


def test_a_row_that_two_partitions_speak_of_is_one_row() -> None:
    stage = Stage()
    stage.tell(plus("a", "[1]", partition=0))

    # It moves: the new partition is heard before the old one.
    assert stage.tell(plus("a", "[1]", partition=1)).commit() == {}
    assert stage.tell(minus("a", "[1]", partition=0)).commit() == {}
    assert keys_of(stage.tell(plus("a", "[2]")).commit()) == [[[1], [2]]]


def test_a_row_that_left_a_partition_before_anybody_heard_of_it_stays_where_it_is() -> None:
    stage = Stage()
    stage.tell(plus("a", "[2]"), plus("a", "[1]", partition=0))

    # It was in partition 1 before, which is heard only now.
    stage.tell(plus("a", "[1]", partition=1), minus("a", "[1]", partition=1))
    assert keys_of(stage.commit()) == [[[1], [2]]]


def test_a_row_that_was_truncated_is_gone_also_where_it_is_heard_of_later() -> None:
    stage = Stage()
    stage.tell(plus("a", "[1]", at=1), truncated(at=5))

    stage.tell(plus("a", "[2]", at=4, partition=1))
    assert stage.commit() == {}
    stage.tell(plus("a", "[3]", at=6), plus("a", "[4]", at=7, partition=1))
    assert keys_of(stage.commit()) == [[[3], [4]]]


def test_a_finding_names_ten_rows_and_counts_all() -> None:
    stage = Stage()

    (found,) = stage.tell(*(plus("a", f"[{id}]") for id in range(30))).commit().values()

    assert (found["rows"], len(found["keys"])) == (30, 10)


def test_a_reference_needs_its_target() -> None:
    stage = Stage()

    child = plus("a", "[7]", rule=REFERENCE)
    assert keys_of(stage.tell(child).commit()) == [[[7]]]
    assert stage.tell(plus("a", "[1]", role="t", rule=REFERENCE)).commit() == {}
    assert keys_of(stage.tell(minus("a", "[1]", role="t", rule=REFERENCE)).commit()) == [[[7]]]
    assert stage.tell(minus("a", "[7]", rule=REFERENCE)).commit() == {}


def test_what_a_crash_undoes_is_found_again() -> None:
    stage = Stage()
    stage.tell(plus("a", "[1]")).commit()
    stage.tell(plus("a", "[2]"))
    stage.task.abort()
    assert stage.commit() == {}

    stage.restart()
    assert keys_of(stage.tell(plus("a", "[2]")).commit()) == [[[1], [2]]]
    stage.restart()
    assert stage.tell(minus("a", "[1]")).commit() == {}


# -- in any order

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "drop", "truncate"]),
        st.integers(1, 3),
        st.sampled_from(["a", "b"]),
        st.integers(0, 1),
    ),
    max_size=14,
)


def history(steps: Iterable[tuple[str, int, str, int]]) -> tuple[list[list[Any]], dict[int, str]]:
    """(what each of two partitions tells, in its order; the rows in the end). A row may move to the other partition."""
    told: list[list[Any]] = [[], []]
    rows: dict[int, tuple[str, int]] = {}
    for at, (kind, id, value, partition) in enumerate(steps, 1):
        row = f"[{id}]"
        if kind == "truncate":
            told[partition].append(truncated(at=at))
            rows = {}
            continue
        if id in rows:
            before, place = rows.pop(id)
            told[place].append(minus(before, row, at=at, partition=place))
        if kind == "put":
            rows[id] = value, partition
            told[partition].append(plus(value, row, at=at, partition=partition))
    return told, {id: value for id, (value, _) in rows.items()}


@laws
@given(STEPS, st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.booleans()), max_size=40))
def test_the_partitions_may_be_heard_in_any_order(
    steps: list[tuple[str, int, str, int]], choices: list[tuple[int, bool, bool]]
) -> None:
    told, rows = history(steps)
    stage = Stage()
    for partition, commits, restarts in choices:
        if told[partition]:
            stage.tell(told[partition].pop(0))
        if commits:
            stage.commit()
            if restarts:
                stage.restart()
    stage.tell(*told[0], *told[1])

    holders = {value: sorted([id] for id in rows if rows[id] == value) for value in rows.values()}
    assert keys_of(stage.commit()) == sorted(ids for ids in holders.values() if len(ids) > 1)
