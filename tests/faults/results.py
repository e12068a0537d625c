"""Results: what became of each shard of the fault suite, kept in a file from which runs go on and reports are made.

A shard is a case (``FT01``), its variant where there are several, a seed and a profile. One line of JSON each.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".streams" / "faults"
FRAME = (
    "conftest.py", "arena.py", "brokers.py", "feeding.py", "kafkalog.py", "oracle.py", "points.py", "proxy.py",
    "troubles.py", "watching.py",
)  # fmt: skip


class Verdict(StrEnum):
    """What a shard showed."""

    PASS = "PASS"
    FAIL = "FAIL"
    """Safety: something is lost, repeated, out of order or wrong."""
    HANG = "HANG"
    """Liveness: what was waited for did not come."""
    UNKNOWN = "UNKNOWN"
    """Trouble of the test's own: it says nothing of the engine."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What is run at once, and can be run again by its seed."""

    case: str
    variant: str
    seed: int
    profile: str
    without: str = ""
    """The protection of the engine that is taken out; then the case must fail."""

    @property
    def is_long(self) -> bool:
        return self.profile == "long"

    @property
    def sabotage(self) -> str:
        """What the saboteur is told to take out of a worker."""
        return f"without_{self.without}" if self.without else ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a shard."""

    case: str
    variant: str
    seed: int
    profile: str
    title: str
    protection: str
    verdict: Verdict
    seconds: float
    code: str
    """Digest of the sources it ran on."""
    commit: str
    began: str
    message: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    without: str = ""

    @property
    def shard(self) -> Shard:
        return Shard(
            case=self.case, variant=self.variant, seed=self.seed, profile=self.profile, without=self.without
        )

    @property
    def is_as_it_should_be(self) -> bool:
        """A case passes, and is seen to fail where what protects from it is gone."""
        return is_expected(self.verdict, self.without)


def is_expected(verdict: Verdict, without: str) -> bool:
    """Whether a shard showed what it had to show; a test's own trouble shows nothing."""
    return verdict in ((Verdict.FAIL, Verdict.HANG) if without else (Verdict.PASS,))


class Results:
    """All results there are, oldest first."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._file = folder / "results.jsonl"

    def add(self, result: Result) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def read(self) -> list[Result]:
        """Lines that were cut off by a kill are left out."""
        if not self._file.exists():
            return []
        return [result for line in self._file.read_text().splitlines() if (result := _read(line)) is not None]

    def done(self, code: str) -> set[Shard]:
        """Shards whose last run on these sources showed what it had to."""
        last = {result.shard: result for result in self.read() if result.code == code}
        return {shard for shard, result in last.items() if result.is_as_it_should_be}


def _read(line: str) -> Result | None:
    try:
        held = json.loads(line)
        return Result(**{**held, "verdict": Verdict(held["verdict"])})
    except (ValueError, TypeError, KeyError):
        return None


@cache
def code_digest(test_file: Path) -> str:
    """Of the engine, the frame and the file of a case, and of its package where it has one (``shop`` of ``test_shop``).

    A result holds as long as none of them changes.
    """
    frame = [Path(__file__).parent / name for name in FRAME]
    package = test_file.with_name(test_file.stem.removeprefix("test_"))
    own = sorted(file for file in package.rglob("*") if file.suffix in (".py", ".yaml"))
    engine = sorted(file for kind in ("*.py", "*.[ch]") for file in (ROOT / "streams").rglob(kind))
    return _digest([*engine, *frame, *own, test_file])


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]


@cache
def commit() -> str:
    """The commit that was run, for people; the digest decides."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def seeds() -> list[int]:
    """``SEED`` and those that follow it, ``ROUNDS`` of them."""
    first = int(os.environ.get("SEED") or 1)
    return list(range(first, first + int(os.environ.get("ROUNDS") or 1)))


def profile() -> str:
    return os.environ.get("PROFILE") or "short"


def without() -> str:
    """A protection of the engine that is taken out, so that cases are seen to fail; ``each``: of every case its own."""
    return os.environ.get("WITHOUT") or ""


def only() -> set[str]:
    """Cases that were asked for; empty: all."""
    return {case for case in os.environ.get("ONLY", "").upper().split(",") if case}
