"""Terms: a contract's own version, semantic, follows what became of it and of its schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from streams.contracts.compatibility.model import BUMPS, Bump
from streams.contracts.compatibility.versions import next_semver
from streams.contracts.documents import Document, DocumentError, parse_yaml
from streams.contracts.load import CONTRACT_FILE
from streams.errors import Problem

from .files import Base, Files
from .places import first_difference
from .series import Series, leading_formats, said_step

_VERSION_LINE = re.compile(r"(version:\s*)(['\"]?)([^\s#'\"]+)\2")


def terms_problems(files: Files, all_of: Sequence[Series], base: Base) -> Iterator[Problem]:
    """Contracts that differ from ``base`` under the same version, or under one that says too little."""
    leading = leading_formats(all_of)
    series = {one.dataset: one for one in all_of if one.format == leading[one.dataset]}
    for file, content in files.items():
        dataset, _, name = file.rpartition("/")
        if name != CONTRACT_FILE or file not in base.fork:
            continue
        was, now = _read(file, base.fork[file]), _read(file, content)
        if was is not None and now is not None:
            yield from _version_problems(was, now, _schema_step(series.get(dataset), base), base.name)


def _read(file: str, content: bytes) -> Document | None:
    """``None`` for what the loader tells."""
    try:
        document = parse_yaml(content.decode(errors="replace"), file)
    except DocumentError:
        return None
    return document if isinstance(document.value, dict) else None


def _version_problems(was: Document, now: Document, of_schema: Bump, base: str) -> Iterator[Problem]:
    changed = first_difference(_without_version(was), _without_version(now))
    is_changed = _without_version(was) != _without_version(now)
    asked = max((of_schema, _own_step(was, now) if is_changed else "none"), key=BUMPS.index)
    if asked == "none":
        return
    old, new = str(was.value.get("version", "")), str(now.value.get("version", ""))
    why = f"{'.'.join(map(str, changed))} is not as in {base}" if is_changed else f"there is a new schema since {base}"
    try:
        least = next_semver(old, asked)
        is_enough = _numbers(new) >= _numbers(least)
    except ValueError:
        least, is_enough = "another one", new != old
    if not is_enough:
        yield now.problem(("version",), f"{new} says too little: {why}, at least a change of {asked}; write {least}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, next_semver(version, "none").split(".")))


def _without_version(document: Document) -> dict[str, Any]:
    return {name: held for name, held in document.value.items() if name != "version"}


def _own_step(was: Document, now: Document) -> Bump:
    """Rows that are told apart by other columns are other rows."""
    return "addition" if _key(was) == _key(now) else "model"


def _key(document: Document) -> list[tuple[object, object]]:
    try:
        columns = document.value["schema"][0]["properties"]
        return sorted((one.get("primaryKeyPosition", 1), one["name"]) for one in columns if one.get("primaryKey"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return []


def _schema_step(series: Series | None, base: Base) -> Bump:
    """The largest step to a version that ``base`` does not have."""
    steps = () if series is None else series.steps()
    said: list[Bump] = [said_step(old.version, new.version) for old, new in steps if new.file not in base.fork]
    return max(said, key=BUMPS.index, default="none")


def with_version(text: str, file: str, step: Bump) -> tuple[str, str] | None:
    """(the contract's text with its next version, that version); ``None`` where it has no semantic one."""
    document = parse_yaml(text, file)
    held = document.value.get("version") if isinstance(document.value, dict) else None
    line = document.lines.get(("version",))
    lines = text.splitlines(keepends=True)
    match = None if line is None else _VERSION_LINE.match(lines[line - 1])
    if line is None or match is None or match[3] != held:
        return None
    try:
        version = next_semver(match[3], step)
    except ValueError:
        return None
    lines[line - 1] = f"{match[1]}{match[2]}{version}{match[2]}{lines[line - 1][match.end() :]}"
    return "".join(lines), version
