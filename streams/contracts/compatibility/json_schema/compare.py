"""Compare two JSON Schemas by the rules of a registry: Confluent's or Karapace's."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..model import Comparison, Found, Named, SchemaTextError, bump_of, to_differences
from .differ import Differ
from .documents import checked_draft, read_schema
from .explain import hint_of, message_of
from .karapace.compare import karapace_changes
from .proof import Side, can_overlap
from .references import UnknownReferenceError
from .rules import LENIENT, STRICT
from .shapes import ShapeReader

_CONFLUENT = {"confluent-strict": STRICT, "confluent-lenient": LENIENT}
KARAPACE = "karapace"
_UNNAMED = ("draft7", "2020-12", "draft4")
"""Confluent's registry reads a schema that names no draft as draft 7."""


def compare_as_registry(old: Any, new: Any, rules: str, resources: Named) -> Comparison:
    """By Confluent's or Karapace's rules, as their registry would judge the change each way."""
    before, after = read_schema(old), read_schema(new)
    changes = karapace_changes if rules == KARAPACE else partial(changes_of, compatible=_CONFLUENT[rules])
    backward = changes(before, after, resources=resources)
    forward = changes(after, before, resources=resources.turned)
    reads_old = not any(one.breaks for one in backward)
    return Comparison(
        backward=reads_old,
        forward=not any(one.breaks for one in forward),
        bump=bump_of(
            is_changed=bool(backward) or before != after,
            backward=reads_old,
            can_overlap=reads_old or _can_overlap(before, after, resources),
        ),
        differences=to_differences(backward, forward),
    )


def _can_overlap(before: Any, after: Any, resources: Named) -> bool:
    """Whether some old document is valid; what cannot be asked may be. Confluent's rules read more than proof does."""
    try:
        return can_overlap(Side(before, resources.old), Side(after, resources.new))
    except SchemaTextError:
        return True


def changes_of(
    old: Any, new: Any, compatible: frozenset[str], resources: Named
) -> tuple[Found, ...]:
    """Every change from ``old`` to ``new``; what is not in ``compatible`` breaks. Raises ``SchemaTextError``."""
    try:
        before, after = (
            ShapeReader(schema, checked_draft(schema, unnamed=_UNNAMED), named).read(schema)
            for schema, named in ((old, resources.old), (new, resources.new))
        )
        found = Differ(compatible).changes(before, after)
    except UnknownReferenceError as error:
        raise SchemaTextError(str(error)) from None
    return tuple(
        Found(code=one.code, path=one.path, breaks=one.code not in compatible, message=message_of(one.code),
              hint=hint_of(one.code))
        for one in dict.fromkeys(found)
    )  # fmt: skip
