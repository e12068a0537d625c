"""Defaults: a column's default where SQL writes it as a constant."""

from __future__ import annotations

import re

from ..postgres.facts import ColumnFacts
from ..postgres.types import converter_of

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"'((?:[^']|'')*)'(?:::.+)?")
_WORDS = ("true", "false")


def constant_of(fact: ColumnFacts) -> object:
    """The default as rows have it; ``None``: there is none, or it is computed.

    >>> constant_of(ColumnFacts(name="stock", type_oid=23, default="7"))
    7
    """
    text = fact.default or ""
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[1].replace("''", "'")
    elif text not in _WORDS and not _NUMBER.fullmatch(text):
        return None
    convert = converter_of(fact.type_oid)
    try:
        return text if convert is None else convert(text)
    except (ValueError, ArithmeticError):
        return None
