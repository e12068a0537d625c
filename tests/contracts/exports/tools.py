"""Tools: what npm has, installed once into a folder that stays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from streams.embedded.downloads import fetch_once

TYPESCRIPT = "typescript@5.9.3"
ASYNCAPI = "@asyncapi/specs@6.11.1"


def npm_package(package: str) -> Path:
    """The folder of ``name@version``; skips where there is no npm."""
    if shutil.which("npm") is None:
        pytest.skip("no npm: apt-get install --no-install-recommends npm")

    def fetch(folder: Path) -> None:
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        subprocess.run([*command, package], check=True, timeout=300, stdin=subprocess.DEVNULL)

    name = package.rpartition("@")[0]
    return fetch_once(f"npm/{package.replace('/', '-')}", fetch) / "node_modules" / name


def run_tsc(folder: Path, *files: str) -> list[str]:
    """What ``tsc --strict`` says of ``files``: a line for each error."""
    tsc = npm_package(TYPESCRIPT) / "bin" / "tsc"
    flags = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--pretty", "false"]
    done = subprocess.run(
        ["node", str(tsc), *flags, *files], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (0, 1, 2), done.stderr
    return [line for line in done.stdout.splitlines() if "error" in line and not line.startswith(" ")]
