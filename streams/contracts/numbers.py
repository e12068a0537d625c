"""Numbers: what a dataset's ``numbers.yaml`` records of Protobuf's fields, so that no version that comes shifts them.

By message, under each number the name of its field and what that is on the wire::

    Orders:
      1: id integer
      2: note string
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streams.errors import Problem

from .documents import Document

NUMBERS_FILE = "numbers.yaml"
Key = tuple[str, str]
"""The name of a field, and what it is on the wire."""
Recorded = Mapping[str, Mapping[Key, int]]
"""Numbers by message and field."""
OURS = range(19_000, 20_000)
"""Protobuf keeps these for itself."""
LARGEST = (1 << 29) - 1


def read_numbers(document: Document, problems: list[Problem]) -> Recorded:
    """What is recorded; mistakes are added to ``problems``."""
    if not isinstance(document.value, dict):
        problems.append(document.problem((), "numbers are by message: {Orders: {1: id integer}}"))
        return {}
    found: dict[str, dict[Key, int]] = {}
    for message, held in document.value.items():
        problems += _faults(document, message, held)
        found[message] = dict(_numbers(held))
    return found


def _numbers(held: Any) -> Iterator[tuple[Key, int]]:
    for number, text in held.items() if isinstance(held, dict) else ():
        name, _, wire = str(text).partition(" ")
        if number.isdecimal() and wire:
            yield (name, wire), int(number)


def _faults(document: Document, message: str, held: Any) -> Iterator[Problem]:
    if not isinstance(held, dict):
        yield document.problem((message,), "fields are by number: {1: id integer}")
        return
    seen: set[object] = set()
    for number, text in held.items():
        if not number.isdecimal() or not 0 < int(number) <= LARGEST or int(number) in OURS:
            yield document.problem((message, number), "no number that a field can have")
        if not isinstance(text, str) or " " not in text:
            yield document.problem((message, number), "a field is its name and what it is on the wire: id integer")
        if text in seen:
            yield document.problem((message, number), f"{text!r} has a number already")
        seen.add(text)


def numbers_text(numbers: Recorded) -> str:
    """The same as a file."""
    lines = ["# Numbers of Protobuf's fields: never changed, only added to (streams contracts check --record, bump)"]
    for message, held in numbers.items():
        lines.append(f"{message}:")
        lines += [f"  {number}: {name} {wire}" for (name, wire), number in sorted(held.items(), key=lambda one: one[1])]
    return "\n".join(lines) + "\n"
