"""Proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .algebra import DocumentSet
from .documents import checked_draft


def can_overlap(old: Any, new: Any, resources: Mapping[str, object]) -> bool:
    """Whether some document may be valid under both; only a proof says no."""
    before, after = (
        DocumentSet(schema, checked_draft(schema, unnamed=("2020-12", "draft7", "draft4")), resources)
        for schema in (old, new)
    )
    return before.overlaps(after) is not False
