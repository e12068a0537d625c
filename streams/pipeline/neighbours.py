"""Neighbours: the tables of all pipelines of a task, and what each sees of the others'."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from streams.state.stores.base import Store

from .pairing.plan import Pairing
from .plan import Plan
from .tables import PipelineTables, open_tables
from .truncating.state import LiveRows


def open_all(plans: Collection[Plan], store: Store, *, partitions: int) -> dict[str, PipelineTables]:
    """By pipeline its tables; those of others that it joins are the others' own, changes of this moment included."""
    opened = {plan.name: open_tables(plan, store, partitions=partitions) for plan in plans}
    owners = {plan.table.name: opened[plan.name] for plan in plans if plan.table is not None}
    near = {plan.name: plan for plan in plans}
    for plan in plans:
        if plan.pairing is not None and plan.pairing.stage is None:
            streams = {plan.pairing.partner: opened[plan.pairing.partner]}
            opened[plan.name] = replace(opened[plan.name], streams=streams)
    return {
        plan.name: replace(
            opened[plan.name],
            partners={
                name: LiveRows(rows, owners[name].truncated)
                for name in plan.partner_tables
                if (rows := owners[name].rows) is not None
            },
            asked={join.table: owners[join.table] for join in plan.joins if join.keep_ms and join.meeting is None},
            followers={held.pipeline: (near[held.pipeline], opened[held.pipeline]) for held in _near(plan)},
        )
        for plan in plans
    }


def _near(plan: Plan) -> list[Pairing]:
    return [pairing for pairing in plan.partner_of if pairing.stage is None]
