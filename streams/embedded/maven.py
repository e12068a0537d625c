"""Maven: fetches the jars that a pom.xml names, once for all projects of this user."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from .process import DOCKER_WAY, require_tool


def fetch_jars(name: str, pom: str, *, size_mb: int, say: Callable[[str], None] = lambda text: None) -> Path:
    """The folder with the jars of ``pom``'s text, downloaded the first time; raises ``MissingToolError``."""
    require_tool("java", "openjdk-17-jre-headless")
    folder = Path.home() / ".cache" / "contract-streams" / name
    if (folder / "complete").exists():
        return folder
    maven = require_tool("mvn", "maven")
    say(f"downloading {name} with Maven (about {size_mb} MB, once)")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / "pom.xml").write_text(pom)
    command = [maven, "-q", "-B", "-f", str(partial / "pom.xml"), "dependency:copy-dependencies",
               "-DincludeScope=runtime", f"-DoutputDirectory={partial}"]  # fmt: skip
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if finished.returncode:
        said = (finished.stdout + finished.stderr)[-2000:]
        raise RuntimeError(f"Maven could not fetch the jars of {name}; mend what it says, {DOCKER_WAY}:\n{said}")
    (partial / "complete").touch()
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder
