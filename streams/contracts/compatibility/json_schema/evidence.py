"""Evidence: a comparison by proof, each breaking change with the document that shows it.

What changed is told as Confluent's strict rules tell it; whether a change breaks is decided by documents alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..model import Comparison, Found, Named, bump_of, to_differences
from .compare import changes_of
from .documents import read_schema
from .explain import hint_of, message_of
from .proof import Proof, Refusal, Side, can_overlap, prove
from .rules import LENIENT, STRICT

NOT_PROVEN = "NOT_PROVEN"
_NO_DOCUMENT = "; no document was found that shows it, and no proof that there is none"
_ANNOTATIONS = ("ID_CHANGED", "TITLE_CHANGED", "DESCRIPTION_CHANGED", "DEFAULT_CHANGED")


def compare_proof(old: Any, new: Any, resources: Named) -> Comparison:
    """By proof: what producers write under one schema, against what the other admits."""
    before, after = read_schema(old), read_schema(new)
    was, now = Side(before, resources.old), Side(after, resources.new)
    backward, forward = prove(reader=now, writer=was), prove(reader=was, writer=now)
    there = tuple(_found(changes_of(before, after, STRICT, resources), backward))
    back = tuple(_found(changes_of(after, before, STRICT, resources.turned), forward))
    return Comparison(
        backward=backward.holds,
        forward=forward.holds,
        bump=bump_of(
            is_changed=bool(there) or was.normal != now.normal,
            backward=backward.holds,
            can_overlap=backward.holds or can_overlap(was, now),
        ),
        differences=to_differences(there, back),
    )


def _found(changes: tuple[Found, ...], proof: Proof) -> Iterator[Found]:
    """``changes``, those that break with their document; what no change explains is told by the place that refuses."""
    if proof.holds:
        yield from (replace(change, breaks=False) for change in changes)
    elif proof.refusals:
        yield from _shown(changes, proof.refusals)
    else:
        yield from _undecided(changes)


def _shown(changes: tuple[Found, ...], refusals: Sequence[Refusal]) -> Iterator[Found]:
    witness_by_place: dict[tuple[str, ...], Any] = {}
    # The document that is refused for the fewest reasons shows each of them best; null shows least.
    for refusal in sorted(refusals, key=lambda one: (len(one.places), one.document is None)):
        for place in refusal.places:
            witness_by_place.setdefault(_as_change(place), refusal.document)
    shown: set[tuple[str, ...]] = set()
    for change in changes:
        places = [place for place in witness_by_place if _explains(change, place)]
        shown.update(places)
        witness = witness_by_place[places[0]] if places else None
        yield replace(change, breaks=bool(places), witness=witness, has_witness=bool(places))
    for place, document in witness_by_place.items():
        if place not in shown:
            yield _unexplained(place, document)


def _undecided(changes: tuple[Found, ...]) -> Iterator[Found]:
    suspects = [one for one in changes if one.code not in LENIENT] or [one for one in changes if one.code not in STRICT]
    for change in changes:
        is_suspect = change in suspects
        yield replace(change, breaks=is_suspect, message=change.message + _NO_DOCUMENT * is_suspect)
    if not suspects:
        yield Found(code=NOT_PROVEN, path=(), breaks=True, message="the schemas differ" + _NO_DOCUMENT,
                    hint="write the part that changed in plainer words, so that it can be decided")  # fmt: skip


def _as_change(place: tuple[str, ...]) -> tuple[str, ...]:
    """A place of a schema as changes name it: references have no step of their own."""
    return tuple("items" if step == "prefixItems" else step for step in place if step != "$ref")


def _explains(change: Found, place: tuple[str, ...]) -> bool:
    if change.code in _ANNOTATIONS:
        return False
    if change.path[: len(place)] == place:
        return True
    if place[-1:] in (("additionalProperties",), ("unevaluatedProperties",)):
        return change.code.startswith("PROPERTY_REMOVED") and change.path[:-1] == (*place[:-1], "properties")
    if place[-2:-1] == ("required",):
        return change.path in (place, (*place[:-2], "properties", place[-1]))
    return place[: len(change.path)] == change.path and (len(change.path) > 0 or len(place) <= 1 or _is_whole(change))


def _is_whole(change: Found) -> bool:
    """A change of the whole schema explains whatever is refused inside it."""
    return change.code not in STRICT


def _unexplained(place: tuple[str, ...], document: Any) -> Found:
    keyword = next((step for step in reversed(place) if not step.isdigit()), "schema")
    code = "".join("_" + letter if letter.isupper() else letter for letter in keyword).upper() + "_REFUSES"
    return Found(code=code, path=place, breaks=True, witness=document, has_witness=True, message=message_of(code),
                 hint=hint_of(code))  # fmt: skip
