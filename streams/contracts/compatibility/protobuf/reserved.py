"""Reserved: numbers and names that a message or an enum must not use, mostly because they were used once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..model import SchemaTextError
from .tokens import Tokens, number_of

_MOST = 1 << 31


@dataclass(slots=True, kw_only=True)
class Reserved:
    """What one message or enum reserves."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    """First and last number of each range."""
    names: set[str] = field(default_factory=set)

    def has_number(self, number: int) -> bool:
        """Whether ``number`` is reserved."""
        return any(first <= number <= last for first, last in self.ranges)

    def check(self, owner: str, used: Iterable[tuple[int, str]]) -> None:
        """Raises ``SchemaTextError`` where ``owner`` uses what it reserves itself, as protoc does."""
        for number, name in used:
            if self.has_number(number) or name in self.names:
                raise SchemaTextError(f"{owner}.{name} uses a number or a name that {owner} reserves")

    def read(self, tokens: Tokens) -> None:
        """Takes a ``reserved`` statement."""
        tokens.take("reserved")
        while True:
            if tokens.peek()[:1] in ("'", '"') or tokens.peek()[:1].isalpha():
                self.names.add(tokens.take().strip("\"'"))
            else:
                self._read_range(tokens)
            if not tokens.skip(","):
                break
        tokens.take(";")

    def _read_range(self, tokens: Tokens) -> None:
        first = last = _number(tokens)
        if tokens.skip("to"):
            last = _MOST if tokens.skip("max") else _number(tokens)
        self.ranges.append((first, last))


def _number(tokens: Tokens) -> int:
    sign = "-" if tokens.skip("-") else ""
    return number_of(sign + tokens.take())
