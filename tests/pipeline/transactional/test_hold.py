"""Hold: which transactions of the source are here as a whole, and what becomes of those of which it is not known."""

from __future__ import annotations

from dataclasses import replace

from streams.pipeline.inputs import Inputs
from streams.pipeline.topology import SubTopology
from streams.records import RecordBatch

from ..builders import a_pipeline
from .builders import ENDS, LINES, ORDERS, TIMEOUT_MS, Log, a_value, sub_of, told, whole

NEVER = -1


class Answers:
    """What has been read of topics: by topic the number of the last answer, where it left nothing unread."""

    def __init__(self) -> None:
        self.answers = {LINES: NEVER, ORDERS: NEVER, ENDS: NEVER}
        self.counts = dict.fromkeys(self.answers, 0)

    def asked(self, topic: str) -> int:
        return self.counts[topic] + 2

    def told(self, topic: str) -> int:
        return self.answers[topic]

    def read(self, *topics: str) -> None:
        """Two answers more, and nothing is unread."""
        for topic in topics:
            self.counts[topic] += 2
            self.answers[topic] = self.counts[topic]


class Fed:
    """Inputs, and the logs that they are fed from."""

    def __init__(self, sub: SubTopology | None = None) -> None:
        self.inputs, self.log, self.reader = Inputs(sub or sub_of()), Log(), Answers()
        self.now_ms = 0

    def come(self, topic: str, *values: bytes | None) -> Fed:
        start = len(self.log.records.get(topic, ()))
        for value in values:
            self.log.append(topic, value)
        self.inputs.add(self.log.batch(topic, start, start + len(values)))
        return self

    def end(self, place: int) -> Fed:
        return self.come(ENDS, told(place))

    def next(self, **options: object) -> RecordBatch | None:
        batch = self.inputs.next_batch(lambda topic: True, now_ms=self.now_ms, reader=self.reader, **options)  # type: ignore[arg-type]
        return self.next(**options) if batch is not None and batch.topic == ENDS else batch

    def given(self) -> list[tuple[str, int]]:
        """(topic, offset) of all that may be processed now."""
        found = []
        while (batch := self.next()) is not None:
            found += [(record.topic.split(".")[1], record.offset) for record in batch.records]
        return found

    @property
    def incomplete(self) -> dict[str, int]:
        return dict(self.inputs.holds[0].incomplete)


def of(xid: int, before: int, *numbers: int) -> list[bytes]:
    return [a_value(number, xid=xid, before=before, number=number) for number in numbers]


def alone() -> Fed:
    """One pipeline, of one topic."""
    return Fed(sub_of(whole()))


def test_a_transaction_waits_until_a_later_one_comes() -> None:
    fed = alone().come(ORDERS, *of(1, 0, 1, 2))
    assert fed.given() == []

    fed.come(ORDERS, *of(1, 0, 3), *of(2, 100, 1))

    assert fed.given() == [("orders", 0), ("orders", 1), ("orders", 2)]
    assert (fed.inputs.is_whole, fed.inputs.holds[0].transactions, fed.incomplete) == (True, 1, {})


def test_a_later_one_in_one_topic_does_not_tell_that_the_other_topic_brings_no_more() -> None:
    fed = Fed().come(ORDERS, *of(1, 0, 1), *of(2, 100, 1))
    assert fed.given() == []

    fed.come(LINES, *of(1, 0, 2), *of(3, 200, 1))

    assert sorted(fed.given()) == [("lines", 0), ("orders", 0)]
    assert fed.come(ORDERS, *of(4, 300, 1)).given() == [("orders", 1)]


def test_its_end_counts_for_an_input_that_was_read_to_its_end_since() -> None:
    fed = Fed().come(ORDERS, *of(1, 0, 1)).end(100)
    fed.reader.read(ORDERS)
    assert fed.given() == []  # these answers may be older than the end: nobody has asked since

    fed.reader.read(ORDERS)
    assert fed.given() == []
    fed.reader.read(LINES)

    assert fed.given() == [("orders", 0)]


def test_an_end_that_was_told_while_an_input_had_more_counts_once_that_is_here() -> None:
    fed = Fed().end(100)
    assert fed.given() == []
    fed.reader.read(LINES)
    fed.come(ORDERS, *of(1, 0, 1))
    assert fed.given() == []
    fed.reader.read(ORDERS)

    assert fed.given() == [("orders", 0)]


def test_many_ends_and_an_input_that_never_rests() -> None:
    fed = Fed()
    for number in range(1, 40):
        fed.come(ORDERS, *of(number, 100 * (number - 1), 1)).end(100 * number)
        assert fed.given() == []
    fed.reader.read(LINES)

    assert fed.given() == [("orders", offset) for offset in range(38)]  # of the last there may be more


def test_what_is_of_no_transaction_waits_only_for_what_is_before_it() -> None:
    fed = alone().come(ORDERS, a_value(7, xid=None, op="r"), b"no change", None)
    assert fed.given() == [("orders", 0), ("orders", 1), ("orders", 2)]

    fed.come(ORDERS, *of(1, 0, 1), a_value(8, xid=None, op="r"))
    assert fed.given() == []

    assert fed.come(ORDERS, *of(1, 0, 2), *of(2, 100, 1)).given() == [("orders", offset) for offset in range(3, 6)]


def test_a_connector_that_begins_again_tells_nothing_new() -> None:
    fed = alone().come(ORDERS, *of(2, 100, 1, 2), *of(1, 0, 1), *of(2, 100, 1))
    assert fed.given() == []

    fed.come(ORDERS, *of(2, 100, 2, 3), *of(3, 200, 1))

    assert fed.given() == [("orders", offset) for offset in range(6)]
    assert fed.incomplete == {}


def test_a_capture_that_took_a_transaction_up_again_may_say_that_it_began_later() -> None:
    fed = Fed().come(ORDERS, *of(1, 100, 1), *of(2, 300, 1))
    fed.come(LINES, *of(1, 150, 2))
    assert fed.given() == []

    fed.come(LINES, *of(1, 150, 3), *of(2, 300, 2))

    assert sorted(fed.given()) == [("lines", 0), ("lines", 1), ("orders", 0)]


def test_after_the_time_out_what_is_here_is_released_and_counted() -> None:
    fed = alone().come(ORDERS, *of(1, 0, 1, 2))
    assert fed.given() == []
    fed.now_ms = TIMEOUT_MS - 1
    assert fed.given() == []
    fed.now_ms = TIMEOUT_MS

    assert fed.given() == [("orders", 0), ("orders", 1)]
    assert fed.incomplete == {"timeout": 1}
    assert fed.come(ORDERS, *of(1, 0, 3)).given() == [("orders", 2)]  # nobody waits twice, and nobody counts twice
    assert fed.come(ORDERS, *of(2, 100, 1)).given() == []
    assert fed.incomplete == {"timeout": 1}


def test_time_does_not_run_for_those_behind_one_that_waits_rightly() -> None:
    fed = Fed().come(ORDERS, *of(1, 0, 1), *of(5, 500, 1), *of(6, 600, 1))
    for number in range(1, 5):  # the lines have much to catch up
        fed.now_ms += TIMEOUT_MS - 1
        fed.come(LINES, *of(number, 100 * (number - 1), 2), *of(number + 1, 100 * number, 2))
        assert fed.given() != []
    assert fed.incomplete == {}


def test_no_time_passes_while_a_source_is_paused() -> None:
    fed = alone().come(ORDERS, *of(1, 0, 1))
    assert fed.next(full=(ORDERS,)) is None
    fed.now_ms = TIMEOUT_MS
    assert fed.next(full=(ORDERS,)) is None

    assert (fed.given(), fed.incomplete) == ([], {})


def test_a_transaction_that_is_too_large_is_released_in_pieces_and_counted_once() -> None:
    sub = sub_of()
    small = [replace(plan.transactional, most_bytes=1_500) for plan in sub.plans if plan.transactional]
    plans = tuple(replace(plan, transactional=said) for plan, said in zip(sub.plans, small, strict=True))
    fed = Fed(replace(sub, plans=plans))
    fed.come(LINES, *of(1, 0, 1)).come(ORDERS, *of(1, 0, 2, 3))
    assert not fed.inputs.is_full(ORDERS)
    assert fed.given() == []

    fed.come(ORDERS, *of(1, 0, 4, 5, 6))
    assert fed.inputs.is_full(ORDERS)
    assert len(fed.given()) == 6
    assert not fed.inputs.is_full(ORDERS)
    assert len(fed.come(LINES, *of(1, 0, 7)).come(ORDERS, *of(1, 0, 8)).given()) == 2

    assert fed.incomplete == {"size": 1}
    assert fed.come(ORDERS, *of(2, 100, 1)).given() == []


def test_events_that_come_behind_their_end_are_counted_and_copies_are_not() -> None:
    fed = alone().come(ORDERS, *of(1, 0, 1, 2)).end(100)
    assert fed.given() == []
    fed.reader.read(ORDERS)
    assert fed.given() == [("orders", 0), ("orders", 1)]

    assert fed.come(ORDERS, *of(1, 0, 2)).given() == [("orders", 2)]
    assert fed.incomplete == {}
    assert fed.come(ORDERS, *of(1, 0, 3, 4)).given() == [("orders", 3), ("orders", 4)]
    assert fed.incomplete == {"late": 1}


def test_a_watchdog_knows_that_they_wait_and_for_how_long_that_is_right() -> None:
    fed = alone().come(ORDERS, *of(1, 0, 1))
    assert fed.given() == []

    rests = [fed.inputs.is_resting(ORDERS, clock_ms=0, now_ms=now_ms, full=()) for now_ms in (1, TIMEOUT_MS + 1)]

    assert rests == [True, False]


def test_between_the_records_of_a_transaction_nothing_else_is_processed() -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, table={"name": "users"}, route=None)
    joined = whole(join=[{"table": "users", "by": ["id"], "columns": {"note": "said"}, "missing": "drop"}])
    lines = whole("lines", LINES)
    fed = Fed(sub_of(joined, users, lines))
    fed.reader.answers["cdc.users.v1"] = NEVER

    def timed(number: int, xid: int | None, before: int, time_ms: int) -> bytes:
        return a_value(number, xid=xid, before=before, number=number, time_ms=time_ms)

    fed.come(ORDERS, timed(1, 1, 0, 500), timed(1, 2, 100, 800)).come(LINES, timed(2, 1, 0, 900), timed(2, 2, 100, 900))
    fed.come("cdc.users.v1", *(timed(number, None, 0, 100 * number) for number in (3, 6)))

    assert fed.given() == [("users", 0), ("orders", 0), ("lines", 0), ("users", 1)]
    assert fed.inputs.is_whole
