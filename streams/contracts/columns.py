"""Columns: the type behind a column's JSON, from its schema and from what its contract adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from .model import Column, ColumnType, split_physical_type

_BY_PHYSICAL = {
    "numeric": ColumnType.DECIMAL,
    "decimal": ColumnType.DECIMAL,
    "timestamp": ColumnType.TIMESTAMP,
    "timestamptz": ColumnType.TIMESTAMP,
    "timestamp with time zone": ColumnType.TIMESTAMP,
    "timestamp without time zone": ColumnType.TIMESTAMP,
    "date": ColumnType.DATE,
    "time": ColumnType.TIME,
    "timetz": ColumnType.TEXT,
    "uuid": ColumnType.UUID,
    "bytea": ColumnType.BYTES,
    "time without time zone": ColumnType.TIME,
    "time with time zone": ColumnType.TEXT,
    "real": ColumnType.DOUBLE,
    "float4": ColumnType.DOUBLE,
    "float8": ColumnType.DOUBLE,
    "double precision": ColumnType.DOUBLE,
    "smallint": ColumnType.INTEGER,
    "integer": ColumnType.INTEGER,
    "bigint": ColumnType.INTEGER,
    "int2": ColumnType.INTEGER,
    "int4": ColumnType.INTEGER,
    "int8": ColumnType.INTEGER,
    "int": ColumnType.INTEGER,
    "boolean": ColumnType.BOOLEAN,
    "bool": ColumnType.BOOLEAN,
}
_BY_FORMAT = {
    "date-time": ColumnType.TIMESTAMP,
    "date": ColumnType.DATE,
    "time": ColumnType.TIME,
    "uuid": ColumnType.UUID,
}
_BY_JSON = {
    "boolean": ColumnType.BOOLEAN,
    "integer": ColumnType.INTEGER,
    "number": ColumnType.DECIMAL,
    "string": ColumnType.TEXT,
    "object": ColumnType.OBJECT,
    "array": ColumnType.ARRAY,
}


def build_columns(schema: Mapping[str, object], properties: Mapping[str, SchemaProperty]) -> Mapping[str, Column]:
    """Every column of ``schema``, with what the contract's ``properties`` say of it."""
    declared = schema.get("properties")
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    shapes = declared if isinstance(declared, dict) else {}
    return {
        name: _build_column(name, shape if isinstance(shape, dict) else {}, properties.get(name), name in names)
        for name, shape in shapes.items()
    }


def _items_of(name: str, shape: Mapping[str, object], prop: SchemaProperty | None) -> Column | None:
    """What an array holds; the source's ``text[]`` holds ``text``."""
    inside = shape.get("items")
    if not isinstance(inside, dict):
        return None
    own = None if prop is None else prop.items
    physical = None if prop is None else prop.physicalType
    if prop is not None and own is None and physical is not None and physical.endswith("[]"):
        own = SchemaProperty(physicalType=physical[:-2], customProperties=prop.customProperties)
    return _build_column(name, inside, own, False)


def _build_column(name: str, shape: Mapping[str, object], prop: SchemaProperty | None, is_required: bool) -> Column:
    types = json_types(shape)
    named = shape.get("format")
    text_format = named if isinstance(named, str) else None
    physical, own = _source_of(shape, prop)
    nested = {} if prop is None else {held.name: held for held in prop.properties or () if held.name}
    kind = _type_of(types - {"null"}, text_format, physical, shape)
    physical_name, first, second = split_physical_type(physical)
    scale = own.get("scale", second if physical_name in ("numeric", "decimal") else None)
    if scale is None and physical_name in ("numeric", "decimal") and first is not None:
        scale = 0
    return Column(
        name=name,
        type=kind,
        nullable=not is_required or not types or "null" in types,
        json_types=frozenset(types - {"null"}),
        format=text_format,
        physical_type=physical,
        scale=scale if isinstance(scale, int) else None,
        unit=own.get("unit") or _unit_of(kind, physical_name, first),
        encoding=own.get("encoding"),
        items=_items_of(name, shape, prop),
        fields=build_columns(shape, nested),
        classification=None if prop is None else _classification(prop),
    )


def _source_of(shape: Mapping[str, object], prop: SchemaProperty | None) -> tuple[str | None, dict[Any, Any]]:
    """(the source's type, custom properties), also where only the schema says them: ``streams.contracts.rows``."""
    said = {word: held for word in ("x-physical-type", "x-unit") if isinstance(held := shape.get(word), str)}
    physical = said.get("x-physical-type") if prop is None else prop.physicalType or said.get("x-physical-type")
    own = {} if prop is None else {held.property: held.value for held in prop.customProperties or ()}
    return physical, {"unit": said.get("x-unit"), **own}


def _classification(prop: SchemaProperty) -> str | None:
    """The class of a column; an object without one has that of the first classified column inside it."""
    nested = (_classification(held) for held in (*(prop.properties or ()), *((prop.items,) if prop.items else ())))
    return prop.classification or next((found for found in nested if found), None)


def json_types(shape: Mapping[str, object]) -> set[str]:
    """The JSON types that ``shape`` names, over its alternatives; empty: any."""
    named = shape.get("type")
    if isinstance(named, str):
        return {named}
    if isinstance(named, list):
        return {str(kind) for kind in named}
    alternatives = shape.get("anyOf") or shape.get("oneOf")
    if isinstance(alternatives, list):
        return {kind for held in alternatives if isinstance(held, dict) for kind in json_types(held)}
    return set()


def _type_of(types: set[str], text_format: str | None, physical: str | None, shape: Mapping[str, object]) -> ColumnType:
    by_physical = _BY_PHYSICAL.get(split_physical_type(physical)[0])
    if by_physical is not None:
        return by_physical
    if "string" in types and text_format in _BY_FORMAT:
        return _BY_FORMAT[text_format]
    if "string" in types and shape.get("contentEncoding") == "base64":
        return ColumnType.BYTES
    if types == {"integer", "number"}:
        return ColumnType.DECIMAL
    return _BY_JSON[next(iter(types))] if len(types) == 1 and types <= _BY_JSON.keys() else ColumnType.UNKNOWN


def _unit_of(kind: ColumnType, physical_name: str, precision: int | None) -> str | None:
    """Debezium's adaptive rule: up to three digits milliseconds, above microseconds; dates in days."""
    if kind is ColumnType.DATE:
        return "days"
    if not physical_name or kind not in (ColumnType.TIMESTAMP, ColumnType.TIME):
        return None
    return "ms" if precision is not None and precision <= 3 else "us"
