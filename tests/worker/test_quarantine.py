"""Quarantine: nobody looks at what is in it, it is counted, and its place is passed as any other."""

from __future__ import annotations

from pathlib import Path

import msgspec

from streams.ledger import Outcome
from streams.pipeline.results import BatchResult
from streams.worker.quarantine import Note, Quarantine, QuarantineLog

from .builders import TOPIC, a_record, a_run, an_engine, owned_task

TOPIC_ID = "0badcafe"


class Told(QuarantineLog):
    """What operators have said."""

    def __init__(self, *notes: Note) -> None:
        super().__init__({}, "app")
        self.notes = list(notes)

    def read(self, *, committed: bool = False) -> list[Note]:
        return self.notes


def a_range(first: int, last: int, *, partition: int = 0, topic_id: str = TOPIC_ID) -> Note:
    return Note(kind="range", topic=TOPIC, partition=partition, first=first, last=last, topic_id=topic_id)


def a_quarantine(*notes: Note) -> Quarantine:
    """With what was said at the last look."""
    held = Quarantine(Told(*notes), "a")
    held.topic_ids = {TOPIC: TOPIC_ID}
    held.refresh()
    return held


def processed(folder: Path, *notes: Note, offsets: range) -> tuple[list[BatchResult], list[bytes]]:
    """What a task makes of records at ``offsets``, and what it has of them in its table then."""
    engine = an_engine(folder)
    engine.batches.quarantine = a_quarantine(*notes)
    owned = owned_task(engine)
    engine.batches.add(owned, a_run(*(a_record(number, value=b'{"id":%d}' % number) for number in offsets)).batch())
    results = []
    while (batch := owned.next_batch(lambda topic: True)) is not None:
        results.append(owned.task.process(batch, now_ms=2_000))
    owned.task.prepare_checkpoint()
    owned.committed({}, engine.metrics, now_ms=2_000)
    assert owned.task.position(TOPIC) == offsets.stop
    rows = [key for key, _ in owned.task.store.scan(b"things\0", b"things\1")]
    return results, rows


def test_what_is_in_quarantine_is_counted_and_nobody_looks_at_it(tmp_path: Path) -> None:
    (result,), rows = processed(tmp_path, a_range(2, 3), offsets=range(1, 5))

    ledger = result.ledgers["things"]
    assert ledger.counts == {Outcome.PROCESSED: 2, Outcome.QUARANTINED: 2}
    assert (ledger.is_balanced(), len(rows)) == (True, 2)


def test_a_batch_of_which_nothing_is_left_is_passed_all_the_same(tmp_path: Path) -> None:
    (result,), rows = processed(tmp_path, a_range(0, 9), offsets=range(1, 5))

    assert (result.ledgers["things"].counts, rows) == ({Outcome.QUARANTINED: 4}, [])
    assert result.ledgers["things"].is_balanced()


def test_other_partitions_and_a_topic_made_anew_know_nothing_of_it(tmp_path: Path) -> None:
    others = (a_range(2, 3, partition=1), a_range(2, 3, topic_id="another"))

    (result,), rows = processed(tmp_path, *others, offsets=range(1, 5))

    assert (result.ledgers["things"].counts, len(rows)) == ({Outcome.PROCESSED: 4}, 4)


def test_the_transaction_says_what_was_stepped_over_and_nothing_else() -> None:
    held = a_quarantine(a_range(2, 90))
    batch = held.step_over(a_run(a_record(1), a_record(2), a_record(7)).batch())

    (told,) = held.told(batch)

    note = msgspec.json.decode(told.value or b"", type=Note)
    assert (told.topic, note.kind, note.place) == ("app-quarantine", "skipped", (TOPIC, 0))
    assert (note.first, note.last, note.records, note.who) == (2, 7, 2, "a")
    assert held.step_over(a_run(a_record(91)).batch()).stepped_over == frozenset()


def test_a_range_may_be_covered_by_several_but_not_in_part() -> None:
    held = a_quarantine(a_range(5, 9), a_range(0, 4))

    assert [held.covers((TOPIC, 0), *bounds) for bounds in ((0, 9), (3, 7), (0, 10))] == [True, True, False]
    assert not held.covers((TOPIC, 1), 0, 9)
