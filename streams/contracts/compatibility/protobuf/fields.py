"""Fields: what a change of type, label or name does to one field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from .found import Found, under
from .rules import BREAKS_ON_WIRE
from .schema import SCALARS, Named, Names, ProtoEnum, ProtoField, ProtoMessage

Compare = Callable[[ProtoMessage, ProtoMessage, str, str], Iterator[Found]]
T = TypeVar("T")

_WIRE = {
    "int32": "number", "int64": "number", "uint32": "number", "uint64": "number", "bool": "number", "enum": "number",
    "sint32": "zigzag", "sint64": "zigzag", "string": "text", "bytes": "text", "fixed32": "fixed32",
    "sfixed32": "fixed32", "fixed64": "fixed64", "sfixed64": "fixed64", "float": "float", "double": "double",
}  # fmt: skip
"""Types of a group have the same bytes for the values that both have."""
_JSON = {"bool": "bool", "string": "string", "bytes": "bytes", "enum": "enum", "float": "real", "double": "real"}
"""How JSON writes a scalar; all others are whole numbers, of which readers take digits in quotes, too."""


class FieldRules:
    """Compares fields of the same number."""

    def __init__(self, old: Names, new: Names, compare: Compare) -> None:
        self._old = old
        self._new = new
        self._compare = compare

    def changes(self, old: ProtoField, new: ProtoField, was: str, now: str) -> Iterator[Found]:
        """Every change; ``was`` and ``now``: full names of the messages around."""
        if old.name != new.name:
            yield Found("FIELD_NAME_CHANGED")
        if old.json_name != new.json_name and old.name == new.name:
            yield Found("FIELD_JSON_NAME_CHANGED")
        before, after = self._old.resolve(old.type, was), self._new.resolve(new.type, now)
        kinds = (_kind(old, before), _kind(new, after))
        if kinds[0] != kinds[1]:
            yield Found("FIELD_KIND_CHANGED")
            return
        yield from self._type_changes(old, new, before, after)
        yield from _label_changes(old, new, _scalar(old.type, before), _scalar(new.type, after))

    def _type_changes(
        self, old: ProtoField, new: ProtoField, before: Named | None, after: Named | None
    ) -> Iterator[Found]:
        if old.key or new.key:
            yield from _scalar_changes(old.key, new.key)
        was, now = _scalar(old.type, before), _scalar(new.type, after)
        if was and now:
            yield from _scalar_changes(was, now)
        elif was or now:
            yield Found("FIELD_KIND_CHANGED")
        elif before is None or after is None:
            if old.type.lstrip(".") != new.type.lstrip("."):
                yield Found("FIELD_NAMED_TYPE_CHANGED")
        else:
            yield from self._named_changes(before, after)

    def _named_changes(self, before: Named, after: Named) -> Iterator[Found]:
        if before.local != after.local:
            yield Found("FIELD_NAMED_TYPE_CHANGED")
            return
        # What the file itself defines is compared where it is defined.
        if before.is_own and after.is_own:
            return
        if isinstance(before.held, ProtoMessage) and isinstance(after.held, ProtoMessage):
            inner = tuple(self._compare(before.held, after.held, before.full, after.full))
            if any(one.code in BREAKS_ON_WIRE for one in inner):
                yield Found("FIELD_NAMED_TYPE_CHANGED")
            yield from under(("type",), inner)


def _kind(held: ProtoField, named: Named | None) -> str:
    """A map, a message, or something that is one value on the wire."""
    if held.key:
        return "map"
    return "scalar" if _scalar(held.type, named) else "message"


def _scalar(name: str, named: Named | None) -> str:
    """The scalar that ``name`` is on the wire, ``enum`` for enums; empty for messages."""
    if named is not None:
        return "enum" if isinstance(named.held, ProtoEnum) else ""
    return name if name in SCALARS else ""


def _scalar_changes(was: str, now: str) -> Iterator[Found]:
    if _WIRE.get(was) != _WIRE.get(now):
        yield Found("FIELD_SCALAR_KIND_CHANGED")
    elif was != now:
        yield Found("FIELD_TYPE_CHANGED" if _JSON.get(was) == _JSON.get(now) else "FIELD_JSON_TYPE_CHANGED")


def _label_changes(old: ProtoField, new: ProtoField, was: str, now: str) -> Iterator[Found]:
    if old.key or new.key:
        return
    if (old.label == "repeated") != (new.label == "repeated"):
        kind = "MESSAGE" if not now else "STRING_OR_BYTES" if _WIRE[now] == "text" and was else "NUMERIC"
        yield Found(f"FIELD_{kind}_LABEL_CHANGED")
    elif (old.label == "required") != (new.label == "required"):
        yield Found("FIELD_MADE_REQUIRED" if new.label == "required" else "FIELD_NO_LONGER_REQUIRED")
