"""Changelogs: a restore that does not come to its end is not waited for for ever."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from streams.worker import changelogs
from streams.worker.changelogs import ChangelogReader, Watch
from streams.worker.stop import ExitCode

from .builders import a_topology


class Waiting:
    """A consumer of which the caller must wait for what is not there."""

    def __init__(self, *values: bytes) -> None:
        self._values = list(values)
        self.waited_for = 0
        """Records that a caller waited for in vain."""

    def consume(self, count: int, seconds: float) -> list[bytes]:
        taken, self._values = self._values[:count], self._values[count:]
        if seconds:
            self.waited_for += count - len(taken)
        return taken


def test_what_has_arrived_is_taken_at_once_and_nothing_behind_it_is_waited_for() -> None:
    reader = Waiting(*[b"row"] * (2 * changelogs.TAKEN_RECORDS))

    assert (len(changelogs._take(reader)), reader.waited_for) == (2 * changelogs.TAKEN_RECORDS, 0)


def test_a_batch_is_bounded_by_bytes() -> None:
    packs = changelogs.TAKEN_RECORDS + 1
    reader = Waiting(*[bytes(changelogs.BATCH_BYTES)] * packs, *[b"row"] * packs)

    assert [len(changelogs._take(reader)) for _ in range(2)] == [1, 1]


class Silent:
    """A consumer to which nothing comes."""

    def consume(self, count: int, seconds: float) -> list[object]:
        return []


def test_a_restore_without_progress_fences_the_former_owner_and_ends_the_process_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def stop(code: ExitCode, reason: str) -> NoReturn:
        raise SystemExit(f"{code.name}: {reason}")

    def fence() -> bool:
        asked.append(True)
        return False

    monkeypatch.setattr(changelogs, "stop_process", stop)
    monkeypatch.setattr(changelogs, "STALL_SECONDS", 0.0)
    monkeypatch.setattr(changelogs, "STUCK_SECONDS", 0.05)
    (sub,) = a_topology(tmp_path).subtopologies
    reader = ChangelogReader({}, sub, 3, watch=Watch(), fence_owner=fence)

    with pytest.raises(SystemExit, match=r"OVERDUE: no progress in app-things-changelog\[3\] for 0 s"):
        for _ in reader._until(Silent(), {"app-things-changelog": 1}, {"app-things-changelog": 2}):
            pass

    assert asked
