"""Rounds: a batch is carried through all pipelines that read it, or through none, until all it asks is answered.

What walks have kept is taken back where an answer is missing: also what other pipelines of the topic have made of the
batch, and of events that come back the walks of those before them, and of heads whose parked ones ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from streams.records import RecordBatch

from ..plan import Plan
from ..process import PipelineResult
from ..tables import PipelineTables
from .plan import Answers, Question, UnansweredError

Process = Callable[[RecordBatch, Plan], PipelineResult]


def process_round(
    shares: Iterable[tuple[Plan, RecordBatch]],
    tables: Mapping[str, PipelineTables],
    answers: Answers,
    process: Process,
) -> dict[str, PipelineResult]:
    """By pipeline, what ``process`` makes of its share; raises ``UnansweredError`` with the questions of all of them.

    Then, and whatever else is raised, nothing has been changed.
    """
    shares = tuple(shares)
    held = [table for plan, _ in shares for table in tables[plan.name].written]
    for table in held:
        table.open_savepoint()
    try:
        results = _results(shares, tables, answers, process)
    except BaseException:
        for table in held:
            table.roll_back()
        raise
    for table in held:
        table.close_savepoint()
    return results


def _results(
    shares: tuple[tuple[Plan, RecordBatch], ...],
    tables: Mapping[str, PipelineTables],
    answers: Answers,
    process: Process,
) -> dict[str, PipelineResult]:
    results: dict[str, PipelineResult] = {}
    questions: set[Question] = set()
    for plan, share in shares:
        known = tables[plan.name].answers
        known.clear()
        known.update(answers)
        if questions and not plan.lookups:
            continue  # it would be walked in vain
        try:
            results[plan.pipeline] = process(share, plan)
        except UnansweredError as error:
            questions |= error.questions
    if questions:
        raise UnansweredError(questions)
    return results
