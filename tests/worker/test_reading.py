"""Reading: an answer of the broker counts only if it was asked for after what one wants to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.pipeline.task import Task
from streams.state.stores.memory import MemoryStore
from streams.worker.fetched import Fetched
from streams.worker.owned import OwnedTask
from streams.worker.reading import UNREAD, Reading
from streams.worker.runs import Run
from tests.pipeline.builders import a_batch, a_change, a_topology
from tests.pipeline.transactional.builders import ORDERS, whole

PLACE = (ORDERS, 0)


@dataclass
class Broker:
    """What a port knows of a topic with records up to ``end``."""

    fetched: Fetched
    end: int = 0
    answered: int | None = None
    asked: list[str] = field(default_factory=list)

    async def rewind(self, offsets: dict[tuple[str, int], int]) -> None: ...

    def lag(self, topic: str, partition: int, processed: int) -> int | None:
        self.asked.append("lag")
        return None if self.answered is None else max(0, self.end - processed)

    def answered_ms(self, topic: str, partition: int) -> int | None:
        self.asked.append("answered")
        return self.answered


class Read:
    """A task that begins at 0, its broker and what is known of both."""

    def __init__(self) -> None:
        topology = a_topology(whole())
        self.owned = OwnedTask(Task(topology.subtopology_of(ORDERS), 0, MemoryStore()), must_commit=False)
        self.fetched = Fetched(topology, lambda: {PLACE: self.owned})
        self.fetched.begin({PLACE: 0})
        self.broker = Broker(self.fetched)
        self.reading = Reading(self.owned, self.fetched, self.broker)

    def answer(self, *, ms: int, end: int, position: int) -> None:
        """An answer came at ``ms``; records up to ``position`` were taken out of it."""
        self.broker.answered, self.broker.end = ms, end
        self.fetched.hand_over([], {PLACE: position})


def test_nothing_is_known_before_the_first_answer() -> None:
    read = Read()

    assert (read.reading.told(ORDERS), read.reading.asked(ORDERS)) == (UNREAD, 2)


def test_two_answers_later_what_was_written_before_is_known() -> None:
    read = Read()
    read.answer(ms=10, end=0, position=0)
    asked = read.reading.asked(ORDERS)
    assert read.reading.told(ORDERS) < asked
    assert read.reading.told(ORDERS) == read.reading.told(ORDERS)  # to look is not to be answered

    read.answer(ms=20, end=0, position=0)
    assert read.reading.told(ORDERS) < asked
    read.answer(ms=15, end=0, position=0)  # somebody has set the clock

    assert read.reading.told(ORDERS) >= asked


def test_what_is_on_its_way_or_in_another_buffer_is_not_here() -> None:
    read, (record,) = Read(), a_batch(a_change()).records
    read.answer(ms=10, end=1, position=0)
    assert read.reading.told(ORDERS) == UNREAD

    read.fetched.hand_over([Run(epoch=0, records=[record])], {PLACE: 1})
    assert read.reading.told(ORDERS) == UNREAD
    read.owned.inputs.add(a_batch(a_change()))

    assert read.reading.told(ORDERS) == 1


def test_the_answer_is_looked_at_before_what_it_left_unread() -> None:
    read = Read()
    read.answer(ms=10, end=0, position=0)
    read.broker.asked.clear()

    read.reading.told(ORDERS)

    assert read.broker.asked == ["answered", "lag"]
