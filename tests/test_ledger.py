"""The ledger: exactly one outcome for every event of a batch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.errors import REASONS, DecodeError, JoinMissingError, KeyMissingError, PipelineError
from streams.ledger import DeadLetter, Failure, Ledger, Outcome
from streams.records import SourceRecord

from .pipeline.builders import an_event

RECORD = SourceRecord(topic="t", partition=0, offset=7, timestamp_ms=0, key=None, value=None)
ENDINGS = st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 3)), max_size=10)

def a_ledger(endings: list[tuple[Outcome, int]]) -> Ledger:
    ledger = Ledger(sum(events for _, events in endings))
    for outcome, events in endings:
        ledger.end(outcome, events)
    return ledger


def test_outcomes_that_did_not_occur_are_absent() -> None:
    ledger = Ledger(2)
    ledger.end(Outcome.DUPLICATE, 0)
    ledger.end(Outcome.FILTERED, 2)

    assert (ledger.counts, ledger.is_balanced()) == ({Outcome.FILTERED: 2}, True)


def test_an_event_without_an_outcome_or_with_two_is_no_balance() -> None:
    ledger = Ledger(2)
    ledger.end(Outcome.PROCESSED)
    assert not ledger.is_balanced()

    ledger.end(Outcome.LATE, 2)
    assert not ledger.is_balanced()


def test_a_buried_record_is_dead_and_kept_with_its_reason() -> None:
    ledger, error = Ledger(2), DecodeError("json", "no JSON")

    ledger.bury(RECORD, error)
    ledger.bury(RECORD, KeyMissingError(()))

    assert ledger.dead_letters[0] == DeadLetter(record=RECORD, error=error)
    assert (ledger.counts, ledger.reasons()) == ({Outcome.DEAD: 2}, {"decode_failed": 1, "key_missing": 1})
    assert ledger.is_balanced()


def test_every_error_has_a_reason_of_the_list() -> None:
    def errors(kind: type[PipelineError]) -> set[type[PipelineError]]:
        return {kind, *(deeper for below in kind.__subclasses__() for deeper in errors(below))}

    assert {kind.reason for kind in errors(PipelineError) - {PipelineError}} <= REASONS


@given(ENDINGS, ENDINGS)
def test_two_ledgers_together_count_what_both_counted(
    first: list[tuple[Outcome, int]], second: list[tuple[Outcome, int]]
) -> None:
    together, more = a_ledger(first), a_ledger(second)
    more.late_by_table["t"] = 1

    together.add(more)

    whole = a_ledger(first + second)
    assert (together.size, dict(together.counts)) == (whole.size, dict(whole.counts))
    assert (together.is_balanced(), dict(together.late_by_table)) == (True, {"t": 1})


def test_an_event_that_may_go_on_later_has_no_outcome_yet_and_is_dead_where_nobody_tries_again() -> None:
    event, error = an_event(), JoinMissingError("users")
    waits, ends = Ledger(1, retried={"join_missing"}), Ledger(1)

    waits.retry(event, error)
    ends.retry(event, error)

    assert (waits.failures, dict(waits.counts)) == ([Failure(event=event, error=error)], {})
    assert (ends.failures, dict(ends.counts), ends.reasons()) == ([], {Outcome.DEAD: 1}, {"join_missing": 1})


def test_what_is_noted_in_a_branch_is_not_noted_in_the_ledger() -> None:
    ledger = Ledger(2, retried={"join_missing"})
    ledger.end(Outcome.DUPLICATE)

    branch = ledger.branch()
    branch.end(Outcome.FILTERED)
    branch.retry(an_event(), JoinMissingError("users"))

    assert (branch.size, dict(branch.counts)) == (2, {Outcome.DUPLICATE: 1, Outcome.FILTERED: 1})
    assert (len(branch.failures), ledger.failures, dict(ledger.counts)) == (1, [], {Outcome.DUPLICATE: 1})
