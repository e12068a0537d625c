"""A registry as a process of its own, to be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """(URL, process) of ``streams registry serve`` on ``folder``; ended with the block, if it lives."""
    command = [sys.executable, "-m", "streams", "registry", "serve", "--data", str(folder), "--output", "json"]
    # Stderr is the log: a line a refusal, which nobody reads here.
    process = subprocess.Popen(
        [*command, "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "STREAMS_SCHEMAS": str(folder / "no-such-folder")},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], process
    finally:
        process.terminate()
        process.wait(20)
