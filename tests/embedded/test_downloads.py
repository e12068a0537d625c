"""Downloads: fetched once, whole or not at all, however many processes want the same at once."""

from __future__ import annotations

import multiprocessing
import time
from functools import partial
from pathlib import Path

import pytest

from streams.embedded.downloads import fetch_once


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads go: a folder that is not there yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".cache" / "contract-streams"


def fetch_slowly(calls: Path, folder: Path) -> None:
    with calls.open("a") as told:
        told.write("fetched\n")
    (folder / "first").touch()
    time.sleep(0.3)
    (folder / "second").touch()


def fetch_and_list(calls: Path, _: int) -> list[str]:
    return sorted(path.name for path in fetch_once("some/tool@1", partial(fetch_slowly, calls)).iterdir())


def test_of_processes_that_want_the_same_at_once_one_fetches_and_all_see_the_whole(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.map(partial(fetch_and_list, tmp_path / "calls"), range(3), chunksize=1)

    assert found == [["first", "second"]] * 3
    assert (tmp_path / "calls").read_text() == "fetched\n"


def test_nothing_half_fetched_is_kept(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="went dead"):
        fetch_once("tool", fail)

    assert not (cache / "tool").exists()
    assert list(fetch_once("tool", lambda folder: (folder / "whole").touch()).iterdir()) == [cache / "tool" / "whole"]
