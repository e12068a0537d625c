"""Published: what was published once is never changed or taken away.

What is published says a base of git, or ``published.sha256`` in the folder: a line for each version, as ``sha256sum``
writes and checks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from streams.errors import Problem

from .files import Base, Files
from .places import first_difference
from .series import JSON, is_published, version_of

LOCK = "published.sha256"
Lock = Mapping[str, tuple[str, int]]
"""By file its checksum, and the line that says it."""
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def read_lock(files: Files, problems: list[Problem]) -> Lock | None:
    """What is recorded; ``None`` where nothing is. Lines that cannot be read are added to ``problems``."""
    if LOCK not in files:
        return None
    recorded: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(files[LOCK].decode(errors="replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            message = "no checksum and file, as sha256sum writes them; streams contracts check --record does"
            problems.append(Problem(file=LOCK, line=number, message=message))
        else:
            recorded[match[2]] = match[1], number
    return recorded


def lock_problems(files: Files, recorded: Lock) -> Iterator[Problem]:
    """Versions that are not what was recorded, or are gone."""
    for file, (checksum, line) in recorded.items():
        if file not in files:
            yield Problem(file=LOCK, line=line, message=f"{file} is published and gone; bring it back")
        elif checksum != checksum_of(files[file]):
            message = f"a published version never changes, and this is not what {LOCK} records; publish a new version"
            yield Problem(file=file, line=1, message=message)


def unrecorded(files: Files, recorded: Lock) -> Iterator[Problem]:
    """Versions whose edits nobody would notice."""
    for file in files:
        if is_published(file) and file not in recorded:
            message = f"not in {LOCK}, so that an edit would not be noticed: streams contracts check --record"
            yield Problem(file=file, line=1, message=message)


def in_base(recorded: Lock, base: Base | None) -> Lock:
    """What of ``recorded`` is published: a base of git knows better than a file that an edit may have changed."""
    if base is None or base.is_assumed:
        return recorded
    return {file: held for file, held in recorded.items() if file in base.tip}


def lock_text(files: Files, recorded: Lock) -> str:
    """The lock with all versions of ``files``, those that are ``recorded`` as they are."""
    kept = {file: checksum for file, (checksum, _) in recorded.items()}
    found = {file: checksum_of(content) for file, content in files.items() if is_published(file)}
    return "".join(f"{checksum}  {file}\n" for file, checksum in sorted({**found, **kept}.items()))


def checksum_of(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return sha256(content).hexdigest()


def base_problems(files: Files, base: Base) -> Iterator[Problem]:
    """Versions of ``base`` that are not the same here, or are gone."""
    for file in filter(is_published, base.tip):
        if file in files and _lines(files[file]) != _lines(base.tip[file]):
            yield _edited(file, base.tip[file], files[file], base.name)
    for file in filter(is_published, base.fork):
        if file not in files:
            yield Problem(file=file, message=f"is published in {base.name} and gone here; bring it back")


def _edited(file: str, before: bytes, now: bytes, base: str) -> Problem:
    message = f"a published version never changes, and {base} has another one; publish a new version"
    was, version = version_of(file, before), version_of(file, now)
    lines = zip(_lines(before), _lines(now), strict=False)
    line = next((number for number, (old, new) in enumerate(lines, start=1) if old != new), 1)
    if was is None or version is None or version.format != JSON:
        return Problem(file=file, line=line, message=message)
    path = first_difference(was.value, version.value)
    if not path:
        return Problem(file=file, line=line, message=message)
    return version.problem(path, message)


def _lines(content: bytes) -> list[bytes]:
    """However git ends lines on this machine."""
    return content.splitlines()


def known_files(base: Base | None, recorded: Iterable[str]) -> frozenset[str]:
    """What is published, and so cannot be mended."""
    return frozenset(recorded) | frozenset(() if base is None or base.is_assumed else base.tip)
