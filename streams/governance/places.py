"""Places: where documents differ, and where a mistake is."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from streams.contracts.documents import Document, Path
from streams.errors import Problem

_ABSENT = object()


def first_difference(before: object, now: object, path: Path = ()) -> Path:
    """The first place in ``now`` that is not as it was; empty where only the whole can be told.

    >>> first_difference({"a": [1, 2]}, {"a": [1, 3]})
    ('a', 1)
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in (*now, *before):
            was, held = before.get(name, _ABSENT), now.get(name, _ABSENT)
            if not _is_same(was, held):
                return first_difference(was, held, (*path, name))
    if isinstance(before, list) and isinstance(now, list):
        for place, (was, held) in enumerate(zip_longest(before, now, fillvalue=_ABSENT)):
            if not _is_same(was, held):
                return first_difference(was, held, (*path, place))
    return path


def _is_same(one: object, other: object) -> bool:
    """JSON's equality: true is not 1."""
    return one == other and repr(one) == repr(other)


def problem_at(document: Document, path: Path, message: str) -> Problem:
    """A mistake at ``path``; what is missing is told at the file's first line."""
    return placed(document.problem(path, message))


def placed(problem: Problem) -> Problem:
    """``problem`` with a line, the first where none is known."""
    return problem if problem.line is not None else replace(problem, line=1)
