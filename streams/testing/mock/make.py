"""Make: one row that has a fair chance to be valid; whoever asks checks it, and asks again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from streams.contracts.compatibility.json_schema.generate import documents
from streams.contracts.model import Column, ColumnType, Contract
from streams.contracts.validation import SchemaError, compile_validator

from . import moments
from .rules import Rules
from .values import NO_LIMITS, Limits, Values
from .words import Words

PARENTS_IN_TEN = 2
"""For ten rows that refer to others, how many others there are."""
_FILLED = 0.9
"""Share of optional columns that have a value."""
_BASES = 200
_OF_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas",
                         "dependencies", "minProperties", "$ref"})  # fmt: skip
_OF_ONE = frozenset({"$schema", "$defs", "definitions"})


def parents_of(number: int) -> int:
    """How many rows of another dataset row ``number`` can refer to; those that come later come for later rows."""
    return 2 + number * PARENTS_IN_TEN // 10


class RowMaker:
    """Rows of one dataset; ``keys``: by column, the keys of other rows that it may hold."""

    def __init__(
        self, contract: Contract, rules: Rules, random: Random, *, at_ms: int, keys: Mapping[str, list[object]]
    ) -> None:  # fmt: skip
        self._contract = contract
        self._rules = rules
        self._random = random
        self._at_ms = at_ms
        self._keys = keys
        definitions = {word: held for word, held in contract.schema.items() if word in ("$defs", "definitions")}
        self._values = Values(Words(random), contract.subject.split("/")[1], definitions)
        self._moments = [column for column in contract.columns.values() if column.type in moments.KINDS]
        self._bases: list[dict[str, Any]] | None = None
        self._checks: dict[str, Callable[[object], bool]] = {}

    def row(self, number: int, *, is_plain: bool) -> dict[str, object]:
        """Row ``number``, from 0; not ``is_plain``: on a document that the whole schema admits."""
        times = moments.moments_of(self._moments, number, self._random, at_ms=self._at_ms)
        row: dict[str, object] = {} if is_plain else dict(self._base())
        for name, column in self._contract.columns.items():
            value = self._value(column, number, times.get(name))
            if value is not _ABSENT and (is_plain or self._may_stand(row, name, value)):
                row[name] = value
        return row

    def _value(self, column: Column, number: int, time_ms: int | None) -> object:
        is_needed = column.name in self._contract.key or self._limits(column).is_complete
        if column.nullable and not is_needed and self._random.random() > _FILLED:
            return None if self._accepts(column, None) and self._random.random() < 0.5 else _ABSENT
        if column.name in self._keys:
            return self._random.choice(self._keys[column.name][: parents_of(number)])
        if column.type is ColumnType.INTEGER and column.name == next(iter(self._contract.key), None):
            return number + 1
        if time_ms is not None and self._accepts(column, spelled := moments.spelled(time_ms, column)):
            return spelled
        candidates = self._candidates(column, self._shape(column.name), self._limits(column))
        return next((value for value in candidates if self._accepts(column, value)), _ABSENT)

    def _candidates(self, column: Column, shape: Mapping[str, Any], limits: Limits) -> Iterator[object]:
        yield from self._values.candidates(column, shape, limits)
        if "examples" in shape:
            yield from shape["examples"]

    def _limits(self, column: Column) -> Limits:
        return self._rules.limits.get(column.name, NO_LIMITS)

    def _shape(self, name: str) -> Mapping[str, Any]:
        properties = self._contract.schema.get("properties")
        held = properties.get(name) if isinstance(properties, Mapping) else None
        return held if isinstance(held, Mapping) else {}

    def _accepts(self, column: Column, value: object) -> bool:
        """Whether schema and rules admit ``value`` in ``column``, whatever stands beside it."""
        is_valid = self._checks.get(column.name)
        if is_valid is None:
            is_valid = self._checks[column.name] = self._check_of(column.name)
        return is_valid({column.name: value}) and self._rules.admit(column.name, value, at_ms=self._at_ms)

    def _check_of(self, name: str) -> Callable[[object], bool]:
        """Of a row with nothing but ``name``; what the schema asks of several columns is asked of whole rows."""
        schema = self._contract.schema
        if _OF_SEVERAL.isdisjoint(schema):
            return self._contract.validator_without(frozenset(self._contract.columns) - {name}).is_valid
        alone = {word: held for word, held in schema.items() if word in _OF_ONE}
        try:
            return compile_validator({**alone, "properties": {name: self._shape(name)}}).is_valid
        except SchemaError:  # it refers to another schema
            return lambda row: True

    def _base(self) -> dict[str, Any]:
        if self._bases is None:
            made = documents(dict(self._contract.schema), {}, count=_BASES)
            self._bases = [held for held in made if isinstance(held, dict) and self._contract.validator.is_valid(held)]
        return self._random.choice(self._bases) if self._bases else {}

    def _may_stand(self, row: Mapping[str, object], name: str, value: object) -> bool:
        is_valid = self._contract.validator.is_valid
        return not is_valid(dict(row)) or is_valid({**row, name: value})


_ABSENT = object()
"""The row has no such column."""
