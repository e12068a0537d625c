"""Look-up: columns that somebody outside knows, by the answers that have been fetched for the batch.

In:   masked events.
Out:  the same events with the answers in their rows, in JSON view; without an answer they go on with null, are
      filtered, or are tried again, as the pipeline says.
Next: streams.pipeline.join

The walk asks nobody: where an answer is not there yet it stops with ``UnansweredError``, whoever drives the task gets
the answers (``streams.services``), and the batch is walked again. Answers belong to their batch, so that it comes to
the same however often it is walked. A null among the arguments has no answer, now or ever, and is not asked about. A
row that went goes on without one.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from streams.errors import LookupMissingError
from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Operation

from .joining.plan import Missing
from .lookups.plan import Answer, Answers, Lookup, Question, UnansweredError
from .tables import encode_key

NOTHING = Answer()


def look_up(
    events: list[ChangeEvent], lookups: tuple[Lookup, ...], answers: Answers, ledger: Ledger
) -> list[ChangeEvent]:
    """The events that go on, each with the columns of all ``lookups``; raises ``UnansweredError``."""
    unanswered: dict[Question, None] = {}
    not_yet: set[str] = set()
    for lookup in lookups:
        if not not_yet.isdisjoint(argument.column for argument in lookup.arguments):
            not_yet.add(lookup.column)  # it asks about an answer that is not there yet
            continue
        questions = [_question(event, lookup) for event in events]
        if open_questions := [held for held in questions if held is not None and held not in answers]:
            unanswered |= dict.fromkeys(open_questions)
            not_yet.add(lookup.column)
        else:
            events = _answered(zip(events, questions, strict=True), lookup, answers, ledger)
    if unanswered:
        raise UnansweredError(unanswered)
    return events


def _question(event: ChangeEvent, lookup: Lookup) -> Question | None:
    """What is to be asked; ``None``: nothing."""
    if event.operation is Operation.TRUNCATE:
        return None
    values = [event.row.get(argument.column) for argument in lookup.arguments]
    if None in values:
        return None
    typed = tuple(
        value if argument.read is None else argument.read(value)
        for argument, value in zip(lookup.arguments, values, strict=True)
    )
    return None if None in typed else Question(lookup.pipeline, lookup.column, encode_key(values), typed)


def _answered(
    asked: Iterable[tuple[ChangeEvent, Question | None]], lookup: Lookup, answers: Answers, ledger: Ledger
) -> list[ChangeEvent]:
    kept: list[ChangeEvent] = []
    dropped = 0
    for event, question in asked:
        answer = NOTHING if question is None else answers[question]
        if answer.error is not None:
            ledger.retry(event, answer.error)
        elif answer.value is not None or lookup.missing is Missing.KEEP or event.operation in _ALWAYS_GO_ON:
            kept.append(_with_answer(event, lookup, answer))
        elif lookup.missing is Missing.RETRY and question is not None:
            ledger.retry(event, LookupMissingError(lookup.column))
        else:
            dropped += 1
    ledger.end(Outcome.FILTERED, dropped)
    return kept


_ALWAYS_GO_ON = frozenset({Operation.DELETE, Operation.TRUNCATE})


def _with_answer(event: ChangeEvent, lookup: Lookup, answer: Answer) -> ChangeEvent:
    if event.operation is Operation.TRUNCATE:
        return event
    return replace(event, row={**event.row, lookup.column: answer.value})
