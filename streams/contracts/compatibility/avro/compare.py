"""Compare two Avro schemas: what changed, and which of it a reader cannot resolve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..model import Comparison, Found, Named, SchemaTextError, bump_of, to_differences
from .changes import changes_of
from .resolution import Resolution
from .schema import AvroType, read_avro

_HINTS = {
    "MISSING_UNION_BRANCH": "keep every branch that data has, and add the new one",
    "TYPE_MISMATCH": "add a field of the new type with a default, move readers, then drop the old field",
    "NAME_MISMATCH": "give the new type the old full name as an alias",
    "MISSING_ENUM_SYMBOLS": "keep the symbols, or give the enum a default",
    "FIXED_SIZE_MISMATCH": "add a field of the new size with a default, and drop the old one later",
    "READER_FIELD_MISSING_DEFAULT_VALUE": "give the field a default, or the old name as an alias if it was renamed",
    "DECIMAL_SCALE_MISMATCH": "add a field of the new scale with a default, and drop the old one later",
    "TIME_UNIT_MISMATCH": "add a field of the new unit with a default, and drop the old one later",
}


def compare_avro(old: Any, new: Any, resources: Named) -> Comparison:
    """By reader and writer: the new schema reads the old one's data, and the other way round."""
    try:
        before, after = read_avro(old, resources.old), read_avro(new, resources.new)
    except RecursionError:
        raise SchemaTextError("is nested too deep") from None
    backward, forward = (tuple(_clashes(*pair)) for pair in ((after, before), (before, after)))
    changes = tuple(changes_of(before, after))
    broken = {one.path for one in backward}
    return Comparison(
        backward=not backward,
        forward=not forward,
        bump=bump_of(
            is_changed=bool(changes or backward or forward),
            backward=not backward,
            can_overlap=not backward or Resolution().reads_some(after, before),
        ),
        # What clashes is told by the clash; the change that it comes from would say it twice.
        differences=to_differences((*backward, *(one for one in changes if one.path not in broken)), forward),
    )


def _clashes(reader: AvroType, writer: AvroType) -> Iterator[Found]:
    for clash in Resolution().clashes(reader, writer):
        yield Found(code=clash.code, path=clash.path, breaks=True, message=clash.message, hint=_HINTS[clash.code])
