"""Avro: Debezium's envelope as its connector writes it with Confluent's converter.

Two things Avro makes us do as Debezium does: where an old row's values are not known but may not be null, they are made
up (only the key of such a row is true), and NaN in a decimal is null. A row that does not fit what the catalog says
of now (a null under NOT NULL, more digits than the type has) is written with a wider schema.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from streams.contracts.framing import frame_prefix
from streams.contracts.registry import RegisteredSchema, SchemaKind

from ..options import CaptureError
from ..outgoing.envelope import UNAVAILABLE, Envelope, Image, TableShape, TableTarget
from ..postgres.facts import ColumnFacts
from .avro_blocks import SOURCE, TRANSACTION
from .avro_bytes import compile_writer
from .avro_types import AvroColumn, AvroType, NoNumberError, TooPreciseError, UnsayableError, avro_column
from .defaults import constant_of
from .registered import Register

logger = logging.getLogger("streams.capture")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _MisfitError(Exception):
    """A row does not fit what the catalog says of a column now: it needs a wider schema."""

    def __init__(self, column: str, fact: ColumnFacts) -> None:
        super().__init__(column)
        self.fact = fact


class AvroCodec:
    """One version of a table for one topic."""

    def __init__(
        self, topic: str, target: TableTarget, shape: TableShape, columns: tuple[ColumnFacts, ...], *,
        prefix: str, register: Register,
    ) -> None:  # fmt: skip
        self._topic = topic
        self._target = target
        self._is_whole = shape.relation.identity == "f"
        self._columns = columns
        self._namespace = avro_name(f"{prefix}.{shape.relation.schema}.{shape.relation.table}")
        self._register = register
        self._warned: set[str] = set()
        self._prepare()

    def _prepare(self) -> None:
        if strange := [fact.name for fact in self._columns if not _NAME.fullmatch(fact.name)]:
            raise CaptureError(
                f"Avro has no names such as {', '.join(strange)} of table {self._target.table}; rename such a column,"
                " leave it out (mask with method drop), or capture with format json"
            )
        self._facts = {fact.name: fact for fact in self._columns}
        self._writers = {fact.name: avro_column(fact) for fact in self._columns}
        self._value = _Schema(
            self._register(f"{self._topic}-value", SchemaKind.AVRO, envelope_schema(self._namespace, self._columns))
        )
        keys = [self._facts[name] for name in self._target.key if name in self._facts]
        self._key = None
        if keys:
            text = record_text("Key", self._namespace, keys)
            self._key = _Schema(self._register(f"{self._topic}-key", SchemaKind.AVRO, text))

    def key(self, row: Image) -> bytes:
        """See ``Codec``."""
        while True:
            try:
                if self._key is None:
                    raise CaptureError(f"table {self._target.table} has lost the columns of its key; start again")
                key = {name: row.get(name) for name in self._target.key}
                return self._key.frame(self._record(key, is_made_up=False))
            except _MisfitError as error:
                self._widen(error.fact)

    def value(self, envelope: Envelope) -> bytes:
        """See ``Codec``."""
        while True:
            try:
                return self._value.frame(self._envelope(envelope))
            except _MisfitError as error:
                self._widen(error.fact)

    def _envelope(self, envelope: Envelope) -> dict[str, Any]:
        before, after = envelope["before"], envelope["after"]
        return {
            **envelope,
            "before": None if before is None else self._record(before, is_made_up=not self._is_whole),
            "after": None if after is None else self._record(after, is_made_up=False),
        }

    def _record(self, image: Mapping[str, object], *, is_made_up: bool) -> dict[str, object]:
        writers = self._writers
        try:
            return {
                name: writers[name].write(value)
                if value is not None and value != UNAVAILABLE
                else self._absent(name, value, is_made_up)
                for name, value in image.items()
            }
        except UnsayableError:
            return {name: self._say(name, value, is_made_up) for name, value in image.items()}

    def _absent(self, name: str, value: object, is_made_up: bool) -> object:
        """What stands for null, and for what was not sent."""
        column = self._writers[name]
        if value is None:
            if not self._facts[name].is_required:
                return None
            if is_made_up:
                return column.zero
            raise _MisfitError(name, replace(self._facts[name], is_required=False))
        if column.unsent is None:
            raise CaptureError(
                f"PostgreSQL did not send {self._target.table}.{name}, which is large and unchanged, and Avro has"
                f' nothing that says so for its type; run: ALTER TABLE "{self._target.table}" REPLICA IDENTITY FULL;'
            )
        return column.unsent

    def _say(self, name: str, value: object, is_made_up: bool) -> object:
        if value is None or value == UNAVAILABLE:
            return self._absent(name, value, is_made_up)
        try:
            return self._writers[name].write(value)
        except NoNumberError:
            if name not in self._warned:
                self._warned.add(name)
                logger.warning("%s.%s: NaN and infinities are no decimals in Avro; they are null, as Debezium has them",
                               self._target.table, name)  # fmt: skip
            return self._absent(name, None, is_made_up)
        except TooPreciseError:
            raise _MisfitError(name, replace(self._facts[name], typmod=-1)) from None
        except UnsayableError as error:
            raise CaptureError(
                f"Avro cannot say a value of {self._target.table}.{name}: {error}; leave the column out (mask with"
                " method drop), or capture with format json"
            ) from None

    def _widen(self, wider: ColumnFacts) -> None:
        logger.warning("a row of %s does not fit what the catalog says of %s now; its schema becomes wider",
                       self._target.table, wider.name)  # fmt: skip
        self._columns = tuple(wider if fact.name == wider.name else fact for fact in self._columns)
        self._prepare()


class _Schema:
    """A registered schema, ready to write with."""

    def __init__(self, registered: RegisteredSchema) -> None:
        self._write = compile_writer(json.loads(registered.text))
        self._prefix = frame_prefix(registered.id or 0)

    def frame(self, record: Mapping[str, object]) -> bytes:
        return self._prefix + self._write(record)


def avro_name(text: str) -> str:
    """A dotted name of characters that Avro has, as Debezium adjusts it.

    >>> avro_name("my-shop.public.2024_orders")
    'my_shop.public._2024_orders'
    """
    parts = (re.sub(r"[^A-Za-z0-9_]", "_", part) for part in text.split("."))
    return ".".join(part if _NAME.fullmatch(part) else f"_{part}" for part in parts)


def envelope_schema(namespace: str, columns: tuple[ColumnFacts, ...]) -> str:
    """Debezium's envelope of a table's rows."""
    value = {
        "type": "record", "name": "Value", "fields": _fields(columns), "connect.name": f"{namespace}.Value"
    }  # fmt: skip
    times = [{"name": name, "type": ["null", "long"], "default": None} for name in ("ts_ms", "ts_us", "ts_ns")]
    fields: list[AvroType] = [
        {"name": "before", "type": ["null", value], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": SOURCE},
        {"name": "transaction", "type": ["null", TRANSACTION], "default": None},
        {"name": "op", "type": "string"},
        *times,
    ]
    return json.dumps(
        {
            "type": "record", "name": "Envelope", "namespace": namespace, "fields": fields, "connect.version": 2,
            "connect.name": f"{namespace}.Envelope",
        }
    )  # fmt: skip


def record_text(name: str, namespace: str, columns: list[ColumnFacts]) -> str:
    """A record of ``columns``."""
    return json.dumps(
        {
            "type": "record", "name": name, "namespace": namespace, "fields": _fields(columns),
            "connect.name": f"{namespace}.{name}",
        }
    )  # fmt: skip


def _fields(columns: Iterable[ColumnFacts]) -> list[AvroType]:
    """Fields of a record; a named type is spelt out where it comes first, and named from then on."""
    spelt: set[str] = set()

    def once(kind: AvroType) -> AvroType:
        if isinstance(kind, list):
            return [once(branch) for branch in kind]
        if not isinstance(kind, dict):
            return kind
        if kind["type"] == "array":
            return {**kind, "items": once(kind["items"])}
        if kind["type"] != "record":
            return kind
        name = f"{kind['namespace']}.{kind['name']}"
        if name in spelt:
            return name
        spelt.add(name)
        return kind

    return [{**field, "type": once(field["type"])} for field in map(_field, columns)]


def _field(fact: ColumnFacts) -> AvroType:
    column = avro_column(fact)
    constant = constant_of(fact)
    default = None if constant is None else _default(column, constant)
    if default is None and fact.is_required and fact.default is not None:
        default = _json(column.zero)
    kind = column.type
    if default is not None:
        kind = {**(kind if isinstance(kind, dict) else {"type": kind}), "connect.default": default}
    if fact.is_required:
        return {"name": fact.name, "type": kind, **({} if default is None else {"default": default})}
    union = ["null", kind] if default is None else [kind, "null"]
    return {"name": fact.name, "type": union, "default": default}


def _default(column: AvroColumn, constant: object) -> object:
    try:
        return _json(column.write(constant))
    except ValueError:
        return None


def _json(value: object) -> object:
    """A value as a schema writes it as a default."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: _json(held) for name, held in value.items()}
    return value
