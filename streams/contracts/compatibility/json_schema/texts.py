"""Texts: strings that match a pattern, are of a format or have a length; candidates, to be checked by a validator."""

from __future__ import annotations

from collections.abc import Mapping
from re import _constants, _parser, error, search  # type: ignore[attr-defined]  # the only parser of patterns there is
from typing import Any

from .dice import Dice

_LONGEST = 100_000
_ANY = "aZ0 _-.@é"
_SAMPLES: Mapping[str, tuple[str, ...]] = {
    "date": ("2024-02-29", "1999-12-31"),
    "date-time": ("2024-02-29T23:59:59Z", "1999-12-31T00:00:00.5+01:00"),
    "time": ("23:59:59Z", "00:00:00+01:00"),
    "duration": ("P1D", "PT5M"),
    "email": ("a@b.co", "x.y+z@example.org"),
    "idn-email": ("a@b.co",),
    "hostname": ("example.org", "a"),
    "idn-hostname": ("example.org",),
    "ipv4": ("127.0.0.1", "255.255.255.255"),
    "ipv6": ("::1", "2001:db8::ff00:42:8329"),
    "uri": ("https://example.org/a?b#c", "urn:x:y"),
    "uri-reference": ("/a", "https://example.org/"),
    "iri": ("https://example.org/é",),
    "iri-reference": ("/é",),
    "uri-template": ("/a/{b}",),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"),
    "json-pointer": ("/a/0", ""),
    "relative-json-pointer": ("0", "1/a"),
    "regex": ("^a+$", "."),
}
_OTHERS = ("", "a", "A", "0", "-1", "no such thing", "é", "2024-02-30", "a" * 40, "\n", " ", "null")


def text_for(schema: Mapping[str, Any], dice: Dice) -> str:
    """A string that may be valid under ``schema``."""
    least = int(schema.get("minLength", 0))
    most = int(schema["maxLength"]) if "maxLength" in schema else least + 12
    if isinstance(schema.get("format"), str) and schema["format"] in _SAMPLES:
        return dice.one_of(_SAMPLES[schema["format"]])
    if isinstance(schema.get("pattern"), str):
        return matching(schema["pattern"], dice, least)
    if dice.below(3) == 0:
        fitting = [text for text in (*_OTHERS, *(s[0] for s in _SAMPLES.values())) if least <= len(text) <= most]
        if fitting:
            return dice.one_of(fitting)
    length = min(dice.one_of((least, most, min(least + 1, most))), _LONGEST)
    return dice.one_of(_ANY) * (length - min(length, 12)) + "".join(dice.one_of(_ANY) for _ in range(min(length, 12)))


def matching(pattern: str, dice: Dice, least: int = 0) -> str:
    """A string that has ``pattern`` in it, if the pattern is a plain one."""
    try:
        parsed = _parser.parse(pattern.replace(r"\p{L}", "[a-zA-Z]"))
    except (error, OverflowError, RecursionError):
        return dice.one_of(_OTHERS)
    text = _Sampler(dice, least).of(parsed)
    if dice.below(4):
        return text
    before, after = (_ANY[dice.below(3)] * dice.one_of((1, 2, least + 1, least + 9)) for _ in range(2))
    return before * (not pattern.startswith("^")) + text + after * (not pattern.endswith("$"))


def has_pattern(pattern: str, text: str) -> bool:
    """Whether ``text`` has ``pattern`` in it, as far as can be said without the validator."""
    try:
        return search(pattern.replace(r"\p{L}", "[a-zA-Z]"), text) is not None
    except (error, OverflowError, RecursionError):
        return False


class _Sampler:
    """Walks a parsed pattern and chooses."""

    def __init__(self, dice: Dice, least: int) -> None:
        self._dice = dice
        self._least = least
        self._groups: dict[int, str] = {}

    def of(self, parsed: Any) -> str:
        return "".join(self._one(operator, argument) for operator, argument in parsed)

    def _one(self, operator: Any, argument: Any) -> str:
        name = str(operator)
        if name == "LITERAL":
            return chr(argument)
        if name == "NOT_LITERAL":
            return "b" if chr(argument) == "a" else "a"
        if name == "ANY":
            return self._dice.one_of(_ANY)
        if name == "IN":
            return self._of_class(argument)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            return self._repeated(*argument)
        if name == "BRANCH":
            return self.of(self._dice.one_of(argument[1]))
        if name == "SUBPATTERN":
            self._groups[argument[0] or 0] = text = self.of(argument[3])
            return text
        return self._groups.get(argument, "") if name == "GROUPREF" else ""

    def _repeated(self, least: int, most: Any, parsed: Any) -> str:
        top = least + 3 + self._least if most is _constants.MAXREPEAT else min(int(most), least + 30)
        count = self._dice.one_of((least, top, least + self._dice.below(max(1, top - least + 1))))
        return "".join(self.of(parsed) for _ in range(count))

    def _of_class(self, members: Any) -> str:
        held = list(members)
        if str(held[0][0]) == "NEGATE":
            excluded = {chr(code) for code in range(32, 300) if _is_in(code, held[1:])}
            allowed = [chr(code) for code in range(32, 300) if chr(code) not in excluded]
            return self._dice.one_of(allowed) if allowed else ""
        operator, argument = self._dice.one_of(held)
        if str(operator) == "RANGE":
            return chr(argument[0] + self._dice.below(argument[1] - argument[0] + 1))
        if str(operator) == "LITERAL":
            return chr(argument)
        return self._dice.one_of(_CATEGORIES.get(str(operator) and str(argument), "a"))


_CATEGORIES: Mapping[str, str] = {
    "CATEGORY_DIGIT": "0123456789", "CATEGORY_NOT_DIGIT": "ab_ ", "CATEGORY_SPACE": " \t",
    "CATEGORY_NOT_SPACE": "a0_", "CATEGORY_WORD": "aZ0_", "CATEGORY_NOT_WORD": " -.",
}  # fmt: skip


def _is_in(code: int, members: Any) -> bool:
    for operator, argument in members:
        name = str(operator)
        if name == "LITERAL" and argument == code:
            return True
        if name == "RANGE" and argument[0] <= code <= argument[1]:
            return True
        if name == "CATEGORY" and _is_of(chr(code), str(argument)):
            return True
    return False


def _is_of(character: str, category: str) -> bool:
    word = category.removeprefix("CATEGORY_").removeprefix("NOT_")
    held = {"DIGIT": character.isdigit(), "SPACE": character.isspace(), "WORD": character.isalnum() or character == "_"}
    return held[word] != ("NOT_" in category)
