"""Sketches: about how many distinct values, and about which value stands where.

``approx_count_distinct`` is a HyperLogLog of 4,096 registers (datasketches, about 2 kB a group, standard error 1.6 %);
up to a few hundred values it is nearly exact. ``approx_quantile`` counts values in buckets a percent wide (the mapping
of DDSketch): what it says is within 0.5 % of a value at that rank.

datasketches' own quantile sketches flip coins, so that the same input would not give the same bytes, and what was
added cannot be taken back. Counts of buckets can, are the same in whatever order they were added, and merge exactly.
"""

from __future__ import annotations

from base64 import b64decode
from decimal import Context, Decimal

from datasketches import HLL_4, hll_sketch, hll_union
from ddsketch.mapping import LogarithmicMapping

from streams.records import ChangeEvent

from ..expressions import Expression
from ..group import canonical
from ..plan import Accumulator, AggregateColumn
from ..tables import encode_key
from .extremes import shown

_LOG2_REGISTERS = 12
_BUCKETS = LogarithmicMapping(0.005)
_SHOWN = Context(prec=4)
"""Digits of a quantile: more would only be noise."""


def distinct_estimate(name: str, slot: int, argument: Expression) -> AggregateColumn:
    """About how many values there are. A value cannot be taken back."""
    show = shown(argument)

    def update(state: Accumulator, event: ChangeEvent) -> None:
        value = show(event)
        if value is not None:
            sketch = _sketch_of(state[slot])
            sketch.update(encode_key([canonical(value)]).decode())
            state[slot] = sketch.serialize_compact()

    def merge(into: Accumulator, other: Accumulator) -> None:
        union = _union(into[slot], other[slot])
        into[slot] = union.get_result(HLL_4).serialize_compact()

    def read(state: Accumulator) -> object:
        # Joined with itself: the estimate is then of the registers alone, in whatever order the values came.
        return round(_union(state[slot], state[slot]).get_estimate())

    return AggregateColumn(name=name, initial=(None,), update=update, merge=merge, read=read)


def _sketch_of(held: object) -> hll_sketch:
    """A slot holds bytes, or what the store has made of them, base64."""
    if held is None:
        return hll_sketch(_LOG2_REGISTERS, HLL_4)
    return hll_sketch.deserialize(b64decode(held) if isinstance(held, str) else held)


def _union(*held: object) -> hll_union:
    union = hll_union(_LOG2_REGISTERS)
    for slot in held:
        union.update(_sketch_of(slot))
    return union


def quantile(name: str, slot: int, argument: Expression, fraction: Decimal) -> AggregateColumn:
    """The value at rank ``fraction`` x (values - 1), to four digits."""
    evaluate = argument.evaluate

    def step(state: Accumulator, event: ChangeEvent, by: int) -> None:
        value = evaluate(event)
        if value is not None:
            state[slot] = _added(state[slot], {_bucket_of(value): by})  # type: ignore[arg-type]  # buckets

    def merge(into: Accumulator, other: Accumulator) -> None:
        into[slot] = _added(into[slot], other[slot])  # type: ignore[arg-type]

    return AggregateColumn(
        name=name,
        initial=({},),
        update=lambda state, event: step(state, event, 1),
        retract=lambda state, event: step(state, event, -1),
        merge=merge,
        read=lambda state: _at_rank(state[slot], fraction),  # type: ignore[arg-type]
    )


Buckets = dict[str, int]
"""How many values there are, by sign and number of their bucket: ``+17``, ``-3``, ``0``."""


def _bucket_of(value: object) -> str:
    """Numbers that no float holds go to the outermost buckets, and to the one of zero."""
    size = abs(float(Decimal(value)))  # type: ignore[arg-type]  # an int or a decimal
    if size < _BUCKETS.min_possible:
        return "0"
    number = _BUCKETS.key(min(size, _BUCKETS.max_possible))
    return f"{'-' if value < 0 else '+'}{number}"  # type: ignore[operator]


def _added(held: Buckets, more: Buckets) -> Buckets:
    counts = dict(held)
    for bucket, count in more.items():
        left = counts.get(bucket, 0) + count
        if left:
            counts[bucket] = left
        else:
            counts.pop(bucket, None)
    return counts


def _at_rank(held: Buckets, fraction: Decimal) -> object:
    if not held:
        return None
    left = int(fraction * (sum(held.values()) - 1))
    for value, count in sorted((_value_of(bucket), count) for bucket, count in held.items()):
        if left < count:
            return canonical(_SHOWN.create_decimal_from_float(value))
        left -= count
    raise ValueError("a rank is less than the number of values")


def _value_of(bucket: str) -> float:
    if bucket == "0":
        return 0.0
    sign = -1.0 if bucket[0] == "-" else 1.0
    return sign * float(_BUCKETS.value(int(bucket[1:])))
