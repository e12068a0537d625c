"""Callables: the Python function that a pipeline file names, and what it says of itself."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from streams.contracts.model import ColumnType

from ..expressions import to_json
from .plan import Call

TYPES: Mapping[type, ColumnType] = {
    bool: ColumnType.BOOLEAN,
    int: ColumnType.INTEGER,
    Decimal: ColumnType.DECIMAL,
    str: ColumnType.TEXT,
    datetime: ColumnType.TIMESTAMP,
    date: ColumnType.DATE,
    time: ColumnType.TIME,
    UUID: ColumnType.UUID,
    bytes: ColumnType.BYTES,
    dict: ColumnType.OBJECT,
    list: ColumnType.ARRAY,
}
_JSON = (ColumnType.OBJECT, ColumnType.ARRAY)
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class CallableError(Exception):
    """What is named cannot be called as a look-up; the message says what to do about it."""


def import_here(name: str) -> ModuleType:
    """The module ``name``, found where Python finds modules, the folder that the process runs in first."""
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)
    return import_module(name)


def find_callable(place: str, *, arguments: int) -> Call:
    """The async function at ``module:name`` that takes so many ``arguments``; raises ``CallableError``."""
    module, _, name = place.partition(":")
    try:
        found = getattr(import_here(module), name)
    except ImportError as error:
        raise CallableError(f"{module} cannot be imported: {error}") from None
    except AttributeError:
        raise CallableError(f"{module} has no {name}") from None
    if not inspect.iscoroutinefunction(found):
        raise CallableError(f"{place} is no async function; write: async def {name}(…)")
    try:
        inspect.signature(found).bind(*[None] * arguments)
    except TypeError as error:
        raise CallableError(f"{place} cannot be called with {arguments} arguments: {error}") from None
    call: Call = found
    return call


def answer_type(call: Call, *, is_batch: bool) -> ColumnType:
    """The type that a function promises, by what it says behind ``->``; raises ``CallableError``."""
    try:
        promised = get_type_hints(call).get("return")
    except NameError as error:
        raise CallableError(f"what {call.__qualname__} returns cannot be read: {error}") from None
    if is_batch:
        inner = get_args(promised)
        promised = inner[0] if inner and get_origin(promised) in (list, Sequence) else None
    found = TYPES.get(_without_none(promised))
    if found is None:
        names = " ".join(sorted(kind.__name__ for kind in TYPES))
        shape = "-> list[Decimal | None]" if is_batch else "-> Decimal | None"
        raise CallableError(f"{call.__qualname__} must say what it returns, such as {shape}; one of: {names}")
    return found


def _without_none(promised: Any) -> Any:
    if get_origin(promised) in (Union, UnionType):
        kinds = [kind for kind in get_args(promised) if kind is not NoneType]
        promised = kinds[0] if len(kinds) == 1 else None
    return get_origin(promised) or promised


def encoder_of(kind: ColumnType) -> Callable[[object], object]:
    """How answers of a type become JSON; raises ``TypeError`` for others, without naming the value."""
    (wanted,) = (python for python, held in TYPES.items() if held is kind)

    def encode(value: object) -> object:
        if value is None:
            return None
        if kind is ColumnType.DECIMAL and type(value) is int:
            value = Decimal(value)
        # A bool is an int and a datetime is a date, to Python; not to whoever reads the column.
        if type(value) is not wanted and not (kind in _JSON and isinstance(value, wanted)):
            raise TypeError(f"{type(value).__name__} in place of {wanted.__name__}")
        if isinstance(value, Decimal) and not value.is_finite():
            raise TypeError("a Decimal that is no number")
        if isinstance(value, datetime) and value.tzinfo is None:
            raise TypeError("a datetime without its time zone")
        return _plain_json(value) if kind in _JSON else to_json(value, kind)

    return encode


def _plain_json(value: object) -> object:
    """A value of its own, its numbers exact."""
    plain: object = _decode(_encode(value))
    return plain
