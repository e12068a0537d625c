"""Agree: does what would be published honour the contracts of its routes?

In:   events with their final rows.
Out:  events that every route can publish; the rest is dead before it has touched a table.
Next: streams.pipeline.claims
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.errors import ContractViolationError, KeyMissingError, PipelineError
from streams.ledger import Ledger
from streams.records import ChangeEvent, Operation

from .outputs import Route
from .views import is_of_route

Check = Callable[[ChangeEvent], PipelineError | None]


def check_routes(events: list[ChangeEvent], routes: tuple[Route, ...], ledger: Ledger) -> list[ChangeEvent]:
    """The events whose rows fit all of ``routes``."""
    checks = [_check_of(route) for route in routes if route.contract is not None]
    needed = frozenset(column for route in routes for column in route.key)
    if not checks and not needed:
        return events
    fitting = []
    for event in events:
        if (not checks and event.row.keys() >= needed) or (error := _first_error(event, checks, routes)) is None:
            fitting.append(event)
        else:
            ledger.bury(event.record, error)
    return fitting


def _first_error(event: ChangeEvent, checks: Iterable[Check], routes: Iterable[Route]) -> PipelineError | None:
    if event.operation is Operation.TRUNCATE:
        return None
    for check in checks:
        if (error := check(event)) is not None:
            return error
    for route in routes:
        if is_of_route(event, route) and not event.row.keys() >= frozenset(route.key):
            return KeyMissingError(route.key)
    return None


def _check_of(route: Route) -> Check:
    contract = route.contract
    assert contract is not None
    # An attached result is a number by construction, and is not there yet.
    attached = frozenset(attachment.name for attachment in route.attachments)
    validator = contract.validator_without(attached) if attached else contract.validator
    uri = contract.uri

    def check(event: ChangeEvent) -> PipelineError | None:
        if event.operation is Operation.DELETE or not is_of_route(event, route):
            return None
        known = contract.validator_without(attached | event.unsent) if event.unsent else validator
        return None if known.is_valid(event.row) else ContractViolationError(uri, known.violations(event.row))

    return check
