"""Following: the oracle in stretches: what was published is held against the source as both grow, and then forgotten.

As ``oracle``, it imports nothing of ``streams``. Memory: what is not published yet, a bit an order, and the windows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults import kafkalog, oracle
from tests.faults.kafkalog import LogRecord

LOOK_S = 10.0
TRIM = 20_000
"""So many records that could go stay in each partition; as many again, and they are taken away."""
LSN_OF_FIRST, LSN_STEP = 23_000_000, 56
"""Workload W's log positions follow from its numbers, which come to a bit each."""


class Bits:
    """A set of small numbers."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] & 1 << (number & 7))

    def add(self, number: int) -> None:
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 65_536 - len(self._bits)))
        self._bits[place] |= 1 << (number & 7)


class Seen:
    """A set of (id, lsn), in a bit each where the lsn follows from the id."""

    def __init__(self) -> None:
        self._plain = Bits()
        self._others: set[tuple[int, int]] = set()

    def __contains__(self, identity: object) -> bool:
        assert isinstance(identity, tuple)
        return identity[0] in self._plain if _is_plain(identity) else identity in self._others

    def add(self, identity: tuple[int, int]) -> None:
        if _is_plain(identity):
            self._plain.add(identity[0])
        else:
            self._others.add(identity)


def _is_plain(identity: tuple[int, int]) -> bool:
    return identity[1] == LSN_OF_FIRST + (identity[0] - 1) * LSN_STEP


class Comparison:
    """What is published and what is dead, against what the source asks for; all counts zero if the engine is right."""

    def __init__(self) -> None:
        self.wanted = oracle.Expected(seen=Seen())
        """Its rows and dead letters are those that have not been found yet."""
        self._passed: dict[bytes, dict[int, oracle.Row]] = {}
        """By key rows that were not there where they should have been: lost, or yet to come behind others."""
        self._found = Bits()
        self.counts = dict.fromkeys(("duplicated", "unexpected", "out of order", "wrong values",
                                     "dead letters too many"), 0)  # fmt: skip

    def take_source(self, records: Iterable[LogRecord]) -> None:
        """The next of a partition of the source."""
        oracle.recompute(records, {}, self.wanted)

    def take_published(self, records: Iterable[LogRecord]) -> None:
        """The next of a partition of what is published; all that they came of has been taken."""
        for key, rows in oracle.read_published(records).items():
            for row in rows:
                self._take(key, row)

    def _take(self, key: bytes, row: oracle.Row) -> None:
        if row[0] in self._found:
            self.counts["duplicated"] += 1
            return
        self._found.add(row[0])
        waiting, passed = self.wanted.published.get(key, []), self._passed.setdefault(key, {})
        place = next((place for place, wanted in enumerate(waiting) if wanted[0] == row[0]), None)
        if place is not None:
            passed.update((wanted[0], wanted) for wanted in waiting[:place])
            self.counts["wrong values"] += waiting[place] != row
            del waiting[: place + 1]
        elif row[0] in passed:
            self.counts["out of order"] += 1
            self.counts["wrong values"] += passed.pop(row[0]) != row
        else:
            self.counts["unexpected"] += 1

    def take_dead(self, records: Iterable[LogRecord]) -> None:
        """The next dead letters."""
        for place in oracle.read_dead(records).elements():
            if self.wanted.dead.pop(place, None) is None:
                self.counts["dead letters too many"] += 1

    def figures(self) -> dict[str, int]:
        """What is missing now counts as lost: to be asked when everything has been processed."""
        left = [*self.wanted.published.values(), *self._passed.values()]
        return {"lost": sum(map(len, left)), "dead letters lost": self.wanted.dead.total(), **self.counts}


class Follower:
    """Reads on every few seconds, in a thread; a context manager."""

    def __init__(self, brokers: str, topics: tuple[str, str, str], group: str) -> None:
        """``topics``: the source, where orders are published, where dead letters are."""
        self._brokers = brokers
        self._source, self._published, self._dead = topics
        self._group = group
        self._next: dict[tuple[str, int], int] = {}
        self._trimmed: dict[tuple[str, int], int] = {}
        self.comparison = Comparison()
        self.trouble: list[str] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower")

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """No more looks by itself."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_S):
            try:
                self.look()
                self._trim()
            except (KafkaException, TimeoutError):
                continue  # brokers are away: the next look goes on where this one stopped
            except Exception as error:
                self.trouble.append(f"the oracle stopped: {type(error).__name__}: {error}")
                return

    def look(self) -> None:
        """Hold what is published by now against the source by now."""
        held = {topic: self._read(topic) for topic in (self._published, self._dead, self._source)}  # the source last
        for records, _ in held[self._source].values():
            self.comparison.take_source(records)
        for records, _ in held[self._published].values():
            self.comparison.take_published(records)
        for records, _ in held[self._dead].values():
            self.comparison.take_dead(records)
        for topic, parts in held.items():
            self._next.update(((topic, number), end) for number, (_, end) in parts.items())

    def _read(self, topic: str) -> dict[int, tuple[list[LogRecord], int]]:
        """By partition what is new, and where it ends."""
        with kafkalog.client(self._brokers) as reader:
            return {number: kafkalog.read_on(reader, topic, number, self._next.get((topic, number), 0))
                    for number in kafkalog.partitions_of(reader, topic)}  # fmt: skip

    def _trim(self) -> None:
        """Delete what was judged, and of the source what is committed, so that disks hold a run of any length."""
        committed = kafkalog.committed(self._brokers, self._group, self._source)
        gone: dict[tuple[str, int], int] = {}
        for (topic, number), end in self._next.items():
            until = min(end, committed[number]) if topic == self._source else end
            if until - self._trimmed.get((topic, number), 0) > 2 * TRIM:
                gone[topic, number] = until - TRIM
        if not gone:
            return
        admin = AdminClient({"bootstrap.servers": self._brokers})  # must outlive its question
        places = [TopicPartition(topic, number, until) for (topic, number), until in gone.items()]
        for future in admin.delete_records(places).values():
            future.result(30)
        self._trimmed |= gone
