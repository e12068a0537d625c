"""Stages: the plan of a second step of a pipeline, whose source is a topic that the first one writes."""

from __future__ import annotations

from .exchange.plan import Exchange
from .joining.plan import Meeting
from .pairing.plan import Pairing, PairStage
from .plan import Codec, EventTime, Plan
from .rules.plan import Stage
from .transactional.plan import Transactional


def stage_plan(plan: Plan, stage: Stage) -> Plan:
    """An ordinary plan, with a state and offsets of its own, that reads what ``plan`` tells its stage."""
    return Plan(
        name=f"{plan.name}-quality",
        topic=stage.topic,
        contract=plan.contract,
        key=(),
        codec=Codec(name="claims", decode=lambda record: None, has_images=False),
        event_time=EventTime(column=None, read=None),
        max_future_ms=plan.max_future_ms,
        settles=stage,
        dead_letters=plan.dead_letters,
        dead_letter_style=plan.dead_letter_style,
        app=plan.app,
        limits=plan.limits,
    )


def exchange_plan(plan: Plan, exchange: Exchange) -> Plan:
    """An ordinary plan that carries on with the events that ``plan`` sends through ``exchange``."""
    return Plan(
        name=exchange.stage,
        topic=exchange.topic,
        contract=plan.contract,
        key=exchange.by,
        codec=Codec(name="exchange", decode=lambda record: None, has_images=False),
        event_time=EventTime(column=None, read=None),
        max_future_ms=plan.max_future_ms,
        receives=exchange,
        aggregations=exchange.aggregations,
        dead_letters=plan.dead_letters,
        dead_letter_style=plan.dead_letter_style,
        app=plan.app,
        limits=plan.limits,
    )


def meeting_plan(plan: Plan, meeting: Meeting) -> Plan:
    """An ordinary plan that lets rows of ``plan`` meet partners of another task."""
    return Plan(
        name=meeting.stage,
        # Partners first: of two records of one time that of the rows' topic is read before the question.
        topic=meeting.rows if meeting.is_asked else meeting.names,
        further_topics=(meeting.names if meeting.is_asked else meeting.rows,),
        contract=plan.contract,
        key=(),
        codec=Codec(name="meeting", decode=lambda record: None, has_images=False),
        event_time=EventTime(column=None, read=None),
        max_future_ms=plan.max_future_ms,
        meets=meeting,
        dead_letters=plan.dead_letters,
        dead_letter_style=plan.dead_letter_style,
        app=plan.app,
        limits=plan.limits,
    )


def pairing_plan(plan: Plan, pairing: Pairing, stage: PairStage) -> Plan:
    """An ordinary plan that lets events of ``plan`` meet those of another task, and goes on with what they become."""
    return Plan(
        name=stage.stage,
        topic=stage.own,
        further_topics=(stage.partner,),
        contract=plan.contract,
        key=pairing.by,
        codec=Codec(name="pairing", decode=lambda record: None, has_images=False),
        event_time=EventTime(column=None, read=None),
        max_future_ms=plan.max_future_ms,
        stands_for=pairing,
        derivations=plan.derivations,
        routes=plan.routes,
        dead_letters=plan.dead_letters,
        dead_letter_style=plan.dead_letter_style,
        app=plan.app,
        limits=plan.limits,
    )


def telling_plan(plan: Plan, said: Transactional) -> Plan:
    """An ordinary plan that reads where transactions end and tells ``plan`` and all others that wait for the same."""
    return Plan(
        name=said.topic,
        topic=said.topic,
        contract=plan.contract,
        key=(),
        codec=Codec(name="transaction", decode=lambda record: None, has_images=False),
        event_time=EventTime(column=None, read=None),
        max_future_ms=plan.max_future_ms,
        transactional=said,
        dead_letters=f"{said.topic}-{plan.app}-dlt",
        dead_letter_style=plan.dead_letter_style,
        app=plan.app,
        limits=plan.limits,
    )
