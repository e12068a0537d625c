"""JSON Schema's official test suite, from the source package of a validator that carries it; fetched once, by pip."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from streams.embedded.downloads import fetch_once

CARRIER = "jsonschema==4.26.0"
SHA256 = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"
FOLDERS: Mapping[str, str] = {
    "draft4": "draft4", "draft6": "draft6", "draft7": "draft7", "2019-09": "draft2019-09", "2020-12": "draft2020-12",
}  # fmt: skip
_REMOTES = "http://localhost:1234/"


class SuiteTest(NamedTuple):
    """One of its tests; ``file`` is relative to the folder of its draft."""

    file: str
    schema: Any
    resources: Mapping[str, Any]
    name: str
    data: Any
    is_valid: bool


def suite_tests(draft: str) -> Iterator[SuiteTest]:
    """All tests of ``draft``, the optional ones too."""
    folder = _suite() / "tests" / FOLDERS[draft]
    for path in sorted(folder.rglob("*.json")):
        for group in json.loads(path.read_text("utf-8")):
            reached = _reached(group["schema"], draft)
            for test in group["tests"]:
                name = f"{group['description']}: {test['description']}"
                file = path.relative_to(folder).as_posix()
                yield SuiteTest(file, group["schema"], reached, name, test["data"], test["valid"])


@cache
def _suite() -> Path:
    return next(fetch_once(f"pip/{CARRIER}", _fetch).glob("*/json"))


def _fetch(folder: Path) -> None:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{CARRIER} --hash=sha256:{SHA256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "jsonschema"]
    subprocess.run([*command, "--dest", folder, "--requirement", wanted], check=True, timeout=300)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")


@cache
def _remotes() -> Mapping[str, Any]:
    root = _suite() / "remotes"
    return {_REMOTES + path.relative_to(root).as_posix(): json.loads(path.read_text("utf-8"))
            for path in root.rglob("*.json")}  # fmt: skip


def _reached(schema: Any, draft: str) -> Mapping[str, Any]:
    """Remote schemas that ``schema`` names, and those that they name; of other drafts, those that say so."""
    reached: dict[str, Any] = {}
    waiting = [json.dumps(schema)]
    while waiting:
        text = waiting.pop()
        for uri, held in _remotes().items():
            *_, folder, name = uri.split("/")
            is_foreign = folder.startswith("draft") and folder != FOLDERS[draft] and "$schema" not in held
            if uri not in reached and name.removesuffix(".json") in text and not is_foreign:
                reached[uri] = held
                waiting.append(json.dumps(held))
    return reached
