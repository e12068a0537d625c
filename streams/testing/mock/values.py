"""Values: what a column may hold, the believable before the merely valid; whoever asks checks them.

A candidate keeps to what the schema says in the plain cases, and to the rules of quality about that column.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from streams.contracts.compatibility.json_schema.dice import Dice
from streams.contracts.compatibility.json_schema.generate import documents
from streams.contracts.compatibility.json_schema.texts import matching
from streams.contracts.model import Column, ColumnType

from .words import Words

TRIES = 12
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE})
_SPAN = Decimal(1_000)
_ITEMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What rules of quality ask of a column besides its schema."""

    low: Decimal | None = None
    high: Decimal | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None
    least: int = 0
    most: int | None = None
    is_complete: bool = False


NO_LIMITS = Limits()


class Values:
    """Candidates for the columns of ``dataset``; ``definitions``: what its shapes refer to inside the schema."""

    def __init__(self, words: Words, dataset: str, definitions: Mapping[str, Any]) -> None:
        self._words = words
        self._random = words.random
        self._dataset = dataset
        self._definitions = definitions

    def candidates(self, column: Column, shape: Mapping[str, Any], limits: Limits = NO_LIMITS) -> Iterator[object]:
        """Values for ``column``, as many as anybody should try."""
        if choices := self._choices(column, shape, limits):
            for _ in range(TRIES):
                yield self._random.choice(choices)
        for _ in range(TRIES):
            yield from self._of_type(column, shape, limits)
        dice = self._random.randrange(1_000)
        yield from list(documents({**self._definitions, **shape}, {}, count=TRIES * 4 + dice % 7))[dice % 5 :]

    def _choices(self, column: Column, shape: Mapping[str, Any], limits: Limits) -> list[object]:
        if limits.values:
            return [_typed(word, column) for word in limits.values]
        if "const" in shape:
            return [shape["const"]]
        return [value for value in shape.get("enum", ()) if value is not None]

    def _of_type(self, column: Column, shape: Mapping[str, Any], limits: Limits) -> Iterator[object]:
        match column.type:
            case ColumnType.BOOLEAN:
                yield self._random.random() < 0.5
            case kind if kind in _NUMBERS:
                yield self._number(column, shape, limits)
            case ColumnType.UUID:
                yield self._words.faker.uuid4()
            case ColumnType.BYTES:
                yield b64encode(self._random.randbytes(8)).decode()
            case ColumnType.OBJECT if column.fields:
                yield self._object(column, shape)
            case ColumnType.ARRAY:
                yield self._array(column, shape)
            case ColumnType.TEXT | ColumnType.UNKNOWN:
                yield from self._texts(column, shape, limits)

    def _texts(self, column: Column, shape: Mapping[str, Any], limits: Limits) -> Iterator[str]:
        pattern = limits.pattern or shape.get("pattern")
        text = self._words.text(column.name, self._dataset)
        least = max(limits.least, int(shape.get("minLength", 0)))
        most = min((held for held in (limits.most, shape.get("maxLength")) if held is not None), default=None)
        while len(text) < least:
            text = f"{text} {self._words.words(2)}"
        yield text[:most].strip() if most is not None and len(text) > most else text
        if isinstance(pattern, str):
            if (number := self._words.number(column.name)) is not None:
                yield f"{number:.2f}"
            yield matching(pattern, Dice(self._random.randrange(1 << 30)), least)

    def _number(self, column: Column, shape: Mapping[str, Any], limits: Limits) -> object:
        low, high = _bounds(shape, limits)
        value = self._words.number(column.name)
        if value is None or not (low is None or value >= low) or not (high is None or value <= high):
            bottom = low if low is not None else (high - _SPAN if high is not None and high < 0 else Decimal(0))
            top = high if high is not None else bottom + _SPAN
            value = bottom + (top - bottom) * Decimal(self._random.random())
        digits = 0 if column.type is ColumnType.INTEGER else 2 if column.scale is None else column.scale
        return in_json(round(value, digits), column, step=shape.get("multipleOf"))

    def _object(self, column: Column, shape: Mapping[str, Any]) -> dict[str, object]:
        required, shapes = shape.get("required", ()), shape.get("properties", {})
        return {
            name: next(self.candidates(field, shapes.get(name, {})))
            for name, field in column.fields.items()
            if name in required or self._random.random() < 0.8
        }

    def _array(self, column: Column, shape: Mapping[str, Any]) -> list[object]:
        least = int(shape.get("minItems", 0))
        count = min(max(least, self._random.randrange(_ITEMS + 1)), int(shape.get("maxItems", least + _ITEMS)))
        items = shape.get("items")
        if column.items is None or not isinstance(items, Mapping):
            return [self._words.words(1) for _ in range(count)]
        return [next(self.candidates(column.items, items)) for _ in range(count)]


def in_json(value: Decimal, column: Column, *, step: Any = None) -> object:
    """``value`` as ``column`` has it: an integer, an exact number, text, or bytes."""
    if step:
        value -= value % Decimal(str(step))
    if column.type is ColumnType.INTEGER:
        return int(value)
    if column.encoding == "base64":
        unscaled = int(value.scaleb(column.scale or 0))
        return b64encode(unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True)).decode()
    return str(value) if column.json_types == {"string"} else value


def _typed(word: str, column: Column) -> object:
    """A value of a rule, which is written as text, as ``column`` has it."""
    if column.type is ColumnType.BOOLEAN:
        return word.lower() == "true"
    return in_json(Decimal(word), column) if column.type in _NUMBERS else word


def _bounds(shape: Mapping[str, Any], limits: Limits) -> tuple[Decimal | None, Decimal | None]:
    """The least and the greatest that all allow; a bound that is excluded is passed over by a hundredth."""
    lows = [limits.low, *_said(shape, "minimum", 0), *_said(shape, "exclusiveMinimum", 1)]
    highs = [limits.high, *_said(shape, "maximum", 0), *_said(shape, "exclusiveMaximum", -1)]
    low = max((held for held in lows if held is not None), default=None)
    high = min((held for held in highs if held is not None), default=None)
    return low, high


def _said(shape: Mapping[str, Any], keyword: str, side: int) -> Iterator[Decimal]:
    held = shape.get(keyword)
    if isinstance(held, int | float | Decimal) and not isinstance(held, bool):
        step = Decimal(1) if shape.get("type") == "integer" else Decimal("0.01")
        yield Decimal(str(held)) + side * step
