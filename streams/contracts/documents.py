"""Documents: YAML 1.2 text as plain values, with the line of every place in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from streams.errors import Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file."""

    file: str
    value: Any
    lines: Mapping[Path, int]
    """Line, counted from 1, of every key and item."""

    def problem(self, path: Path, message: str) -> Problem:
        """A mistake at ``path``, with the line of the nearest place that has one."""
        return Problem(file=self.file, line=self.line_of(path), path=path_text(path), message=message)

    def line_of(self, path: Path) -> int | None:
        """The line of ``path`` or of what holds it."""
        for length in range(len(path), -1, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return None


def path_text(path: Path) -> str:
    """``("aggregate", 0, "window")`` as ``aggregate[0].window``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def split_path(text: str) -> Path:
    """``aggregate[0].window`` as ``("aggregate", 0, "window")``."""
    steps: list[str | int] = []
    for part in text.replace("[", ".[").split("."):
        if part:
            steps.append(int(part[1:-1]) if part.startswith("[") else part)
    return tuple(steps)


class DocumentError(ValueError):
    """Text that is no YAML."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def parse_yaml(text: str, file: str) -> Document:
    """YAML 1.2 as dictionaries, lists and scalars; raises ``DocumentError`` with the line."""
    try:
        loaded = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        problem = Problem(
            file=file, line=None if mark is None else mark.line + 1, message=f"no valid YAML: {error.problem}"
        )
        raise DocumentError(problem) from None
    except YAMLError:
        raise DocumentError(Problem(file=file, message="no valid YAML: it holds control characters")) from None
    except RecursionError:
        raise DocumentError(Problem(file=file, message="nested too deep")) from None
    lines: dict[Path, int] = {}
    value = _plain(loaded, (), lines)
    return Document(file=file, value=value, lines=lines)


def _plain(node: Any, path: Path, lines: dict[Path, int]) -> Any:
    if isinstance(node, CommentedMap):
        for key in node:
            place = node.lc.data.get(key) if node.lc.data else None
            if place is not None:
                lines[(*path, str(key))] = place[0] + 1
        return {str(key): _plain(held, (*path, str(key)), lines) for key, held in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            place = node.lc.data.get(index) if node.lc.data else None
            if place is not None:
                lines[(*path, index)] = place[0] + 1
        return [_plain(held, (*path, index), lines) for index, held in enumerate(node)]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    """ruamel's round-trip scalars as Python's own; a date is text, as in JSON."""
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, date):
        return node.isoformat()
    for kind in (str, int, float):
        if isinstance(node, kind):
            return kind(node)
    return node
