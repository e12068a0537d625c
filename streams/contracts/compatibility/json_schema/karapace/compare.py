"""Compare two JSON Schemas by Karapace's rules."""

from __future__ import annotations

from typing import Any

from ...model import Found, Named, SchemaTextError
from ..documents import checked_draft
from ..explain import hint_of, message_of
from ..found import Found as Change
from ..references import UnknownReferenceError
from .differ import COMPATIBLE, Differ
from .parts import Reader, not_judged

_UNNAMED = ("draft7", "2020-12", "draft4")


def karapace_changes(old: Any, new: Any, resources: Named) -> tuple[Found, ...]:
    """Every change from ``old`` to ``new``, with what Karapace says of it. Raises ``SchemaTextError``."""
    for schema in (old, new):
        checked_draft(schema, unnamed=_UNNAMED)
    try:
        found = Differ(Reader(old, resources.old), Reader(new, resources.new)).changes(old, new)
    except UnknownReferenceError as error:
        raise SchemaTextError(str(error)) from None
    strange = (Change("KEYWORD_NOT_JUDGED", path) for schema in (old, new) for path in not_judged(schema))
    return tuple(
        Found(code=one.code, path=one.path, breaks=one.code not in COMPATIBLE, message=message_of(one.code),
              hint=hint_of(one.code))
        for one in dict.fromkeys((*found, *strange))
    )  # fmt: skip
