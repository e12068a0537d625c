"""Read: a contract and its schema, in whatever draft, as a model of types.

Parts of ``allOf`` are one; of what no type can say (conditions, ``not``, patterns of names) nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from streams.contracts.columns import build_columns, json_types
from streams.contracts.model import Column, ColumnType, Contract, Contracts, split_physical_type

from .json_schema import Terms, bundled, terms_of
from .merge import merged
from .names import pascal, unique, vendor_and_name
from .references import References, Shape
from .rules import rules_of
from .types import Kind, Member, Model, Record, Type

ANYTHING = Type(kind=Kind.ANY, is_nullable=True)
NOTHING = Type(kind=Kind.UNION, is_nullable=True)
"""Null and nothing else."""
_KINDS = {
    "boolean": Kind.BOOLEAN,
    "integer": Kind.INTEGER,
    "number": Kind.NUMBER,
    "string": Kind.TEXT,
    "array": Kind.ARRAY,
}
_NAMELESS = Column(name="", type=ColumnType.UNKNOWN)


def read_model(contract: Contract, contracts: Contracts) -> Model:
    """The model of one version."""
    _, name = vendor_and_name(contract)
    reader = _Reader(References(bundled(contract, contracts)), taken={pascal(name, "key")})
    reader.read(contract, terms_of(contract, contracts), pascal(name))
    return Model(contract=contract, records=reader.records, title=str(contract.schema.get("title", "")))


class _Reader:
    """Reads one schema; records are found by the address that a reference names, so that rings end."""

    def __init__(self, references: References, taken: set[str]) -> None:
        self.records: dict[str, Record] = {}
        self._references = references
        self._taken = taken
        self._by_address: dict[str, str] = {}
        self._open: set[str] = set()

    def read(self, contract: Contract, terms: Terms, name: str) -> None:
        shape = merged(self._references.document, self._references)
        self._record(shape, contract.columns, terms, name, ("#",))

    def _record(
        self, shape: Mapping[str, Any], columns: Mapping[str, Column], terms: Terms, name: str, addresses: Iterable[str]
    ) -> str:
        own = unique(name, self._taken)
        self._taken.add(own)
        self._by_address |= dict.fromkeys(addresses, own)
        # Its place is before what it holds.
        self.records[own] = Record(name=own, members=(), is_closed=False)
        listed = {held.get("name"): held for held in terms.get("properties") or ()}
        required = shape.get("required")
        members = tuple(
            self._member(column, held, columns.get(column), listed.get(column, {}), own, required)
            for column, held in (shape.get("properties") or {}).items()
            if held is not False
        )
        self.records[own] = Record(
            name=own, members=members, is_closed=shape.get("additionalProperties") is False,
            description=_description(shape, terms),
        )  # fmt: skip
        return own

    def _member(
        self, name: str, shape: Shape, column: Column | None, terms: Terms, holder: str, required: object
    ) -> Member:
        return Member(
            name=name,
            type=self.type_of(shape, column, terms, pascal(holder, name)),
            is_required=isinstance(required, list) and name in required,
            description=_description(shape, terms),
            classification=terms.get("classification") or (column.classification if column else None),
            default=shape.get("default") if isinstance(shape, dict) else None,
        )

    def type_of(self, shape: Shape, column: Column | None, terms: Terms, name: str) -> Type:
        """What ``shape`` admits; ``name`` is for a record in it."""
        addresses: list[str] = []
        while isinstance(shape, dict) and isinstance(address := shape.get("$ref"), str):
            if address in self._by_address:
                return Type(kind=Kind.RECORD, record=self._by_address[address], meaning=ColumnType.OBJECT)
            if address in self._open or address in addresses:
                return ANYTHING
            addresses.append(address)
            shape = self._references.at(address)
        if not isinstance(shape, dict):
            return ANYTHING
        self._open |= set(addresses)
        try:
            return self._plain(merged(shape, self._references), column, terms, name, addresses)
        finally:
            self._open -= set(addresses)

    def _plain(
        self, shape: Mapping[str, Any], column: Column | None, terms: Terms, name: str, addresses: list[str]
    ) -> Type:
        if column is None or (addresses and column.type is ColumnType.UNKNOWN):
            column = build_columns({"properties": {name: shape}}, {})[name]
        branches = shape.get("anyOf") or shape.get("oneOf")
        types = _types(shape)
        if isinstance(branches, list) and "type" not in shape:
            return _union([self.type_of(held, None, terms, name) for held in branches], column)
        if not types:
            return ANYTHING
        if types == {"null"}:
            return NOTHING
        is_nullable = "null" in types
        found = types - {"null"}
        if found == {"integer", "number"}:
            found = {"number"}
        if len(found) != 1:
            parts = [self._single(kind, shape, column, terms, pascal(name, kind), []) for kind in sorted(found)]
            return replace(_union(parts, _NAMELESS), is_nullable=is_nullable)
        one = self._single(next(iter(found)), shape, column, terms, name, addresses)
        return replace(one, is_nullable=is_nullable)

    def _single(
        self, kind: str, shape: Mapping[str, Any], column: Column, terms: Terms, name: str, addresses: list[str]
    ) -> Type:
        if kind == "object":
            return self._object(shape, column, terms, name, addresses)
        if kind == "array":
            held = shape.get("items")
            inside = terms.get("items") or {}
            item = self.type_of(held, column.items, inside, f"{name}Item") if isinstance(held, dict) else ANYTHING
            return Type(kind=Kind.ARRAY, items=item, meaning=ColumnType.ARRAY, rules=rules_of(shape, "array"))
        words = _words(shape) if kind == "string" else ()
        precision, scale = _digits(column, shape)
        return Type(
            kind=_KINDS[kind], meaning=column.type, words=words, unit=column.unit, precision=precision, scale=scale,
            physical=column.physical_type, rules=rules_of(shape, kind),
        )  # fmt: skip

    def _object(
        self, shape: Mapping[str, Any], column: Column, terms: Terms, name: str, addresses: list[str]
    ) -> Type:
        if shape.get("properties"):
            own = self._record(shape, column.fields, terms, name, addresses)
            return Type(kind=Kind.RECORD, record=own, meaning=ColumnType.OBJECT)
        values = shape.get("additionalProperties")
        if shape.get("patternProperties") or not isinstance(values, dict):
            held = ANYTHING
        else:
            held = self.type_of(values, None, {}, f"{name}Value")
        return Type(kind=Kind.MAP, items=held, meaning=ColumnType.OBJECT)


def _description(shape: Shape, terms: Terms) -> str:
    said = terms.get("description") or (shape.get("description") if isinstance(shape, Mapping) else "")
    return said if isinstance(said, str) else ""


def _types(shape: Mapping[str, Any]) -> set[str]:
    """JSON types of what a shape admits; those of its values where it lists them alone."""
    types = json_types(shape)
    if types:
        return types
    values = shape["enum"] if isinstance(shape.get("enum"), list) else [shape["const"]] if "const" in shape else []
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return {"null" if value is None else names.get(type(value), "number") for value in values}


def _words(shape: Mapping[str, Any]) -> tuple[str, ...]:
    values = shape.get("enum") if "enum" in shape else [shape["const"]] if "const" in shape else ()
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()


def _union(branches: Iterable[Type], column: Column) -> Type:
    """One of ``branches``; a branch alone, beside null, is itself."""
    held = list(branches)
    is_nullable = any(one.is_nullable for one in held)
    plain: list[Type] = []
    for one in (replace(one, is_nullable=False) for one in held if one != NOTHING):
        if one not in plain:
            plain.append(one)
    if not plain or any(one.kind is Kind.ANY for one in plain):
        return ANYTHING if held != [NOTHING] else NOTHING
    if len(plain) == 1:
        meaning = plain[0].meaning if column.type is ColumnType.UNKNOWN else column.type
        return replace(plain[0], is_nullable=is_nullable, meaning=meaning)
    return Type(kind=Kind.UNION, branches=tuple(plain), is_nullable=is_nullable)


def _digits(column: Column, shape: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Precision and scale of a decimal."""
    name, first, _ = split_physical_type(column.physical_type)
    return (first if name in ("numeric", "decimal") else None), column.scale
