"""Line: which events of a batch go on, which are tried again, and which wait for another of their row.

An event whose row waits goes nowhere, so it must be out of the steps that it would have passed: they are walked again
without those that fail and what stands behind them, until none fails. Nothing is written in these steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from streams.errors import JoinUnansweredError, PipelineError
from streams.ledger import DeadLetter, Ledger, Outcome
from streams.records import ChangeEvent, Delivery, Operation, Walk

from ..joining.wire import Question, encode
from ..moves import moved_to
from ..order import order_of
from ..plan import Plan
from .plan import InOrder, Retries
from .tables import Asking, Head, Parked, RetryTables
from .wire import Return, retry_headers

Place = tuple[int, int]
"""(offset, part): an event of a batch."""
Match = Callable[[Walk, Ledger], Walk]
ASKED = "join_asked"
"""Why an event waits for a reply: no failure, so it is no reason of a dead letter."""
WHOLE = frozenset({Operation.INSERT, Operation.UPDATE, Operation.READ})


def part_of(event: ChangeEvent, retries: Retries) -> int:
    """Which event of its record it is: a row under its old key goes before the one under its new key."""
    return int(retries.is_split and event.operation is not Operation.DELETE)


class Line:
    """The events of one batch, and what they wait for. ``returns``: those among them that rows wait for already."""

    def __init__(
        self, plan: Plan, retries: Retries, tables: RetryTables, events: list[ChangeEvent],
        returns: Mapping[Place, Return],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._retries = retries
        self._tables = tables
        self._returns = returns
        self._placed = {self._place_of(event): event for event in events}
        self._rows = {place: retries.row_of(event) for place, event in self._placed.items()}
        self._heads = self._stored(events)
        self._failing: dict[Place, PipelineError] = {}
        self._taking: dict[Place, bytes] = {}
        """Events that would take the place of what waits, and whose."""
        self._leaving: set[Place] = set()
        """Those that turned out not to go on, and so take nobody's place."""
        self._parked: list[tuple[Place, bytes]] = []
        self._again: list[Place] = []
        """Of the failing, those that wait for no other."""
        self._overtaken = 0
        self.retried: set[int] = set()
        """Offsets of the events that wait for their next attempt."""
        self.superseded = 0
        """Events that were parked before this batch and whose place one of it takes."""
        self._new: dict[bytes, Head] = {}
        """Rows that begin to wait, or get another name, in this batch."""

    def _place_of(self, event: ChangeEvent) -> Place:
        return event.record.offset, part_of(event, self._retries)

    def _moved(self, event: ChangeEvent) -> bytes | None:
        key = moved_to(event, self._plan.key)
        return None if key is None else self._retries.row_at(key)

    def _stored(self, events: list[ChangeEvent]) -> Mapping[bytes, Head]:
        held = self._tables.current()
        if self._retries.in_order is InOrder.IGNORE or not (held.retrying or held.parked):
            return {}
        rows = {row for row in (*self._rows.values(), *map(self._moved, events)) if row is not None}
        found = self._tables.heads.get_many(rows)
        heads = {row: head for row in rows if (head := found.get(row)) is not None}
        roots = {head.root for head in heads.values() if head.root} - heads.keys()
        found = self._tables.heads.get_many(roots)
        return heads | {row: head for row in roots if (head := found.get(row)) is not None}

    # -- who goes on

    def pass_through(self, walk: Walk, match: Match, ledger: Ledger) -> tuple[Walk, Ledger]:
        """``walk`` with those that go on, matched, and the ledger of that."""
        while True:
            free = self._split()
            branch = ledger.branch()
            gone = self._placed.keys() - {self._place_of(event) for event in free}
            decoded = [event for event in walk.decoded if self._place_of(event) not in gone] if gone else walk.decoded
            matched = match(replace(walk, decoded=decoded, came=free), branch)
            failed = {self._place_of(failure.event): failure.error for failure in branch.failures}
            passed = {self._place_of(event) for event in matched.passed} if self._taking else frozenset()
            leaving = self._taking.keys() - passed - failed.keys() - self._failing.keys() - self._leaving
            if not failed and not leaving:
                return matched, branch
            if failed.keys() <= self._failing.keys() and not leaving:
                raise RuntimeError("an event fails that was not asked")
            self._failing |= failed
            self._leaving |= leaving

    def _split(self) -> list[ChangeEvent]:
        """The events that nothing is known against."""
        free: list[ChangeEvent] = []
        self._new, self._parked, self._again, self._taking, self._overtaken = {}, [], [], {}, 0
        freed: set[bytes] = set()
        for place, event in self._placed.items():
            row, root = self._rows[place], None
            if row is not None and place not in self._returns and self._retries.in_order is not InOrder.IGNORE:
                root = self._root(row, freed)
            if root is not None and self._takes_place(event, place, row, root):
                self._taking[place] = root
                if place not in self._leaving:
                    freed.add(root)
                    self._overtake(root)
                    root = None
            if root is not None and place not in self._leaving:
                self._parked.append((place, root))
                self._name(event, root)
            elif place in self._failing:
                self._again.append(place)
                self._begin(place, event, row)
            else:
                free.append(event)
        return free

    def _overtake(self, root: bytes) -> None:
        """What this batch has let wait for ``root`` is not needed any more."""
        self._new = {name: head for name, head in self._new.items() if root not in (name, head.root)}
        kept = [(place, other) for place, other in self._parked if other != root]
        self._overtaken += len(self._parked) - len(kept)
        self._parked = kept

    def _root(self, row: bytes, freed: set[bytes]) -> bytes | None:
        """The row that ``row`` waits for or under; ``None``: it does not wait."""
        head = self._new.get(row)
        if head is not None:
            return head.root or row
        head = self._heads.get(row)
        root = None if head is None else head.root or row
        return None if root in freed else root

    def _takes_place(self, event: ChangeEvent, place: Place, row: bytes | None, root: bytes) -> bool:
        """Whether ``event`` says all that those would have said that ``row`` waits for."""
        if self._retries.in_order is not InOrder.SUPERSEDE or row != root:
            return False
        is_whole = event.operation is Operation.DELETE or (event.operation in WHOLE and not event.unsent)
        head = self._new.get(root) or self._heads.get(root)
        return is_whole and head is not None and order_of(event) >= head.order

    def _begin(self, place: Place, event: ChangeEvent, row: bytes | None) -> None:
        """Later events of the row wait for this one."""
        if row is None or place in self._returns or self._retries.in_order is InOrder.IGNORE:
            return
        self._new[row] = Head(offset=place[0], part=place[1], order=order_of(event))
        self._name(event, row)

    def _name(self, event: ChangeEvent, root: bytes) -> None:
        """A row whose key changes while it waits does so under both."""
        moved = self._moved(event)
        if moved is not None and moved != root and moved not in self._new and moved not in self._heads:
            head = self._new.get(root) or self._heads[root]
            self._new[moved] = Head(root=root)
            self._new[root] = replace_names(head, (*head.names, moved))

    # -- what becomes of the others

    def settle(self, ledger: Ledger, *, found: Mapping[int, int], now_ms: int) -> list[Delivery]:
        """Note who waits now; those that are tried again, as records. ``found``: the watermark by offset."""
        for root in dict.fromkeys(root for place, root in self._taking.items() if place not in self._leaving):
            if root in self._heads:
                freed = self._tables.free(root)
                self._tables.take_early((offset, part) for offset, part, _ in freed)
                self.superseded += len(freed)
        self._tables.heads.put_many(dict(self._new))
        for place, root in self._parked:
            self._tables.park(root, *place, _parked(self._placed[place], found[place[0]]))
        ledger.end(Outcome.PARKED, len(self._parked))
        ledger.end(Outcome.FILTERED, self._overtaken)
        sent = [one for place in self._again if (one := self._retry(place, ledger, found, now_ms)) is not None]
        return [*sent, *self._ask_early()]

    def _ask_early(self) -> Iterator[Delivery]:
        """Questions of events that wait for others of their rows: when their turn comes they know."""
        for place, _ in self._parked:
            if isinstance(error := self._failing.get(place), JoinUnansweredError):
                self._tables.ask_early(*place)
                yield self._question(place, error)

    def _retry(self, place: Place, ledger: Ledger, found: Mapping[int, int], now_ms: int) -> Delivery | None:
        event, error, back = self._placed[place], self._failing[place], self._returns.get(place)
        attempt = 1 if back is None else back.attempt
        if isinstance(error, JoinUnansweredError):
            return self._ask(place, error, ledger, found)
        first_ms = now_ms if back is None else back.first_failed_ms or now_ms
        waited = {} if back is None else back.waited
        delay_ms = self._retries.delay_ms(error.reason, waited.get(error.reason, 0))
        if delay_ms is None:
            ledger.bury(event.record, error, attempts=attempt, first_failed_ms=first_ms)
            return None
        ledger.note_retry(error.reason)
        self._tables.note(retrying=1)
        self.retried.add(event.record.offset)
        next_one = Return(
            record=event.record,
            part=place[1],
            row=self._name_in_topic(place),
            attempt=attempt + 1,
            found_ms=found[place[0]],
            first_failed_ms=first_ms,
            waited={**waited, error.reason: waited.get(error.reason, 0) + 1},
        )
        return self._deliver(next_one, error, delay_ms, now_ms)

    def _ask(
        self, place: Place, error: JoinUnansweredError, ledger: Ledger, found: Mapping[int, int]
    ) -> Delivery:
        """A question to the task of a partner; the event itself waits here."""
        event, back = self._placed[place], self._returns.get(place)
        ledger.note_retry(ASKED)
        self._tables.note(retrying=1)
        self.retried.add(event.record.offset)
        asking = Asking(
            event=_parked(event, found[place[0]]),
            row=self._name_in_topic(place),
            attempt=1 if back is None else back.attempt,
            first_failed_ms=0 if back is None else back.first_failed_ms,
            waited={} if back is None else dict(back.waited),
            answers={} if back is None else {join: encode(held) for join, held in back.answers.items()},
        )
        self._tables.ask(*place, asking)
        return self._question(place, error)

    def _question(self, place: Place, error: JoinUnansweredError) -> Delivery:
        event = self._placed[place]
        question = Question(
            partition=event.record.partition, offset=place[0], part=place[1], time_ms=event.event_time_ms
        )
        return Delivery(
            topic=self._retries.asks[error.join],
            key=error.ref.encode(),
            value=encode(question),
            timestamp_ms=max(event.event_time_ms, 0),
        )

    def _name_in_topic(self, place: Place) -> bytes:
        if place in self._returns:
            return self._returns[place].row
        return b"" if self._retries.in_order is InOrder.IGNORE else self._rows[place] or b""

    def _deliver(self, back: Return, error: PipelineError, delay_ms: int, now_ms: int) -> Delivery:
        record = back.record
        own = retry_headers(back, error, app=self._plan.app, due_ms=now_ms + delay_ms)
        return Delivery(
            topic=self._retries.topics[delay_ms],
            key=record.key,
            value=record.value,
            timestamp_ms=now_ms,
            headers=record.headers + own,
            partition=record.partition,
        )


def replace_names(head: Head, names: tuple[bytes, ...]) -> Head:
    """``head`` of a row with these further names."""
    return Head(offset=head.offset, part=head.part, order=head.order, names=names)


def _parked(event: ChangeEvent, found_ms: int) -> Parked:
    record = event.record
    return Parked(
        partition=record.partition,
        timestamp_ms=record.timestamp_ms,
        key=record.key,
        value=record.value,
        headers=record.headers,
        found_ms=found_ms,
    )


def with_attempts(letters: list[DeadLetter], returns: Mapping[int, Return]) -> list[DeadLetter]:
    """``letters`` that tell how often each was tried, and when first, whichever step has buried it."""
    return [
        replace(letter, attempts=back.attempt, first_failed_ms=back.first_failed_ms or None)
        if (back := returns.get(letter.record.offset)) is not None
        else letter
        for letter in letters
    ]
