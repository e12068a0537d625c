"""Maven: jars are fetched once, and what is missing for it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.embedded import MissingToolError
from streams.embedded.maven import fetch_jars


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Java, without Maven and without jars; the folder of its programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    _program(programs / "java", "exit 1")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HOME", str(tmp_path))
    return programs


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_maven_it_is_said_what_to_install(tools: Path) -> None:
    with pytest.raises(MissingToolError, match="mvn is not installed; apt-get install maven"):
        fetch_jars("some-1.0", "<project/>", size_mb=1)


def test_jars_are_fetched_once(tools: Path) -> None:
    _program(tools / "mvn", 'for last; do :; done; : > "${last#-DoutputDirectory=}/some.jar"')
    said: list[str] = []

    folder = fetch_jars("some-1.0", "<project/>", size_mb=1, say=said.append)

    assert (folder / "some.jar").exists() and (folder / "pom.xml").read_text() == "<project/>"
    (tools / "mvn").unlink()
    assert fetch_jars("some-1.0", "<project/>", size_mb=1, say=said.append) == folder
    assert said == ["downloading some-1.0 with Maven (about 1 MB, once)"]


def test_what_maven_says_is_told_and_nothing_half_fetched_is_kept(tools: Path) -> None:
    _program(tools / "mvn", "echo no such artifact; exit 1")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no such artifact"):
            fetch_jars("some-1.0", "<project/>", size_mb=1)
