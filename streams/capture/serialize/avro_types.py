"""Avro types: a column's Avro schema and values, as Debezium's PostgreSQL connector has them.

``decimal.handling.mode=precise``, ``time.precision.mode=adaptive``, ``schema.name.adjustment.mode=avro``. What Debezium
leaves out of a row because it does not know its type is text here. An array has one dimension.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import STRINGARRAY

from ..outgoing.envelope import UNAVAILABLE
from ..postgres import facts as oids
from ..postgres.facts import ColumnFacts
from . import times

AvroType = Any
"""An Avro schema as JSON."""
Write = Callable[[Any], object]
"""A value of a row, neither null nor unsent, as Avro has it; raises ``UnsayableError``."""
CONNECT_DECIMAL = "org.apache.kafka.connect.data.Decimal"
VARIABLE = "io.debezium.data.VariableScaleDecimal"


class UnsayableError(ValueError):
    """Avro has no such value; never holds it."""


class TooPreciseError(UnsayableError):
    """A decimal has more digits behind the point than its type, which the catalog has changed since."""


class NoNumberError(UnsayableError):
    """NaN or an infinity in a decimal: Debezium writes null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AvroColumn:
    """How values of a column are written."""

    type: AvroType
    write: Write
    zero: object
    """What Debezium makes up where it does not know a value that may not be null."""
    unsent: object = None
    """What stands for a value that PostgreSQL did not send; ``None``: nothing can."""


def same(value: object) -> object:
    """As it is."""
    return value


def number_bytes(number: int) -> bytes:
    """Java's ``BigInteger.toByteArray``."""
    size = (number + (number < 0)).bit_length() // 8 + 1
    return number.to_bytes(size, "big", signed=True)


def _unscaled(text: str) -> tuple[int, int]:
    """(digits as a number, how many of them stand behind the point)."""
    if text[-1:] in ("N", "y"):
        raise NoNumberError("NaN and infinities are no decimals")
    whole, _, fraction = text.partition(".")
    return int(whole + fraction), len(fraction)


def _fixed_decimal(scale: int) -> Write:
    def write(value: str) -> object:
        number, behind = _unscaled(value)
        if behind > scale:
            raise TooPreciseError("it has more digits behind the point than its type")
        return number_bytes(number * 10 ** (scale - behind))

    return write


def _variable_decimal(value: str) -> object:
    number, behind = _unscaled(value)
    return {"scale": behind, "value": number_bytes(number)}


def named(kind: str, name: str, **parameters: str) -> dict[str, object]:
    """A primitive type with a Connect name."""
    shown: dict[str, object] = {"type": kind, "connect.version": 1}
    if parameters:
        shown["connect.parameters"] = parameters
    return {**shown, "connect.name": name}


def _text(kind: AvroType = "string", zero: str = "") -> AvroColumn:
    return AvroColumn(type=kind, write=same, zero=zero, unsent=UNAVAILABLE)


def _bits(fact: ColumnFacts) -> AvroColumn:
    if fact.type_oid == oids.BIT and fact.typmod == 1:
        return AvroColumn(type="boolean", write=lambda value: value == "1", zero=False)
    length = fact.typmod if fact.typmod > 0 else (1 << 31) - 1

    def write(value: str) -> object:
        return int(value or "0", 2).to_bytes((len(value) + 7) // 8, "little")

    kind = named("bytes", "io.debezium.data.Bits", length=str(length))
    return AvroColumn(type=kind, write=write, zero=b"", unsent=UNAVAILABLE.encode())


def _numeric(fact: ColumnFacts) -> AvroColumn:
    sizes = fact.sizes
    if sizes is None or not 0 <= sizes[1] <= sizes[0]:
        kind: AvroType = {
            "type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data",
            "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
            "connect.doc": "Variable scaled decimal", "connect.version": 1, "connect.name": VARIABLE,
        }  # fmt: skip
        return AvroColumn(type=kind, write=_variable_decimal, zero={"scale": 0, "value": b"\0"})
    precision, scale = sizes
    kind = {
        "type": "bytes", "scale": scale, "precision": precision, "connect.version": 1,
        "connect.parameters": {"scale": str(scale), "connect.decimal.precision": str(precision)},
        "connect.name": CONNECT_DECIMAL, "logicalType": "decimal",
    }  # fmt: skip
    return AvroColumn(type=kind, write=_fixed_decimal(scale), zero=b"\0")


def _time(fact: ColumnFacts) -> AvroColumn:
    if 0 <= fact.typmod <= 3:
        kind = named("int", "io.debezium.time.Time")
        return AvroColumn(type=kind, write=lambda value: times.micros_of_day(value) // 1_000, zero=0)
    return AvroColumn(type=named("long", "io.debezium.time.MicroTime"), write=times.micros_of_day, zero=0)


def _timestamp(fact: ColumnFacts) -> AvroColumn:
    if 0 <= fact.typmod <= 3:
        return AvroColumn(type=named("long", "io.debezium.time.Timestamp"), write=times.millis_of, zero=0)
    return AvroColumn(type=named("long", "io.debezium.time.MicroTimestamp"), write=times.micros_of, zero=0)


def _zoned_timestamp(fact: ColumnFacts) -> AvroColumn:
    precision = fact.typmod if fact.typmod >= 0 else 6
    zero = times.zoned_timestamp("1970-01-01T00:00:00.000000Z", precision)
    kind = named("string", "io.debezium.time.ZonedTimestamp")
    return AvroColumn(type=kind, write=lambda value: times.zoned_timestamp(value, precision), zero=zero)


_INT = AvroColumn(type="int", write=same, zero=0)
_LONG = AvroColumn(type="long", write=same, zero=0)
_JSON = _text(named("string", "io.debezium.data.Json"), "{}")
_PLAIN: Mapping[int, AvroColumn] = {
    oids.BOOL: AvroColumn(type="boolean", write=same, zero=False),
    oids.INT2: AvroColumn(type={"type": "int", "connect.type": "int16"}, write=same, zero=0),
    oids.INT4: _INT,
    oids.INT8: _LONG,
    oids.OID: _LONG,
    oids.FLOAT4: AvroColumn(type="float", write=float, zero=0.0),
    oids.FLOAT8: AvroColumn(type="double", write=float, zero=0.0),
    oids.BYTEA: AvroColumn(type="bytes", write=b64decode, zero=b"", unsent=UNAVAILABLE.encode()),
    oids.JSON: _JSON,
    oids.JSONB: _JSON,
    oids.XML: _text(named("string", "io.debezium.data.Xml")),
    oids.UUID: _text(named("string", "io.debezium.data.Uuid")),
    oids.DATE: AvroColumn(type=named("int", "io.debezium.time.Date"), write=times.days_of, zero=0),
    oids.TIMETZ: AvroColumn(
        type=named("string", "io.debezium.time.ZonedTime"), write=times.zoned_time, zero="00:00:00Z"
    ),
    oids.INTERVAL: AvroColumn(
        type=named("long", "io.debezium.time.MicroDuration"), write=times.micros_of_interval, zero=0
    ),
}
_SIZED: Mapping[int, Callable[[ColumnFacts], AvroColumn]] = {
    oids.NUMERIC: _numeric,
    oids.TIME: _time,
    oids.TIMESTAMP: _timestamp,
    oids.TIMESTAMPTZ: _zoned_timestamp,
    oids.BIT: _bits,
    oids.VARBIT: _bits,
}


def _array(fact: ColumnFacts, element_oid: int) -> AvroColumn:
    element = avro_column(
        ColumnFacts(name=fact.name, type_oid=element_oid, typmod=fact.typmod, labels=fact.labels)
    )

    def write(value: object) -> object:
        held = STRINGARRAY(value, None) if isinstance(value, str) else value
        if not isinstance(held, list) or any(isinstance(part, list) for part in held):
            raise UnsayableError("it has several dimensions")
        return [None if part is None else element.write(part) for part in held]

    unsent: object = None
    if isinstance(element.unsent, str):
        unsent = [UNAVAILABLE]
    elif element in (_INT, _LONG):
        unsent = list(UNAVAILABLE.encode())  # Debezium's: an element a byte
    return AvroColumn(type={"type": "array", "items": ["null", element.type]}, write=write, zero=[], unsent=unsent)


def avro_column(fact: ColumnFacts) -> AvroColumn:
    """How a column is written; what has no Avro type of its own is text."""
    if fact.element_oid is not None:
        return _array(fact, fact.element_oid)
    if fact.labels:
        kind = named("string", "io.debezium.data.Enum", allowed=",".join(fact.labels))
        return AvroColumn(type=kind, write=same, zero=fact.labels[0])
    if (sized := _SIZED.get(fact.type_oid)) is not None:
        return sized(fact)
    return _PLAIN.get(fact.type_oid) or _text()
