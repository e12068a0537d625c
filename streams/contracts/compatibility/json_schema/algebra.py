"""Algebra: schemas as the sets of documents they admit (jsonschema-rs's canonical form).

It proves most questions at once. What it does not know (patterns against patterns, recursion) is ``None`` here, and
never a yes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
from jsonschema_rs.canonical import CanonicalizationError, Containment, Satisfiability

from streams.contracts.drafts import draft_of, in_draft

_DRAFTS: Mapping[str, int] = {
    "draft4": jsonschema_rs.Draft4,
    "draft6": jsonschema_rs.Draft6,
    "draft7": jsonschema_rs.Draft7,
    "2019-09": jsonschema_rs.Draft201909,
    "2020-12": jsonschema_rs.Draft202012,
}


class DocumentSet:
    """The documents that a schema admits."""

    def __init__(self, schema: Any, draft: str, resources: Mapping[str, Any]) -> None:
        known = [(uri, in_draft(held, draft_of(held) or draft)) for uri, held in resources.items()]
        self._canonical = jsonschema_rs.canonicalize(
            in_draft(schema, draft),
            draft=_DRAFTS[draft],
            validate_formats=True,
            registry=jsonschema_rs.Registry(known) if known else None,
            offline=True,
        )

    def covers(self, other: DocumentSet) -> bool | None:
        """Whether it admits all that ``other`` admits."""
        verdict = _asked(lambda: self._canonical.covers(other._canonical))
        return {Containment.YES: True, Containment.NO: False}.get(verdict)

    def overlaps(self, other: DocumentSet) -> bool | None:
        """Whether some document is in both."""
        verdict = _asked(lambda: self._canonical.intersect(other._canonical).satisfiability())
        return {Satisfiability.YES: True, Satisfiability.NO: False}.get(verdict)

    def without(self, other: DocumentSet) -> Any:
        """A schema of what only this one admits; ``None`` where it cannot be written down."""
        return _asked(lambda: self._canonical.subtract(other._canonical).to_json_schema())

    def with_(self, other: DocumentSet) -> Any:
        """A schema of what both admit; ``None`` where it cannot be written down."""
        return _asked(lambda: self._canonical.intersect(other._canonical).to_json_schema())


def _asked(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except CanonicalizationError:
        return None
