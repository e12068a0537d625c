"""Arrays as PostgreSQL writes them in text: ``{a,NULL,"c d",{1,2}}``.

Source: PostgreSQL 15, 8.15.6.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r'([{},])|"((?:[^"\\]|\\.)*)"|((?:[^{},"\\\s]|\\.)(?:[^{},"\\]|\\.)*)|\s+', re.DOTALL)
_BOUNDS = re.compile(r"(?:\[[+-]?\d+:[+-]?\d+\])+=")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
DEEPEST_ARRAY = 6
"""PostgreSQL's ``MAXDIM``."""

Elements = list[object]
"""Texts, ``None`` and lists of the same."""


def array_elements(text: str) -> Elements:
    """The elements as text; raises ``ValueError`` for what is no array.

    >>> array_elements('{a,NULL,"c d"}')
    ['a', None, 'c d']
    """
    root: Elements = []
    stack, is_due = [root], True  # an element may stand where a bracket or a comma was
    at = bounds.end() if (bounds := _BOUNDS.match(text)) else 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError("no array")
        at = token.end()
        is_due = _take(token, stack, is_due)
    if len(stack) != 1 or len(root) != 1 or not isinstance(root[0], list):
        raise ValueError("no array")
    return root[0]


def _take(token: re.Match[str], stack: list[Elements], is_due: bool) -> bool:
    mark, quoted, bare = token.groups()
    if mark is None and quoted is None and bare is None:
        return is_due
    if mark == "}" and len(stack) > 1 and (not is_due or not stack[-1]):
        stack.pop()
        return False
    if mark == "," and len(stack) > 1 and not is_due:
        return True
    if mark in ("}", ",") or not is_due or (mark is None and len(stack) == 1):
        raise ValueError("no array")
    if mark == "{":
        if len(stack) > DEEPEST_ARRAY:
            raise ValueError("no array")
        inner: Elements = []
        stack[-1].append(inner)
        stack.append(inner)
        return True
    stack[-1].append(_element(quoted, bare))
    return False


def _element(quoted: str | None, bare: str) -> str | None:
    if quoted is not None:
        return _ESCAPED.sub(r"\1", quoted)
    bare = bare.rstrip()
    return None if bare.upper() == "NULL" else _ESCAPED.sub(r"\1", bare)
