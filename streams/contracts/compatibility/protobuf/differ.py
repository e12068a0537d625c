"""Differ: every change between two Protobuf files, as the wire sees it and as JSON sees it.

Fields are known on the wire by their number, in JSON by their name. Sources: "Updating A Message Type" and "JSON
Mapping" of Protobuf's documentation; what counts as compatible on the wire is what Confluent's registry says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .fields import FieldRules
from .found import Found, under
from .schema import Names, ProtoEnum, ProtoField, ProtoFile, ProtoMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A file with every name it can use."""

    file: ProtoFile
    names: Names


class Differ:
    """Compares two files."""

    def __init__(self, old: Side, new: Side) -> None:
        self._old = old
        self._new = new
        self._open: set[tuple[int, int]] = set()
        self._fields = FieldRules(old.names, new.names, self.message_changes)

    def changes(self) -> Iterator[Found]:
        """Every change from the old file to the new one."""
        old, new = self._old.file, self._new.file
        if old.package != new.package:
            yield Found("PACKAGE_CHANGED")
        yield from self._inner_changes(old.top, new.top, old.package, new.package)

    def message_changes(self, old: ProtoMessage, new: ProtoMessage, was: str, now: str) -> Iterator[Found]:
        """Of a message and all in it; ``was`` and ``now``: its full names."""
        pair = (id(old), id(new))
        if pair in self._open:
            return
        self._open.add(pair)
        try:
            yield from _oneof_changes(old, new)
            yield from self._field_changes(old, new, was, now)
            yield from self._inner_changes(old, new, was, now)
        finally:
            self._open.discard(pair)

    def _field_changes(self, old: ProtoMessage, new: ProtoMessage, was: str, now: str) -> Iterator[Found]:
        for number in sorted(old.fields.keys() | new.fields.keys()):
            before, after = old.fields.get(number), new.fields.get(number)
            if before is not None and after is not None:
                place = (after.oneof, str(number)) if before.oneof == after.oneof != "" else (str(number),)
                yield from under(place, self._fields.changes(before, after, was, now))
            elif after is not None:
                yield from _came_or_went("ADDED", after, after.oneof in old.oneofs)
                if old.reserved.has_number(number):
                    yield Found("RESERVED_NUMBER_USED", (str(number),))
            elif before is not None:
                yield from _came_or_went("REMOVED", before, before.oneof in new.oneofs)

    def _inner_changes(self, old: ProtoMessage, new: ProtoMessage, was: str, now: str) -> Iterator[Found]:
        order = (list(old.messages), list(new.messages))
        for name in dict.fromkeys((*old.messages, *new.messages)):
            if name not in new.messages or name not in old.messages:
                yield Found("MESSAGE_ADDED" if name in new.messages else "MESSAGE_REMOVED", (name,))
                continue
            inner = (old.messages[name], new.messages[name])
            yield from under((name,), self.message_changes(*inner, _joined(was, name), _joined(now, name)))
            if order[0].index(name) != order[1].index(name):
                yield Found("MESSAGE_MOVED", (name,))
        for name in dict.fromkeys((*old.enums, *new.enums)):
            if name in old.enums and name in new.enums:
                yield from under((name,), _enum_changes(old.enums[name], new.enums[name]))
            else:
                yield Found("ENUM_ADDED" if name in new.enums else "ENUM_REMOVED", (name,))


def _oneof_changes(old: ProtoMessage, new: ProtoMessage) -> Iterator[Found]:
    """A oneof holds one field: what used to be set together no longer can be."""
    for name in new.oneofs:
        members = [number for number, held in new.fields.items() if held.oneof == name and number in old.fields]
        came = [number for number in members if not old.fields[number].oneof]
        were_in = {old.fields[number].oneof for number in members} - {""}
        if len(came) > 1:
            yield Found("MULTIPLE_FIELDS_MOVED_TO_ONEOF", (name,))
        elif came and were_in:
            yield Found("FIELD_MOVED_TO_EXISTING_ONEOF", (name,))
        elif len(were_in) > 1:
            yield Found("ONEOFS_MERGED", (name,))
        if name not in old.oneofs:
            yield Found("ONEOF_ADDED", (name,))
    for name in old.oneofs:
        if name not in new.oneofs:
            yield Found("ONEOF_REMOVED", (name,))


def _came_or_went(change: str, held: ProtoField, has_oneof: bool) -> Iterator[Found]:
    number = str(held.number)
    if held.oneof and has_oneof:
        yield Found(f"ONEOF_FIELD_{change}", (held.oneof, number))
    elif held.label == "required":
        yield Found(f"REQUIRED_FIELD_{change}", (number,))
    else:
        yield Found(f"FIELD_{change}", (number,))


def _enum_changes(old: ProtoEnum, new: ProtoEnum) -> Iterator[Found]:
    for number in sorted(old.constants.keys() | new.constants.keys()):
        before, after = old.constants.get(number), new.constants.get(number)
        if before is None or after is None:
            yield Found("ENUM_CONST_ADDED" if before is None else "ENUM_CONST_REMOVED", (str(number),))
            if old.reserved.has_number(number):
                yield Found("RESERVED_NUMBER_USED", (str(number),))
        elif set(before) != set(after):
            is_wider = set(before) < set(after)
            yield Found("ENUM_ALIAS_ADDED" if is_wider else "ENUM_CONST_CHANGED", (str(number),))


def _joined(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name
