"""Compare two Protobuf files: the wire decides, and what JSON readers would refuse is told beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Comparison, Found, Named, SchemaTextError, bump_of, to_differences
from .descriptors import read_proto
from .differ import Differ, Side
from .rules import BREAKS_IN_JSON, BREAKS_ON_WIRE, MESSAGES, hint_of
from .schema import Names, ProtoFile


def compare_protobuf(old: Any, new: Any, resources: Named) -> Comparison:
    """By bytes: ``backward`` and ``forward`` are of the wire. Changes that break JSON alone say so in ``breaks``."""
    try:
        before, after = _side(old, resources.old), _side(new, resources.new)
        backward, forward = _changes(before, after), _changes(after, before)
    except RecursionError:
        raise SchemaTextError("is nested too deep") from None
    reads_old = not any(one.breaks for one in backward)
    return Comparison(
        backward=reads_old,
        forward=not any(one.breaks for one in forward),
        # Every field may be absent, and an empty message is read by all: some old data always is.
        bump=bump_of(is_changed=bool(backward or forward), backward=reads_old, can_overlap=True),
        differences=to_differences(backward, forward),
    )


def _side(schema: Any, resources: Mapping[str, object]) -> Side:
    file = read_proto(schema)
    known: dict[str, ProtoFile] = {}
    waiting = list(file.imports)
    while waiting:
        name = waiting.pop()
        if name in resources and name not in known:
            known[name] = read_proto(resources[name])
            waiting += known[name].imports
    return Side(file=file, names=Names([file, *known.values()]))


def _changes(old: Side, new: Side) -> tuple[Found, ...]:
    found = dict.fromkeys(Differ(old, new).changes())
    return tuple(
        Found(code=one.code, path=one.path, message=MESSAGES[one.code], hint=hint_of(one.code),
              breaks=one.code in BREAKS_ON_WIRE, breaks_json=one.code in BREAKS_IN_JSON)
        for one in found
    )  # fmt: skip
