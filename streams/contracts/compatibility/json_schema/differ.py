"""Differ: every change from one schema to another, piece by piece, as Confluent's rules tell them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .arrays import ArrayRules
from .circles import Circles
from .combined import combined_changes
from .found import Found, under
from .objects import ObjectRules
from .scalars import const_changes, enum_changes, note_changes, number_changes, string_changes
from .shapes import Kind, Shape


class Differ:
    """Compares shapes under one set of compatible codes."""

    def __init__(self, compatible: frozenset[str]) -> None:
        self._compatible = compatible
        self._circles = Circles(self._compare_combined, self.is_compatible)
        objects, arrays = ObjectRules(self.compare, self.is_compatible), ArrayRules(self.compare, self.is_compatible)
        self._rules: dict[Kind, Callable[[Shape, Shape], Iterator[Found]]] = {
            Kind.STRING: string_changes,
            Kind.NUMBER: number_changes,
            Kind.ENUM: enum_changes,
            Kind.CONST: const_changes,
            Kind.OBJECT: objects.changes,
            Kind.ARRAY: arrays.changes,
            Kind.NOT: self._negation_changes,
            Kind.COMBINED: lambda old, new: combined_changes(old, new, self.compare, self.is_compatible),
        }

    def changes(self, old: Shape, new: Shape) -> tuple[Found, ...]:
        """Every change from ``old`` to ``new``."""
        return self._circles.settled(lambda: self.compare(old, new))

    def is_compatible(self, found: tuple[Found, ...]) -> bool:
        """Whether no change breaks anybody."""
        return all(one.code in self._compatible for one in found)

    def compare(self, old: Shape | None, new: Shape | None) -> tuple[Found, ...]:
        """Changes between two shapes, each of which may be missing."""
        if old is None or new is None:
            return () if old is new else (Found("SCHEMA_ADDED" if old is None else "SCHEMA_REMOVED"),)
        return self._circles.compare(old, new)

    def _compare_combined(self, old: Shape, new: Shape) -> Iterator[Found]:
        """One schema may have become one part of the other."""
        for before, after, code in _alternatives(old, new):
            found = self.compare(before, after)
            if self.is_compatible(found):
                yield from found
                if code:
                    yield Found(code)
                return
        yield from self._compare_pieces(old, new)

    def _compare_pieces(self, old: Shape, new: Shape) -> Iterator[Found]:
        if old.kind is not new.kind:
            is_wider = old.kind is Kind.NOTHING or new.kind is Kind.ANYTHING
            if not is_wider and not _are_connect_bytes(old, new):
                yield Found("TYPE_CHANGED")
            return
        yield from note_changes(old.notes or {}, new.notes or {})
        if old.kind in self._rules:
            yield from self._rules[old.kind](old, new)

    def _negation_changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        before, after = old.read(old.rules["not"]), new.read(new.rules["not"])
        # Who forbids less takes more: the other way round.
        found = self.compare(after, before)
        if found or before.text != after.text:
            narrowed = self.is_compatible(found)
            yield from under(("not",), [Found("NOT_TYPE_NARROWED" if narrowed else "NOT_TYPE_EXTENDED")])


def _alternatives(old: Shape, new: Shape) -> Iterator[tuple[Shape, Shape, str]]:
    """Pairs one of which is enough, each with the code that says what became of the rest."""
    if old.kind is not Kind.COMBINED and new.kind is Kind.COMBINED:
        parts = new.shapes()
        if len(new.parts) == 1:
            yield old, parts[0], ""
        elif new.criterion != "allOf":
            yield from ((old, part, "SUM_TYPE_EXTENDED") for part in parts)
    elif old.kind is Kind.COMBINED and new.kind is not Kind.COMBINED:
        parts = old.shapes()
        if len(old.parts) == 1:
            yield parts[0], new, ""
        elif old.criterion == "allOf":
            yield from ((part, new, "PRODUCT_TYPE_NARROWED") for part in parts)


def _are_connect_bytes(old: Shape, new: Shape) -> bool:
    """Kafka Connect's bytes: a decimal written as text or as a number is the same to its converter."""
    return old.rules.get("connect.type") == new.rules.get("connect.type") == "bytes"
