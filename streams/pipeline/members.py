"""Members: which rows belong to what follows?

In:   events seen for the first time, of a pipeline with a ``where``; of others, what the filter kept.
Out:  the events of members, and a DELETE for each row that stops being one; the rest is filtered. What the rows outside
      are now is told apart.
Next: streams.pipeline.quality

A row enters with the event that makes it match, whatever that did to it, and leaves with the one after which it does
not match. What follows sees the changes of a view of those that match. Rows outside are kept, masked, so that one whose
column was not sent is whole when it enters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Operation

from .known import KnownRows
from .plan import Plan
from .tables import PipelineTables

Condition = Callable[[ChangeEvent], bool]
DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The events of a batch, by what they say of members."""

    wanted: list[ChangeEvent] = field(default_factory=list)
    """What goes on."""
    outside: list[ChangeEvent] = field(default_factory=list)
    """What leaves a row outside, or takes one away; as it came, not masked."""


def keep_members(
    events: list[ChangeEvent],
    plan: Plan,
    tables: PipelineTables,
    ledger: Ledger,
    *,
    is_sound: Condition | None = None,
) -> Membership:
    """What the events that match the plan's ``condition`` do to the rows for which its ``where`` is TRUE.

    ``is_sound``: whether an event will pass what comes next; with one that does not no row enters.
    """
    condition, where, found = plan.condition, plan.where, Membership()
    if where is None or plan.rows is None:
        return Membership(wanted=events)
    known = KnownRows(plan.rows, tables, events, asks_all=True)
    for event in events:
        whole = known.complete(event) if event.unsent else event
        if condition is None or condition(whole):
            _judge(whole, where, known, found, is_sound)
    ledger.end(Outcome.FILTERED, len(events) - len(found.wanted))
    return found


def _judge(
    event: ChangeEvent, where: Condition, known: KnownRows, found: Membership, is_sound: Condition | None
) -> None:
    is_gone = event.operation in (DELETE, TRUNCATE)
    if not is_gone and known.is_stale(event):
        return
    was_member = event.operation is TRUNCATE or known.is_member(event)
    if not is_gone and where(event):
        found.wanted.append(event)
        if is_sound is None or is_sound(event):
            known.learn(event, is_member=True)
        return
    if was_member:
        found.wanted.append(event if is_gone else known.departure(event))
    found.outside.append(event)
    known.learn(event, is_member=False)
