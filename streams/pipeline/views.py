"""Views: which rows belong to a route that has a ``where`` of its own.

A row enters such a route with the event that makes it match, whatever that did to it, and leaves with the one after
which it does not match: then the route sees a DELETE of the row as it was. Rows that no key tells apart
are events, and the condition is a filter of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from streams.records import ChangeEvent, Operation

from .outputs import Route
from .tables import RowChange

DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


def is_of_route(event: ChangeEvent, route: Route) -> bool:
    """Whether the row that ``event`` leaves is published by ``route``."""
    return route.condition is None or route.condition(event)


Before = Mapping[int, dict[str, object] | None]
"""By identity of an event what its row was."""


def rows_before(changes: Iterable[RowChange]) -> Before:
    """Of the events of ``changes``. A TRUNCATE has many rows: each is a DELETE by now, with the row as it was."""
    return {id(held.event): held.before for held in changes if held.event.operation is not TRUNCATE}


def events_of_route(events: Iterable[ChangeEvent], route: Route, before: Before) -> Iterator[ChangeEvent]:
    """What ``events`` (none is a TRUNCATE) are to ``route``."""
    for event in events:
        if event.operation is not DELETE and is_of_route(event, route):
            if not route.follows_rows or id(event) in before:  # else the row is newer than that
                yield event
        elif (left := _departure(event, route, before)) is not None:
            yield left


def _departure(event: ChangeEvent, route: Route, before: Before) -> ChangeEvent | None:
    """The DELETE of a row that was published; ``None`` where it was not."""
    is_gone = event.operation is DELETE
    row = before.get(id(event)) if route.follows_rows else None
    if row is None:
        return event if is_gone and is_of_route(event, route) else None
    was = replace(event, operation=DELETE, row=row)
    if not is_of_route(was, route):
        return None
    return event if is_gone else was
