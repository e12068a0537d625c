"""First: a topic that several pipelines read is asked about before any of them has processed a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.records import RecordBatch

from ..plan import Plan
from ..tables import PipelineTables
from ..walk import NOBODYS_FAULT
from .plan import Answers, OneByOneError, Question, UnansweredError

Try = Callable[[Plan], object]
"""Walks a batch through a pipeline and takes back what it did."""


def ask_first(batch: RecordBatch, plans: tuple[Plan, ...], attempt: Try) -> None:
    """Raise ``UnansweredError`` with the questions of all ``plans``, or ``OneByOneError``; a lone plan asks as it goes.

    What one pipeline has made of a batch cannot be taken back once the next one has begun.
    """
    if len(plans) == 1:
        return
    questions: set[Question] = set()
    for plan in (plan for plan in plans if plan.lookups):
        try:
            attempt(plan)
        except UnansweredError as error:
            questions |= error.questions
        except NOBODYS_FAULT:
            raise
        except Exception:  # a record alone that does it is dead when it counts
            if len(batch.records) > 1:
                raise OneByOneError from None
    if questions:
        raise UnansweredError(questions)


def give_answers(plans: tuple[Plan, ...], tables: Mapping[str, PipelineTables], answers: Answers) -> None:
    """Let the pipelines know ``answers``, and no others."""
    for plan in plans:
        if plan.lookups:
            known = tables[plan.name].answers
            known.clear()
            known.update(answers)
