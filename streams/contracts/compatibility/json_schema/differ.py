"""Differ: every change from one schema to another, piece by piece, as Confluent's rules tell them.

Schemas may be recursive. Two shapes that are already being compared further up are taken as compatible; where that
turns out wrong, all is compared once more without that belief, until beliefs hold. So the answer is the largest set of
compatible pairs, whatever the order of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .arrays import ArrayRules
from .combined import combined_changes
from .found import Found, under
from .objects import ObjectRules
from .scalars import const_changes, enum_changes, number_changes, string_changes
from .shapes import Kind, Shape

_Pair = tuple[int, int]
_NOTES = (
    ("$id", "ID_CHANGED"), ("id", "ID_CHANGED"), ("title", "TITLE_CHANGED"), ("description", "DESCRIPTION_CHANGED"),
    ("default", "DEFAULT_CHANGED"),
)  # fmt: skip


class Differ:
    """Compares shapes under one set of compatible codes."""

    def __init__(self, compatible: frozenset[str]) -> None:
        self._compatible = compatible
        self._refuted: set[_Pair] = set()
        self._known: dict[_Pair, tuple[Found, ...]] = {}
        self._open: set[_Pair] = set()
        self._believed: set[_Pair] = set()
        self._alive: list[Shape] = []
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
        while True:
            self._known, self._believed = {}, set()
            found = self.compare(old, new)
            wrong = {pair for pair in self._believed if not self.is_compatible(self._known.get(pair, ()))}
            if wrong <= self._refuted:
                return found
            self._refuted |= wrong

    def is_compatible(self, found: tuple[Found, ...]) -> bool:
        """Whether no change breaks anybody."""
        return all(one.code in self._compatible for one in found)

    def compare(self, old: Shape | None, new: Shape | None) -> tuple[Found, ...]:
        """Changes between two shapes, each of which may be missing."""
        if old is None or new is None:
            return () if old is new else (Found("SCHEMA_ADDED" if old is None else "SCHEMA_REMOVED"),)
        pair = (id(old), id(new))
        if pair in self._open:
            self._believed.add(pair)
            return (Found("RECURSIVE_TYPE_CHANGED"),) if pair in self._refuted else ()
        if pair not in self._known:
            # Shapes made on the way must live as long as their addresses are names.
            self._alive += (old, new)
            self._open.add(pair)
            found = tuple(self._compare_combined(old, new))
            self._open.discard(pair)
            self._known[pair] = found
        return self._known[pair]

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
        before, after = old.notes or {}, new.notes or {}
        for note, code in _NOTES:
            if before.get(note) != after.get(note):
                yield Found(code)
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
