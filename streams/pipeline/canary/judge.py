"""Canary: would a candidate for the next version of the contract take the rows that today's takes?

In:   events that honour their contract.
Out:  the same events; the ledger counts what the candidate would refuse, by code and path.
Next: streams.pipeline.clock
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from streams.errors import PipelineError
from streams.ledger import Ledger, Shadow
from streams.records import ChangeEvent, Operation

from .plan import Candidate

NO_ROW = frozenset({Operation.DELETE, Operation.TRUNCATE})
_PLACE = re.compile(r"\[[0-9]+\]")
Cause = tuple[str, str]
"""(code, path); a place in a list is ``[]``, so that there are no more of them than the schema has places."""


def judge_canary(events: Iterable[ChangeEvent], candidate: Candidate | None, ledger: Ledger) -> None:
    """Hold the rows of ``events`` against the candidate; nothing else comes of it."""
    if candidate is None:
        return
    shadow = Shadow(version=candidate.contract.version)
    if candidate.start_batch is not None:
        candidate.start_batch()
    for event in events:
        if event.operation not in NO_ROW:
            causes = causes_of(event, candidate)
            shadow.judged += 1
            shadow.rejected += bool(causes)
            shadow.causes.update(causes)
    ledger.note_shadow(shadow)


def causes_of(event: ChangeEvent, candidate: Candidate) -> tuple[Cause, ...]:
    """Why the candidate would refuse the event; empty: it would not."""
    try:
        read = event if candidate.read is None else candidate.read(event)
        contract = candidate.contract
        validator = contract.validator_without(read.unsent) if read.unsent else contract.validator
        if validator.is_valid(read.row):
            return ()
        found = validator.violations(read.row)
        return tuple(dict.fromkeys((one.code, _PLACE.sub("[]", one.path)) for one in found))
    except PipelineError as error:
        return ((error.reason, ""),)
    except Exception as error:  # a candidate harms nobody, whatever is wrong with it
        return (("internal_error", type(error).__name__),)
