"""Fitting: results that no event of a batch is, published as far as they are small enough."""

from __future__ import annotations

from collections import defaultdict

from streams.errors import RecordTooLargeError
from streams.ledger import Ledger
from streams.records import ChangeEvent, Delivery

from .plan import Plan
from .route import route_events
from .tables import Aggregated


def route_fitting(events: list[ChangeEvent], plan: Plan, ledger: Ledger) -> tuple[list[ChangeEvent], list[Delivery]]:
    """The events that are small enough to be published, and what is published of them; the others are dead."""
    try:
        return events, route_events(events, plan, Aggregated(late=defaultdict(list)))
    except RecordTooLargeError as error:
        if len(events) == 1:
            ledger.bury(events[0].record, error)
            return [], []
    halves = (events[: len(events) // 2], events[len(events) // 2 :])
    fitting = [route_fitting(half, plan, ledger) for half in halves]
    return [event for held, _ in fitting for event in held], [one for _, held in fitting for one in held]
