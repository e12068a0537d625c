"""Engine: what it is between assignments, and what bounds it; with a broker, tests/integration has it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NoReturn

import pytest

from streams.worker import engine as module

from .builders import a_record, a_run, an_engine, owned_task


async def test_between_two_assignments_a_worker_is_not_ready(tmp_path: Path) -> None:
    engine = an_engine(tmp_path)
    engine.take(set())
    owned_task(engine)
    assert engine.is_ready

    await engine.leave()
    assert (engine.is_joined, engine.is_ready, engine.tasks) == (False, False, {})

    engine.take(set())
    assert engine.is_ready


async def test_what_fails_while_tasks_are_left_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(error: BaseException, doing: str) -> NoReturn:
        raise SystemExit(f"{doing}: {type(error).__name__}")

    monkeypatch.setattr(module, "stop_for", stop)
    engine = an_engine(tmp_path)  # never prepared: it cannot commit
    owned_task(engine).task.process(a_run(a_record()).batch(), now_ms=2_000)

    with pytest.raises(SystemExit, match="leaving tasks: RuntimeError"):
        await engine.leave()


def test_the_records_of_all_tasks_count_for_what_is_not_committed_yet(tmp_path: Path) -> None:
    engine = an_engine(tmp_path)
    for partition in (0, 1):
        run = a_run(a_record(partition=partition, value=b"x" * 100))
        owned_task(engine, partition=partition).task.process(run.batch(), now_ms=2_000)

    assert engine.pending_bytes == 2 * (100 + 64)


async def test_a_commit_does_not_wait_for_restores(tmp_path: Path) -> None:
    engine, is_restored = an_engine(tmp_path), threading.Event()
    for _ in range(20):
        engine._background.spawn(engine._background.run(is_restored.wait), "restoring a task")

    try:
        assert await engine._committing.run(is_restored.is_set) is False
    finally:
        is_restored.set()
