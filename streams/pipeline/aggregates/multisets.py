"""Multisets: which values a group has, and each how often. They stand in a table of their own, in the order of values.

What has been added can be taken away again, and a group may have any number of values: a change of it reads and writes
the entries of its own values alone. A state holds what is read of them: how many there are, or the first ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from streams.records import ChangeEvent
from streams.state.table import Table

from ..entries import Entry
from ..expressions import Expression
from ..group import canonical
from ..plan import Accumulator, AggregateColumn, Evaluate
from .extremes import shown
from .sortable import descending, sort_key

Pair = tuple[object, object]
"""What decides the place of a value (``None``: the value itself), and the value, both in JSON view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiset:
    """The values of one aggregate column."""

    name: str
    """Of its column."""
    number: int
    """Which of the aggregation's."""
    slot: int
    """Of the state: how many values there are, or those that are shown; in the next slot where they end."""
    most: int
    """How many are shown, from the first one; zero: only their number is."""
    show: Evaluate
    place: Evaluate | None = None
    is_descending: bool = False

    def pair_of(self, event: ChangeEvent) -> Pair | None:
        """What ``event`` has; ``None`` where it is NULL."""
        value = canonical(self.show(event))
        if value is None or self.place is None:
            return None if value is None else (None, value)
        place = canonical(self.place(event))
        return None if place is None else (place, value)

    def key_of(self, pair: Pair) -> bytes:
        """Sorts as the values shall; equal values have the same."""
        place, value = pair
        if self.place is None:
            return descending(sort_key(value)) if self.is_descending else sort_key(value)
        key = sort_key(place)
        return (descending(key) if self.is_descending else key) + sort_key(value)


Counts = dict[bytes, tuple[int, Pair]]
"""By sorting key: how often a value has come, less how often it has gone."""


def count_in(counts: Counts, key: bytes, by: int, pair: Pair) -> None:
    """Note that a value came ``by`` times, or went."""
    held = counts.get(key)
    if held is None:
        counts[key] = by, pair
    elif held[0] + by:
        counts[key] = held[0] + by, held[1]
    else:
        del counts[key]



@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """What comes and goes of one group's values."""

    space: bytes
    """Where they stand in the table."""
    multiset: Multiset
    state: Accumulator
    """Of the group; what is shown of the values is written into it."""
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Settled:
    came: dict[bytes, object]
    """By sorting key, values that were not there."""
    went: set[bytes]
    """Those that are not there any more."""


def space_of(group: bytes, number: int) -> bytes:
    """Where the values of one column of a group stand; no group's key begins another's, as JSON arrays end."""
    return group + bytes((number,))


def change_values(changes: list[GroupChange], values: Table[Entry]) -> None:
    """Write what came and went into ``values``, and what is shown now into the states."""
    stored = values.get_many([change.space + key for change in changes for key in change.counts])
    written: dict[bytes, Entry | None] = {}
    settled = [_settle(change, stored, written) for change in changes]
    values.put_many(written)
    anew = [change for change, held in zip(changes, settled, strict=True) if not _is_known(change, held)]
    entries = values.scan_each([change.space for change in anew])
    for change, held in zip(anew, entries, strict=True):
        _show(change, held)


def _settle(change: GroupChange, stored: Mapping[bytes, Entry | None], written: dict[bytes, Entry | None]) -> _Settled:
    settled = _Settled({}, set())
    for key, (by, pair) in change.counts.items():
        whole = change.space + key
        held = stored.get(whole)
        if held is not None:
            left = held.count + by
            written[whole] = Entry(left, held.place, held.value) if left > 0 else None
            if left <= 0:
                settled.went.add(key)
        elif by > 0:
            written[whole] = Entry(by, *pair)
            settled.came[key] = pair[1]
    return settled


def _is_known(change: GroupChange, settled: _Settled) -> bool:
    """Whether what is shown now follows from what was shown before; then it stands in the state."""
    multiset, state = change.multiset, change.state
    if multiset.most == 0:
        state[multiset.slot] += len(settled.came) - len(settled.went)  # type: ignore[operator]  # an int
        return True
    end = state[multiset.slot + 1]
    last = None if end is None else bytes.fromhex(str(end))
    if multiset.most > 1:
        return last is not None and all(key > last for key in change.counts)
    if last in settled.went:
        return False
    if settled.came and (first := min(settled.came)) and (last is None or first < last):
        state[multiset.slot], state[multiset.slot + 1] = [settled.came[first]], first.hex()
    return True


def _show(change: GroupChange, entries: Iterator[tuple[bytes, Entry]]) -> None:
    multiset, end = change.multiset, None
    values: list[object] = []
    for key, entry in entries:
        values += [entry.value] * min(entry.count, multiset.most - len(values))
        if len(values) == multiset.most:
            end = key[len(change.space) :].hex()
            break
    change.state[multiset.slot], change.state[multiset.slot + 1] = values, end


# -- columns that are read of multisets


def _ignore(*_: object) -> None:
    """Nothing of a multiset is kept in slots that events write."""


def distinct_count(name: str, slot: int, argument: Expression, number: int) -> tuple[AggregateColumn, Multiset]:
    """How many different values there are, exactly."""
    multiset = Multiset(name=name, number=number, slot=slot, most=0, show=shown(argument))
    return _column(name, (0,), itemgetter(slot)), multiset


def first_values(
    name: str, multiset: Multiset, present: Callable[[list[object]], object]
) -> tuple[AggregateColumn, Multiset]:
    """What ``present`` makes of the first values."""
    slot = multiset.slot
    return _column(name, ([], None), lambda state: present(state[slot])), multiset  # type: ignore[arg-type]  # a list


def _column(name: str, initial: tuple[object, ...], read: Callable[[Accumulator], object]) -> AggregateColumn:
    return AggregateColumn(name=name, initial=initial, update=_ignore, retract=_ignore, merge=_ignore, read=read)
