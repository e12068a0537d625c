"""Watchdog: what it takes for a lie, and when. ``stop_process`` ends the process, so here it raises instead."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, NoReturn

import pytest

from streams.worker import watchdog
from streams.worker.engine import Engine
from streams.worker.stop import ExitCode
from streams.worker.transactions import Transactions
from streams.worker.watchdog import (
    JOIN_SECONDS,
    LOOP_SECONDS,
    RESTORE_SECONDS,
    STALL_SECONDS,
    TRANSACTION_SECONDS,
    Watchdog,
)

from .builders import a_record, a_run, an_engine, owned_task


class Stopped(Exception):
    """The process would have ended."""


@pytest.fixture(autouse=True)
def stops(monkeypatch: pytest.MonkeyPatch) -> list[ExitCode]:
    """Exit codes, as they come."""
    codes: list[ExitCode] = []

    def stop(code: ExitCode, reason: str) -> NoReturn:
        codes.append(code)
        raise Stopped(reason)

    monkeypatch.setattr(watchdog, "stop_process", stop)
    return codes


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Joined, with a beating loop and nothing to do."""
    engine = an_engine(tmp_path)
    engine.is_joined = True
    return engine


def at(engine: Engine, seconds: float) -> float:
    """A moment after the loop's last beat, at which it has beaten again."""
    engine.beat += seconds
    return engine.beat


def test_a_worker_that_waits_for_records_is_left_alone(engine: Engine, stops: list[ExitCode]) -> None:
    owned_task(engine, a_record(0))
    dog = Watchdog(engine)

    for _ in range(5):
        dog.look(at(engine, STALL_SECONDS))

    assert stops == []


def test_a_transaction_call_that_does_not_return_ends_the_process(engine: Engine, stops: list[ExitCode]) -> None:
    engine.transactions = Transactions({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "app-a")
    engine.transactions.busy_since = engine.beat
    dog = Watchdog(engine)

    dog.look(at(engine, TRANSACTION_SECONDS - 1))
    with pytest.raises(Stopped, match="a transaction call runs for 17 s"):
        dog.look(at(engine, 2))

    assert stops == [ExitCode.OVERDUE]


def test_a_blocked_loop_ends_the_process(engine: Engine, stops: list[ExitCode]) -> None:
    dog = Watchdog(engine)

    dog.look(engine.beat + LOOP_SECONDS - 1)
    with pytest.raises(Stopped, match="the event loop is blocked for 21 s"):
        dog.look(engine.beat + LOOP_SECONDS + 1)

    assert stops == [ExitCode.OVERDUE]


def test_a_start_that_waited_long_for_its_topics_is_no_blocked_loop(engine: Engine, stops: list[ExitCode]) -> None:
    engine.is_joined = False
    dog = Watchdog(engine)
    now = engine.beat + 10 * JOIN_SECONDS

    dog.begin(now)
    dog.look(now + 1)

    assert stops == []


def test_a_worker_without_an_assignment_ends_after_a_while(engine: Engine, stops: list[ExitCode]) -> None:
    dog = Watchdog(engine)
    dog.look(at(engine, 0))
    engine.is_joined = False

    dog.look(at(engine, JOIN_SECONDS - 1))
    with pytest.raises(Stopped, match="no assignment for 51 s"):
        dog.look(at(engine, 2))

    assert stops == [ExitCode.OVERDUE]


class Given(NamedTuple):
    """A port of a client that is a member of its group, or has been."""

    is_one: bool

    def is_member(self) -> bool:
        return self.is_one


@pytest.mark.parametrize("is_one", [True, False])
def test_a_client_whose_membership_has_died_ends_the_process(
    engine: Engine, stops: list[ExitCode], is_one: bool
) -> None:
    engine.port = Given(is_one)  # type: ignore[assignment]
    dog = Watchdog(engine)

    if is_one:
        dog.look(at(engine, 1))
    else:
        with pytest.raises(Stopped, match="given up its place in the group"):
            dog.look(at(engine, 1))

    assert stops == [ExitCode.OVERDUE][is_one:]


def test_a_partition_that_stands_while_records_wait_ends_the_process(engine: Engine, stops: list[ExitCode]) -> None:
    owned_task(engine, a_record(0))
    engine.fetched.hand_over([a_run(a_record(1))], {})
    dog = Watchdog(engine)

    dog.look(at(engine, 0))
    dog.look(at(engine, STALL_SECONDS))
    with pytest.raises(Stopped, match=r"things\.v1\[0\] stands at 1 while records wait"):
        dog.look(at(engine, 1))

    assert stops == [ExitCode.OVERDUE]


def test_a_partition_that_moves_once_in_a_while_is_left_alone(engine: Engine, stops: list[ExitCode]) -> None:
    owned = owned_task(engine, a_record(0))
    engine.fetched.hand_over([a_run(a_record(9))], {})
    dog = Watchdog(engine)

    for offset in range(1, 5):
        dog.look(at(engine, STALL_SECONDS))
        owned.task.process(a_run(a_record(offset)).batch(), now_ms=2_000)

    assert stops == []


def test_a_disk_that_is_nearly_full_ends_the_process(
    engine: Engine, stops: list[ExitCode], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.settings.data.mkdir()
    dog = Watchdog(engine)
    dog.look(at(engine, 0))

    monkeypatch.setattr(watchdog, "LEAST_FREE_BYTES", 1 << 70)
    monkeypatch.setattr(watchdog, "LEAST_SHARE", 1)
    with pytest.raises(Stopped, match="are free for"):
        dog.look(at(engine, 1))

    assert stops == [ExitCode.STORE_FAILED]


def test_a_restore_that_stands_still_ends_the_process_unless_it_waits_for_a_decision(
    engine: Engine, stops: list[ExitCode]
) -> None:
    owned_task(engine)
    engine.expected |= {("things.v1", 1)}
    taking = engine.taking = SimpleNamespace(moved_s=engine.beat, undecided={("things.v1", 1)})  # type: ignore[assignment]
    dog = Watchdog(engine)

    dog.look(at(engine, RESTORE_SECONDS + 1))
    taking.undecided.clear()
    taking.moved_s = engine.beat
    dog.look(at(engine, RESTORE_SECONDS - 1))
    with pytest.raises(Stopped, match=r"to take things\.v1\[1\] stands still for 181 s"):
        dog.look(at(engine, 2))

    assert stops == [ExitCode.OVERDUE]


def test_while_a_disk_is_getting_full_nothing_is_fetched(
    engine: Engine, stops: list[ExitCode], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.settings.data.mkdir()
    owned_task(engine)
    dog = Watchdog(engine)
    disk = SimpleNamespace(total=20 * 100, free=0)
    monkeypatch.setattr(watchdog.shutil, "disk_usage", lambda folder: disk)
    is_full = []
    for disk.free in (301, 199, 250, 301):
        dog.look(at(engine, 1))
        is_full.append(engine.fetched.is_full("things.v1", 0))

    assert (is_full, stops) == ([False, True, True, False], [])
    disk.free = 99
    with pytest.raises(Stopped, match="are free for"):
        dog.look(at(engine, 1))


def test_a_watchdog_that_fails_itself_ends_the_process(
    engine: Engine, stops: list[ExitCode], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(error: BaseException, doing: str) -> NoReturn:
        raise Stopped(f"{doing}: {type(error).__name__}")

    monkeypatch.setattr(watchdog, "stop_for", stop)
    monkeypatch.setattr(watchdog, "PERIOD_SECONDS", 0.0)
    del engine.tasks

    with pytest.raises(Stopped, match="watchdog: AttributeError"):
        Watchdog(engine)._watch()
