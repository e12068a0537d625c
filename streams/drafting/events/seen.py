"""Seen: what the values at one place of the events looked like. Counts and forms, and no value longer than it must be.

Libraries that infer schemas (GenSON is the one that is kept) merge types alone: they count nothing, so they can say
neither what is always there nor what is one of a few words, and know no formats. The walk is ours anyway.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from streams.contracts.validation import compile_validator

FORMATS = ("date-time", "date", "uuid", "email", "uri", "ipv4")
DEEPEST = 16
MOST_NAMES = 200
"""Of one object: what has more is a map, and its names are values."""
MOST_WORDS = 12
"""An enum has no more."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,36}\.(?P<tail>[0-9]{1,18})", re.ASCII)


@cache
def _is_of(form: str) -> Callable[[object], bool]:
    return compile_validator({"type": "string", "format": form}).is_valid


@dataclass(slots=True, kw_only=True)
class Seen:
    """One place: a column, a field of an object, what an array holds."""

    values: int = 0
    nulls: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """JSON types but null."""
    formats: set[str] = field(default_factory=lambda: set(FORMATS))
    """That all texts so far have."""
    words: Counter[str] | None = field(default_factory=Counter)
    """Texts and how often; ``None``: too many, or some were no words."""
    scales: set[int] = field(default_factory=set)
    """Digits behind the point of texts that are decimals; -1: one is none."""
    fields: dict[str, Seen] = field(default_factory=dict)
    is_map: bool = False
    items: Seen | None = None

    def add(self, value: object, depth: int = 0) -> None:
        """One more value."""
        self.values += 1
        match value:
            case None:
                self.nulls += 1
            case bool():
                self.kinds["boolean"] += 1
            case int():
                self.kinds["integer"] += 1
            case Decimal() | float():
                self.kinds["number"] += 1
            case str():
                self.kinds["string"] += 1
                self._add_text(value)
            case list() | tuple():
                self.kinds["array"] += 1
                self.items = self.items or Seen()
                for held in value if depth < DEEPEST else ():
                    self.items.add(held, depth + 1)
            case Mapping():
                self.kinds["object"] += 1
                self._add_fields(value, depth)

    def _add_text(self, text: str) -> None:
        self.formats = {form for form in self.formats if _is_of(form)(text)}
        decimal = _DECIMAL.fullmatch(text)
        self.scales.add(len(decimal["tail"]) if decimal else -1)
        if self.words is not None:
            self.words[text] += 1
            if len(self.words) > MOST_WORDS or not _WORD.fullmatch(text):
                self.words = None

    def _add_fields(self, held: Mapping[str, object], depth: int) -> None:
        if self.is_map or depth >= DEEPEST:
            return
        for name, value in held.items():
            if name not in self.fields and len(self.fields) >= MOST_NAMES:
                self.is_map, self.fields = True, {}
                return
            self.fields.setdefault(name, Seen()).add(value, depth + 1)
