"""Files: what a folder of contracts holds, as it is here and as it is at a commit of git."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

MAIN_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
Files = Mapping[str, bytes]
"""By path inside of the folder, with ``/``."""


class GitError(ValueError):
    """Git does not tell what is asked; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What is published elsewhere."""

    name: str
    """The branch, tag or commit as it was named."""
    tip: Files
    fork: Files
    """Where the commit in hand left it: a file that came to the base behind that is not missing here."""
    is_assumed: bool = False
    """Nobody named it: what it holds is published, and nothing more is concluded from it."""


def read_files(folder: Path) -> Files:
    """Everything in ``folder`` but hidden files."""
    places = sorted(place for place in folder.rglob("*") if place.is_file())
    named = ((place.relative_to(folder), place) for place in places)
    return {
        name.as_posix(): place.read_bytes()
        for name, place in named
        if not any(part.startswith(".") for part in name.parts)
    }


def read_base(folder: Path, name: str) -> Base:
    """What the branch, tag or commit ``name`` holds of ``folder``; raises ``GitError``."""
    if name.startswith("-"):
        raise GitError(f"{name} names no commit")
    tip = _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()
    try:
        fork = _git(folder, "merge-base", tip, "HEAD").decode().strip()
    except GitError:  # no common history, as in a shallow clone
        fork = tip
    at_tip = _files_at(folder, tip)
    return Base(name=name, tip=at_tip, fork=at_tip if fork == tip else _files_at(folder, fork))


def find_base(folder: Path) -> Base | None:
    """The branch that others build on, where ``folder`` is under git and has one."""
    for name in MAIN_BRANCHES:
        try:
            return replace(read_base(folder, name), is_assumed=True)
        except GitError:
            continue
    return None


def _files_at(folder: Path, commit: str) -> Files:
    listed = _git(folder, "ls-tree", "-r", "-z", commit).decode().split("\0")
    entries = [line.partition("\t") for line in listed if line]
    ids = {name: head.split()[2] for head, _, name in entries if head.split()[1] == "blob"}
    if not ids:
        return {}
    answer = _git(folder, "cat-file", "--batch", given="\n".join(ids.values()).encode() + b"\n")
    files: dict[str, bytes] = {}
    place = 0
    for name in ids:
        end = answer.index(b"\n", place)
        size = int(answer[place:end].split()[2])
        files[name] = answer[end + 1 : end + 1 + size]
        place = end + 1 + size + 1
    return files


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], input=given, capture_output=True, check=False)
    except OSError:
        raise GitError("there is no git on this machine") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise GitError(said or f"git {arguments[0]} has no answer for {arguments[-1].removesuffix('^{commit}')}")
    return done.stdout
