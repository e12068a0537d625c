"""Proof: does every document that producers write under one schema pass the other? If not, here is one that fails.

Set algebra answers first. Where it says no or does not know, a document is looked for that the one schema's validator
admits and the other's refuses; found, it is the witness. Where algebra does not know and no witness turns up, the
schemas count as incompatible: nothing is promised that was not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

from streams.contracts.drafts import draft_within
from streams.contracts.validation import SchemaError, Validator, compile_validator

from ..model import SchemaTextError
from .algebra import DocumentSet
from .documents import checked_draft
from .generate import documents
from .lists import is_wider_list, lists_many, only_in
from .normal import in_newest
from .recursion import covers_recursively
from .views import ProducerView

_UNNAMED = ("2020-12", "draft7", "draft4")
_DOUBTS = 64
"""Documents that try to refute a yes: an error of the algebra would be a broken promise."""
_SEARCHED = 600
_WITNESSES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A document of the writer, and the places of the reader's schema that refuse it."""

    document: Any
    places: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether the reader admits all that the writer writes."""

    holds: bool
    refusals: tuple[Refusal, ...] = ()
    """Documents that show that it does not; none where that was not decided."""


class Side:
    """One of the two schemas, as everything that is asked of it."""

    def __init__(self, schema: Any, resources: Mapping[str, Any]) -> None:
        self.draft = checked_draft(schema, unnamed=_UNNAMED)
        try:
            self.validator: Validator = compile_validator(schema, draft=self.draft, resources=resources)
        except SchemaError as error:
            raise SchemaTextError(str(error)) from None
        self.resources = {uri: in_newest(held, draft_within(held, self.draft)) for uri, held in resources.items()}
        self.normal = in_newest(schema, self.draft)
        self.written = ProducerView(self.normal, self.resources).closed()
        self.lists_many = lists_many(self.normal)
        try:
            self.admits = DocumentSet(self.normal, self.resources, is_asked=not self.lists_many)
            self.writes = DocumentSet(self.written, self.resources, is_asked=not self.lists_many)
        except jsonschema_rs.ValidationError:
            # A word that its draft does not know, and later ones do, holds no schema.
            raise SchemaTextError("has words of a later draft that hold no schema; remove them") from None


def prove(reader: Side, writer: Side) -> Proof:
    """Whether ``reader`` admits every document that ``writer`` writes."""
    if reader.normal == writer.normal:
        return Proof(holds=True)
    verdict = writer.writes.is_empty() or reader.admits.covers(writer.writes)
    if verdict is None:
        is_wider = is_wider_list(reader.normal, writer.normal)
        verdict = is_wider or covers_recursively(reader.normal, writer.written, writer.resources) or None
    found = tuple(islice(_refusals(reader, writer, _DOUBTS if verdict else _SEARCHED), _WITNESSES))
    return Proof(holds=verdict is True and not found, refusals=found)


def _refusals(reader: Side, writer: Side, count: int) -> Iterator[Refusal]:
    """Documents that ``writer`` writes and ``reader`` refuses; both validators have been asked."""
    told: set[tuple[tuple[str, ...], ...]] = set()
    null: list[Refusal] = []
    for document in _candidates(reader, writer, count):
        if reader.validator.is_valid(document) or not writer.validator.is_valid(document):
            continue
        if not writer.writes.holds(document):
            continue
        places = reader.validator.refusing_places(document)
        if document is None:
            null = [Refusal(document=None, places=places)]
        elif places not in told:
            told.add(places)
            yield Refusal(document=document, places=places)
    yield from (refusal for refusal in null if refusal.places not in told)


def _candidates(reader: Side, writer: Side, count: int) -> Iterator[Any]:
    if writer.lists_many:
        yield from documents(only_in(writer.written, reader.normal), writer.resources, count=count)
    difference = writer.writes.without(reader.admits)
    if difference is not None:
        yield from documents(difference, writer.resources, count=count)
    merged = writer.writes.schema()
    yield from documents(writer.written if merged is None else merged, writer.resources, count=count)
    yield from documents(writer.written, writer.resources, count=count // 2)


def can_overlap(writer: Side, reader: Side) -> bool:
    """Whether some document of ``writer`` may pass ``reader``; only a proof says no."""
    return writer.writes.overlaps(reader.admits) is not False
