"""The registry as a process: what was acknowledged survives kill -9, and nothing is given twice."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from itertools import count
from pathlib import Path

from .process import serving
from .running import ask, put, running

ROUNDS = 3
WRITERS = 8
ACKNOWLEDGED = 60
"""Registrations of a round before the kill."""


def schema(number: int) -> str:
    return json.dumps({"type": "record", "name": f"Record{number}", "fields": []})


def test_200_concurrent_registrations_lose_and_double_no_id(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _), ThreadPoolExecutor(50) as pool:
        # 100 schemas, each in two subjects, of which there are 20.
        places = [(f"subject-{number % 10 + 10 * half}", number) for half in (0, 1) for number in range(100)]
        ask(url, "PUT", "/config", {"compatibility": "NONE"})
        ids = list(pool.map(lambda place: put(url, place[0], schema(place[1])), places))

        assert sorted(set(ids)) == list(range(1, 101))
        assert ids[:100] == ids[100:], "one schema, one id"
        assert all(ask(url, "GET", f"/subjects/subject-{n}/versions")[1] == list(range(1, 11)) for n in range(20))
        shown = [ask(url, "GET", f"/schemas/ids/{held}")[1]["schema"] for held in ids]
        assert shown == [schema(number) for _, number in places]


def test_a_schema_that_many_register_at_once_is_one_version(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _), ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(lambda _: put(url, "one", schema(1)), range(200)))

        assert ids == {1}
        assert ask(url, "GET", "/subjects/one/versions") == (200, [1])


def test_kill_9_in_the_middle_loses_nothing_acknowledged(tmp_path: Path) -> None:
    numbers = count(1)
    known: dict[int, tuple[int, str]] = {}
    for _ in range(ROUNDS):
        known |= register_until_killed(tmp_path, numbers)

        with serving(tmp_path) as (url, _):
            found = {number: look_up(url, number) for number in known}
            ids = Counter(held["id"] for held in ask(url, "GET", "/schemas")[1])
        assert found == known
        assert max(ids.values()) == 1


def register_until_killed(folder: Path, numbers: count[int]) -> dict[int, tuple[int, str]]:
    """(id, text) by number of what the registry said it has; it is killed while more is under way."""
    known: dict[int, tuple[int, str]] = {}
    enough = threading.Event()
    with serving(folder) as (url, process), ThreadPoolExecutor(WRITERS) as pool:

        def write() -> None:
            while True:
                number = next(numbers)
                try:
                    known[number] = (put(url, f"subject-{number}", schema(number)), schema(number))
                except (urllib.error.URLError, HTTPException, OSError, ValueError):
                    return
                if len(known) >= ACKNOWLEDGED:
                    enough.set()

        writers = [pool.submit(write) for _ in range(WRITERS)]
        assert enough.wait(60)
        process.kill()
        for writer in writers:
            writer.result(60)
    return known


def look_up(url: str, number: int) -> tuple[int, str]:
    status, held = ask(url, "GET", f"/subjects/subject-{number}/versions/1")
    assert status == 200, f"{number} was acknowledged and is gone"
    return held["id"], ask(url, "GET", f"/schemas/ids/{held['id']}")[1]["schema"]


def test_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, process):
        put(url, "one", schema(1))
        process.terminate()

        assert process.wait(20) == 0


def refused(*options: str) -> tuple[int, str]:
    """(exit code, what is said) of a registry that does not start."""
    command = [sys.executable, "-m", "streams", "registry", "serve", *options]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stderr


def test_a_taken_port_and_a_taken_folder_are_named(tmp_path: Path) -> None:
    with running(tmp_path / "one") as url:
        port = url.rpartition(":")[2]

        code, said = refused("--port", port, "--data", str(tmp_path / "two"))
        assert code == 2
        assert f"127.0.0.1:{port}: is in use" in said and "--port" in said
        code, said = refused("--port", "0", "--data", str(tmp_path / "one"))
        assert code == 2
        assert "another registry serves this folder" in said


def test_a_file_that_is_no_registry_is_named(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_text("no database at all, and long enough to be looked at" * 40)

    code, said = refused("--port", "0", "--data", str(tmp_path))

    assert code == 2
    assert "cannot be used as the registry's folder: file is not a database" in said
