"""Roles: what a plan has to do with joins whose sides live in different tasks."""

from __future__ import annotations

from collections.abc import Mapping

from ..plan import Plan
from .plan import Meeting


def meetings_of(plan: Plan) -> list[Meeting]:
    """Stages where rows or events of ``plan`` meet partners of other tasks."""
    related = () if plan.relation is None else plan.relation.meetings
    return [*related, *(join.meeting for join in plan.joins if join.meeting is not None)]


def asking_of(plan: Plan) -> Mapping[str, int]:
    """By topic that brings replies of other tasks to events of ``plan``, the place of the join that asks."""
    return {held.meeting.answers: number for number, held in enumerate(plan.joins) if held.meeting is not None}


def is_asked(plan: Plan) -> bool:
    """Events of other tasks ask for rows of ``plan``."""
    return any(meeting.is_asked for meeting in plan.feeds)
