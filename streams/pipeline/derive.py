"""Derive: columns that are computed from others.

In:   masked events with their joined columns.
Out:  the same events with the derived columns in their rows, in JSON view.
Next: streams.pipeline.agree
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.records import ChangeEvent

from .plan import Derivation


def derive_columns(events: list[ChangeEvent], derivations: tuple[Derivation, ...]) -> list[ChangeEvent]:
    """The events with derived columns; a derivation sees the columns derived before it."""
    return [_derive(event, derivations) for event in events] if derivations else events


def _derive(event: ChangeEvent, derivations: tuple[Derivation, ...]) -> ChangeEvent:
    derived = replace(event, row=dict(event.row))
    for derivation in derivations:
        derived.row[derivation.column] = derivation.evaluate(derived)
    return derived
