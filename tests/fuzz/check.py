"""Check: what one input led to is an event that the steps can take, a skip, or a typed error that tells no value."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from streams.errors import REASONS, PipelineError
from streams.pipeline.moves import has_moved, moved_to
from streams.pipeline.plan import Plan
from streams.pipeline.route import encode_json
from streams.pipeline.table import order_of
from streams.pipeline.validate import find_error
from streams.records import ChangeEvent, SourceRecord

from .trees import MARK

SECRETS = (MARK, "@example.test", "000-12-000", "4111111111111111", "378282246310005", "5500000000000004", "+49 30")
"""Of the rows that inputs are made of."""
SKIPPED = "(skipped)"
EVENT = "(event)"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Finding(Exception):
    """An input that led to what it must not."""


def outcome_of(plan: Plan, record: SourceRecord) -> str:
    """``(event)``, ``(skipped)`` or the reason; raises whatever is wrong, or ``Finding``."""
    try:
        event = plan.codec.decode(record)
    except PipelineError as error:
        return _reason_of(error)
    if event is None:
        return SKIPPED
    parts = (event,) if plan.codec.split is None else plan.codec.split(event)
    return _steps(plan, parts)


def _steps(plan: Plan, parts: Iterable[ChangeEvent]) -> str:
    """The steps that a decoded event meets first can take it."""
    outcome = EVENT
    for event in parts:
        error = find_error(event, plan, now_ms=1 << 50)
        if error is not None:
            outcome = _reason_of(error)
            continue
        _decode(encode_json(event.row))
        if plan.deduplicate is not None:
            plan.deduplicate.identify(event)
        order_of(event)
        moved_to(event, plan.key)
        has_moved(event)
    return outcome


def _reason_of(error: PipelineError) -> str:
    if error.reason not in REASONS:
        raise Finding(f"{error.reason} is no reason")
    return checked(error.reason, str(error))


def checked(outcome: str, text: str) -> str:
    """``outcome``, if ``text`` tells no value."""
    if any(secret in text for secret in SECRETS):
        raise Finding(f"{outcome} tells a value")
    return outcome
