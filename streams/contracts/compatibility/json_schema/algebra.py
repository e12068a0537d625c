"""Algebra: schemas as the sets of documents they admit (jsonschema-rs's canonical form).

It proves most questions at once. What it does not know (patterns against patterns, recursion) is ``None`` here, and
never a yes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jsonschema_rs
from jsonschema_rs.canonical import CanonicalizationError, Containment, Satisfiability

_YES = {Containment.YES: True, Containment.NO: False}
_SOME = {Satisfiability.YES: True, Satisfiability.NO: False}


class DocumentSet:
    """The documents that a schema of 2020-12 admits."""

    def __init__(self, schema: Any, resources: Mapping[str, Any], *, is_asked: bool = True) -> None:
        """``is_asked``: whether the algebra is to be asked; it is slow where thousands of values are listed."""
        registry = jsonschema_rs.Registry(list(resources.items())) if resources else None
        form = partial(
            jsonschema_rs.canonicalize, schema, draft=jsonschema_rs.Draft202012, validate_formats=True,
            registry=registry, offline=True,
        )  # fmt: skip
        self._canonical: Any = _asked(form) if is_asked else None
        self._validator = jsonschema_rs.Draft202012Validator(
            schema, validate_formats=True, registry=registry, offline=True
        )

    def holds(self, document: object) -> bool:
        """Whether ``document`` is one of them."""
        return self._validator.is_valid(document)

    def is_empty(self) -> bool:
        """Whether there is none of them for sure."""
        return self._canonical is not None and _asked(self._canonical.satisfiability) is Satisfiability.NO

    def covers(self, other: DocumentSet) -> bool | None:
        """Whether it admits all that ``other`` admits."""
        return _YES.get(_asked(lambda: self._canonical.covers(other._canonical)))

    def overlaps(self, other: DocumentSet) -> bool | None:
        """Whether some document is in both."""
        return _SOME.get(_asked(lambda: self._canonical.intersect(other._canonical).satisfiability()))

    def without(self, other: DocumentSet) -> Any:
        """A schema of what only this one admits; ``None`` where it cannot be written down."""
        return _asked(lambda: self._canonical.subtract(other._canonical).to_json_schema())

    def schema(self) -> Any:
        """A schema of the set with all conditions merged; ``None`` where it cannot be written down."""
        return None if self._canonical is None else _asked(self._canonical.to_json_schema)


def _asked(question: Callable[[], Any]) -> Any:
    """The answer; ``None`` where there is none, as where an operand had none before."""
    try:
        return question()
    except (CanonicalizationError, AttributeError, jsonschema_rs.ReferencingError):
        return None
