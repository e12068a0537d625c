"""The demo as anybody starts it, while its parts are killed: its own books must agree in the end.

The books are the demo's summary: what triggers wrote and what SQL adds up, against every topic and table, record by
record. It knows nothing of the engine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.demo.summary import DRAIN_SECONDS
from streams.demo.topics import topic_end
from streams.embedded import read_state

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
WORKERS = ("worker-0", "worker-1")
COMPARISONS = 16
"""Lines that say ``ok``; the ledger's is left out where a worker was restarted."""


class RunningDemo:
    """``python -m streams.demo``, which trades until Ctrl-C; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "demo"
        self.printed = folder / "printed.log"
        with self.printed.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.demo", "--data", str(self.data), "--schemas", str(ROOT / "schemas")],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def __enter__(self) -> RunningDemo:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def said(self) -> str:
        return self.printed.read_text()

    def wait_until(self, is_so: Callable[[], object], what: str, *, patience_s: float = PATIENCE_SECONDS) -> None:
        """Wait for a condition; fails with what the demo and its parts have said."""
        deadline = time.monotonic() + patience_s
        while not is_so():
            if time.monotonic() > deadline or self._process.poll() is not None:
                logs = (f"{log.name}:\n{log.read_text()[-2_000:]}" for log in sorted(self.data.glob("logs/*.log")))
                raise AssertionError("\n".join([f"not so: {what}", self.said(), *logs]))
            time.sleep(0.1)

    def part(self, name: str) -> tuple[int, dict[str, str]] | None:
        """Process id and environment of ``capture`` or a worker; ``None`` while it is down."""
        for pid in children(self._process.pid):
            command, environment = command_of(pid)
            if environment.get("STREAMS_INSTANCE", "capture" if "capture" in command else "") == name:
                return pid, environment
        return None

    def kill(self, *names: str) -> None:
        """kill -9 of parts that run."""
        parts = [part for name in names if (part := self.part(name)) is not None]
        assert len(parts) == len(names), "all of them run"
        for pid, _ in parts:
            os.kill(pid, signal.SIGKILL)

    def is_ready(self, worker: str) -> bool:
        """The worker runs, and has taken and restored its tasks."""
        part = self.part(worker)
        if part is None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{part[1]['STREAMS_WEB_PORT']}/health/ready", timeout=5):
                return True
        except OSError:
            return False

    def captured(self) -> int:
        """End of the orders' topic."""
        state = read_state(self.data / "services")
        return 0 if state is None else topic_end(state.brokers, "cdc.orders.v1")

    def wait_for_orders(self) -> None:
        """Wait until the load has come through capture."""
        enough = self.captured() + 60
        self.wait_until(lambda: self.captured() >= enough, "orders come")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        self.wait_until(
            lambda: self._process.poll() is not None or "stopping;" in self.said(),
            "the books are closed",
            patience_s=DRAIN_SECONDS + PATIENCE_SECONDS,
        )
        return self._process.wait(60)


def restarts(said: str) -> int:
    found = re.search(r"stopping; (\d+) restarts on the way", said)
    assert found is not None, said
    return int(found[1])


def children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, task.read_text().split())


def command_of(pid: int) -> tuple[list[str], dict[str, str]]:
    """Command line and environment; empty for a process that is gone."""
    try:
        command, environment = (Path(f"/proc/{pid}/{part}").read_bytes().decode() for part in ("cmdline", "environ"))
    except OSError:
        return [], {}
    return command.split("\0"), dict(entry.split("=", 1) for entry in environment.split("\0") if "=" in entry)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    with RunningDemo(tmp_path) as running:
        running.wait_until(lambda: "watch the tables move" in running.said(), "it trades")
        yield running


def test_the_books_agree_whatever_part_of_the_demo_is_killed_and_after_ctrl_c(demo: RunningDemo) -> None:
    for number in range(3):
        demo.wait_for_orders()
        demo.kill(WORKERS[number % 2])
        demo.wait_until(lambda: all(map(demo.is_ready, WORKERS)), "the killed worker is back")
    for _ in range(3):
        demo.wait_for_orders()
        demo.kill("capture")
        demo.wait_until(lambda: demo.part("capture"), "capture is back")
    demo.wait_for_orders()
    demo.kill(*WORKERS)
    shutil.rmtree(demo.data / "state")
    demo.wait_until(lambda: all(map(demo.is_ready, WORKERS)), "the workers are back without their data")
    demo.wait_for_orders()

    code = demo.interrupt()

    said = demo.said()
    assert "NO " not in said, said
    assert said.count("\n  ok  ") == COMPARISONS, said
    assert restarts(said) >= 8
    assert said.endswith("all numbers agree\n")
    assert code == 0
