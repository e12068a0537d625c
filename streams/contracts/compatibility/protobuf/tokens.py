"""Tokens of a ``.proto`` file."""

from __future__ import annotations

import re

from ..model import SchemaTextError

_TOKEN = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/ |
    (?P<text>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*') |
    (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![A-Za-z_])) |
    (?P<name>\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*) |
    (?P<sign>[{}\[\]()<>=;,:.+\-/])""",
    re.VERBOSE | re.DOTALL,
)


class Tokens:
    """The tokens, and where one is in them."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        self._at = 0
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                line = text.count("\n", 0, place) + 1
                raise SchemaTextError(f"is no Protobuf: line {line} has a character that cannot be there")
            if match.lastgroup is not None:
                self._tokens.append(match[0])
            place = match.end()

    def peek(self, ahead: int = 0) -> str:
        """The next token, empty at the end."""
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def take(self, expected: str | None = None) -> str:
        """The next token, which is then done with; raises ``SchemaTextError`` if it is not ``expected``."""
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise SchemaTextError(f"is no Protobuf: {expected or 'more'} is missing before {token or 'the end'}")
        self._at += 1
        return token

    def skip(self, token: str) -> bool:
        """Takes ``token`` if it is next."""
        if self.peek() != token:
            return False
        self._at += 1
        return True

    def skip_statement(self) -> None:
        """Takes all up to the end of the statement, blocks included."""
        depth = 0
        while True:
            token = self.take()
            depth += token in ("{", "[", "(")
            depth -= token in ("}", "]", ")")
            if depth <= 0 and (token == ";" or (token == "}" and self.peek() != ";")):
                return

    def skip_brackets(self) -> list[str]:
        """Takes ``[…]`` if it is next, and gives what is in it."""
        held: list[str] = []
        if not self.skip("["):
            return held
        depth = 1
        while depth:
            token = self.take()
            depth += (token in ("[", "{")) - (token in ("]", "}"))
            held.append(token)
        return held[:-1]


def number_of(token: str) -> int:
    """A field's or constant's number; raises ``SchemaTextError``."""
    try:
        return int(token, 0)
    except ValueError:
        raise SchemaTextError(f"is no Protobuf: {token} is no number of a field or constant") from None
