"""Maven: fetches the jars that a pom.xml names, once for all projects of this user."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from .downloads import fetch_once
from .process import DOCKER_WAY, require_tool


def fetch_jars(name: str, pom: str, *, size_mb: int, say: Callable[[str], None] = lambda text: None) -> Path:
    """The folder with the jars of ``pom``'s text, downloaded the first time; raises ``MissingToolError``."""
    require_tool("java", "openjdk-17-jre-headless")

    def fetch(folder: Path) -> None:
        maven = require_tool("mvn", "maven")
        say(f"downloading {name} with Maven (about {size_mb} MB, once)")
        (folder / "pom.xml").write_text(pom)
        command = [maven, "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies",
                   "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]  # fmt: skip
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if finished.returncode:
            said = (finished.stdout + finished.stderr)[-2000:]
            raise RuntimeError(f"Maven could not fetch the jars of {name}; mend what it says, {DOCKER_WAY}:\n{said}")

    return fetch_once(name, fetch)
