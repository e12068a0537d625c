"""Downloads: what the embedded services and tests fetch once for all projects of this user."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path


def fetch_once(name: str, fetch: Callable[[Path], None]) -> Path:
    """The folder ``name`` in the user's cache, filled by ``fetch`` if it is not there yet.

    ``fetch`` is given an empty folder, which takes its place when it returns: where it raises, nothing is kept. Of
    processes that want the same at once, one fetches and the others wait for it.
    """
    folder = Path.home() / ".cache" / "contract-streams" / name
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            fetch(partial)
            partial.rename(folder)
    return folder
