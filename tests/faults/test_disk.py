"""Disks under the state: slow ones, and full ones that get room again."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.worker.stop import ExitCode

from .arena import Arena

SIZE_MB = 96
SLOW = Path(__file__).parent / "slow_disk.c"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, which can be filled to the last byte; only root may make one."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a file system of a few MB cannot be mounted here: that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, *, leave_mb: int) -> Path:
    """A file that leaves so much."""
    filler = folder / "filler"
    with filler.open("ab") as file:
        try:
            while _free_mb(folder) > leave_mb:
                file.write(bytes(1 << 18))
                file.flush()
        except OSError:
            assert leave_mb == 0, "the disk is full too early"
    return filler


def _free_mb(folder: Path) -> float:
    return shutil.disk_usage(folder).free / (1 << 20)


def is_paused(arena: Arena) -> bool:
    return "cdc_intake_paused 1.0" in arena.get("a", "/metrics")[1]


@pytest.mark.fault("FT13", "a full disk under the state, then room", protection="the watchdog pauses the intake",
                   without="pause")  # fmt: skip
def test_a_full_disk_pauses_the_intake_and_gives_it_back(arena: Arena) -> None:
    arena.restartable.add(ExitCode.STORE_FAILED)
    with small_disk(arena.folder / "data") as disk:
        arena.start_all("a")
        with arena.load(0.1):
            time.sleep(3.0)
            filler = fill(disk, leave_mb=8)  # less than twice a twentieth, more than one
            arena.figures["paused after s"] = round(arena.await_that(lambda: is_paused(arena), "the pause"), 1)
            time.sleep(2.0)
            before = arena.lag(arena.source)
            time.sleep(3.0)
            assert arena.lag(arena.source) > before, "it still reads"
            assert arena.figures.get("restarts", 0) == 0
            filler.unlink()
            arena.await_recovery()
            assert arena.figures.get("restarts", 0) == 0, "it resumes by itself"

            filler = fill(disk, leave_mb=0)
            arena.await_that(lambda: arena.figures.get("restarts", 0) > 0, "the end of a worker that cannot write")
            assert "stopping with exit code 8 (store_failed)" in arena.log("a")
            filler.unlink()
            arena.await_recovery()

        arena.judge()


@pytest.fixture
def slow_library(tmp_path: Path) -> Path:
    """What makes writes below a folder slow, for whoever loads it first."""
    made = tmp_path / "slow.so"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(SLOW), "-ldl"], check=True)
    except FileNotFoundError:
        pytest.skip("no C compiler: nothing makes this disk slow")
    return made


@pytest.mark.fault("FT12", "a slow disk under the state", protection="heartbeats and commits do not wait for the disk",
                   without="own_heartbeats")  # fmt: skip
def test_a_slow_disk_costs_time_and_nothing_else(arena: Arena, slow_library: Path) -> None:
    flag = arena.folder / "is-slow"
    data = str(arena.folder / "data")
    arena.start_all("a", "b", LD_PRELOAD=str(slow_library), SLOW_FOLDER=data, SLOW_FLAG=str(flag))
    with arena.load(0.2):
        time.sleep(2.0)
        flag.touch()
        time.sleep(arena.pick(short=15.0, long=60.0))
        flag.unlink()
        arena.await_recovery()

    assert arena.figures.get("restarts", 0) == 0
    for name in ("a", "b"):
        assert "transaction aborted" not in arena.log(name), "its session expired"
    arena.judge()
