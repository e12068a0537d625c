"""Follow: rows that change because their partners in joins between tables have, here or in other tasks.

They are no events of the source: they begin behind the joins, and have no outcome; dead letters of them are counted.
"""

from __future__ import annotations

from streams.ledger import Ledger
from streams.records import Delivery, RecordBatch

from .agree import check_routes
from .derive import derive_columns
from .exchange.send import exchange_events
from .fitting import route_fitting
from .joining.ask import answer_events
from .joining.feed import feed_stages
from .joining.follow import Followed, follow_answers, follow_partners
from .joining.meet import answer_changes, meet_rows
from .joining.roles import is_asked
from .joining.tell import tell_changes
from .joining.versions import keep_versions
from .plan import Plan
from .process import PipelineResult
from .regroup import regroup_rows
from .set_aside import set_aside
from .table import materialise_rows
from .tables import PipelineTables
from .truncating.tell import hear_truncates


def process_partners(
    plan: Plan, tables: PipelineTables, partition: int, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """At a checkpoint: what partners that have changed make of rows, here and in other tasks."""
    deliveries = feed_stages(plan, tables)
    if plan.meets is not None and not plan.meets.is_asked and tables.joining.meeting is not None:
        deliveries += answer_changes(plan.meets, tables.joining.meeting)
    if plan.relation is not None:
        followed = follow_partners(plan, tables, partition)
        deliveries += _publish_followed(followed, plan, tables, ledger, now_ms=now_ms)
    return deliveries


def process_answers(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry on the rows that partners in other tasks have answered."""
    ledger, followed = Ledger(0), follow_answers(batch, plan, tables)
    deliveries = _publish_followed(followed, plan, tables, ledger, now_ms=now_ms)
    return PipelineResult(deliveries=deliveries, ledger=ledger)


def process_truncates(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Hear of TRUNCATEs that were read in other partitions, and counted there; rows go at checkpoints."""
    hear_truncates(batch, plan, tables)
    return PipelineResult(deliveries=[], ledger=Ledger(0))


def process_meeting(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Let rows and partners of other tasks meet."""
    assert plan.meets is not None and tables.joining.meeting is not None
    if plan.meets.is_asked:
        return PipelineResult(deliveries=answer_events(batch, plan.meets, tables), ledger=Ledger(0))
    return PipelineResult(deliveries=meet_rows(batch, plan.meets, tables.joining.meeting), ledger=Ledger(0))


def _publish_followed(
    followed: Followed, plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """What the rows that have followed leave in tables, groups and topics.

    No event of the source is in it, so none of them has an outcome. What cannot be published is dead as it is: its key
    and the reason.
    """
    if not followed.events:
        return followed.told
    own = Ledger(len(followed.events))
    events = derive_columns(followed.events, plan.derivations)
    events = check_routes(events, plan.routes, own)
    events, deliveries = route_fitting(events, plan, own)
    changes = materialise_rows(events, plan.rows, tables, is_asked=plan.asks_rows or is_asked(plan))
    keep_versions(events, changes, plan.table, tables)
    deliveries += tell_changes(changes, plan)
    regroup_rows(changes, plan.aggregations, tables)
    exchanged = exchange_events([], changes, plan, {}, own)
    ledger.note_results(own)
    return [*deliveries, *exchanged.deliveries, *followed.told, *set_aside(own, plan, now_ms=now_ms)]
