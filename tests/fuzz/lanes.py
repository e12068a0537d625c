"""Lanes: damaged records of a plain pipeline go both ways, in C and in Python; a difference is a finding."""

from __future__ import annotations

from random import Random

from streams.records import Headers, SourceRecord

from ..pipeline.lane.rows import a_value
from ..pipeline.lane.ways import NATIVE, PYTHON, walked
from .binary import damage_bytes
from .check import EVENT, SKIPPED, Finding


def make_record(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
    """The next input."""
    value = a_value(chance, wildness=0.3)
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        value = damage_bytes(value, a_value(chance, wildness=0.3), chance)
    return b"{}", value, ()


def both_ways(record: SourceRecord) -> str:
    """What became of it twice, first in an empty task and then as a duplicate."""
    left = walked(NATIVE, [[record], [record]])
    if left != walked(PYTHON, [[record], [record]]):
        raise Finding("the lane leaves something else")
    counts, reasons, *_ = left.outcomes[0]
    return next(iter(reasons), SKIPPED if "FILTERED" in {outcome.name for outcome in counts} else EVENT)
