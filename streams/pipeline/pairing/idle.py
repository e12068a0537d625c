"""Idle: wall clock passes, and a side that is caught up and silent holds nothing open in the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..plan import Plan
from ..tables import PipelineTables
from .clocks import force_clocks, force_idle
from .plan import Side
from .roles import pairs_of


def pass_time(
    plan: Plan,
    tables: PipelineTables,
    last_record_ms: Mapping[str, int],
    *,
    now_ms: int,
    caught_up: Collection[str],
) -> None:
    """``last_record_ms``: by input, the wall clock when it last brought something or was behind."""
    pairing = pairs_of(plan)
    if pairing is None:
        return
    if pairing.stage is not None:
        if {pairing.stage.own, pairing.stage.partner} <= set(caught_up):
            force_clocks(pairing, tables, now_ms=now_ms)
        return
    topics = {Side.OWN: pairing.topic, Side.PARTNER: pairing.partner_topic}
    force_idle(pairing, tables, {side: now_ms - last_record_ms[topic] for side, topic in topics.items()})
