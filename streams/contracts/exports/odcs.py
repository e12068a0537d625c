"""ODCS: a complete contract in the Open Data Contract Standard 3.1: what its file says, and its schema beside.

What the file says stays as written; what it leaves out is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from streams.contracts.model import ColumnType, Contract, Contracts

from .json_schema import Terms, terms_of
from .names import vendor_and_name
from .types import Kind, Member, Model, Record, Type

_LOGICAL = {
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.DATE: "date",
    ColumnType.DECIMAL: "number",
    ColumnType.DOUBLE: "number",
}
_BY_KIND = {
    Kind.BOOLEAN: "boolean", Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.TEXT: "string", Kind.ARRAY: "array"
}  # fmt: skip
_OPTIONS = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("minItems", "maxItems", "uniqueItems"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What files beside ``contract.yaml`` say of a dataset, as ODCS has it."""

    checks: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rules of quality by column; those of the whole dataset under an empty name."""
    levels: Sequence[Mapping[str, Any]] = ()
    """Service levels."""


NOTHING_MORE = Elsewhere()


def to_odcs(model: Model, contracts: Contracts, more: Elsewhere = NOTHING_MORE) -> str:
    """The contract as YAML; ``more``: what is said of the dataset elsewhere."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None alone
    writer.width = 120
    out = StringIO()
    writer.dump(odcs_contract(model, contracts, more), out)
    return out.getvalue()


def odcs_contract(model: Model, contracts: Contracts, more: Elsewhere = NOTHING_MORE) -> dict[str, Any]:
    """The same as a value."""
    contract = model.contract
    vendor, name = vendor_and_name(contract)
    document = contracts.document_of(contract.subject)
    said: dict[str, Any] = {} if document is None else document.value
    head = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": f"{vendor}-{name}".replace(".", "-"), "name": name,
        "version": contract.version.replace("-", "."), "status": "active",
    }  # fmt: skip
    if "description" not in said and isinstance(purpose := contract.schema.get("description"), str):
        head["description"] = {"purpose": purpose}  # type: ignore[assignment]  # a mapping among texts
    own = [*(said.get("customProperties") or ()), {"property": "iglu.uri", "value": contract.uri}]
    rows = _rows(model, terms_of(contract, contracts), contract)
    _add_checks(rows, more.checks)
    whole = {**head, **said, "schema": [rows], "customProperties": _once(own)}
    return whole | ({"slaProperties": [*said.get("slaProperties", ()), *more.levels]} if more.levels else {})


def _add_checks(rows: dict[str, Any], checks: Mapping[str, list[dict[str, Any]]]) -> None:
    places = {"": rows, **{held["name"]: held for held in rows["properties"]}}
    for name, listed in checks.items():
        if (place := places.get(name)) is not None:
            place["quality"] = [*(place.get("quality") or ()), *listed]


def _once(own: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({one["property"]: one for one in own}.values())


def _rows(model: Model, terms: Terms, contract: Contract) -> dict[str, Any]:
    _, name = vendor_and_name(contract)
    rows = {"name": name, "physicalName": name, "logicalType": "object", **terms}
    if model.row.description and "description" not in terms:
        rows["description"] = model.row.description
    rows["properties"] = _properties(model.row, model, terms, contract.key)
    return rows


def _properties(record: Record, model: Model, terms: Terms, key: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    listed = {one.get("name"): one for one in terms.get("properties") or ()}
    return [_property(member, model, listed.get(member.name, {}), key) for member in record.members]


def _property(member: Member, model: Model, terms: Terms, key: tuple[str, ...]) -> dict[str, Any]:
    filled: dict[str, Any] = {"name": member.name}
    if member.description:
        filled["description"] = member.description
    filled |= {"required": member.is_required and not member.type.is_nullable}
    if member.name in key:
        filled |= {"primaryKey": True, "primaryKeyPosition": key.index(member.name) + 1}
    return {**filled, **_typed(member.type, model, terms)}


def _typed(held: Type, model: Model, terms: Terms) -> dict[str, Any]:
    """What a property, or what an array holds, says of its type."""
    logical = terms.get("logicalType") or _LOGICAL.get(held.meaning) or _BY_KIND.get(held.kind, "object")
    typed: dict[str, Any] = {"logicalType": logical}
    options = {name: held.rules[name] for name in _OPTIONS.get(logical, ()) if name in held.rules}
    if options:
        typed["logicalTypeOptions"] = {**options, **(terms.get("logicalTypeOptions") or {})}
    if held.words and "quality" not in terms:
        typed["quality"] = [{"metric": "invalidValues", "arguments": {"validValues": list(held.words)}, "mustBe": 0}]
    own = [*(terms.get("customProperties") or ())]
    if held.unit and held.kind is Kind.INTEGER:
        own.append({"property": "unit", "value": held.unit})
    if held.scale is not None:
        own.append({"property": "scale", "value": held.scale})
    if held.kind is Kind.RECORD and logical == "object" and not _is_ring(held.record, model):
        typed["properties"] = _properties(model.records[held.record], model, terms)
    if held.kind is Kind.ARRAY and held.items is not None and logical == "array":
        inside = terms.get("items") or {}
        typed["items"] = {"name": "item", **_typed(held.items, model, inside)}
    spare = {name: said for name, said in terms.items() if name not in ("properties", "items", "logicalTypeOptions")}
    return {**spare, **typed, **({"customProperties": _once(own)} if own else {})}


def _is_ring(name: str, model: Model) -> bool:
    """Whether a record holds itself: the standard has no names for types."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for held in (member.type for member in model.records[waiting.pop()].members):
            inside = held.items if held.kind in (Kind.ARRAY, Kind.MAP) and held.items else held
            if inside.record == name:
                return True
            if inside.record and inside.record not in seen:
                seen.add(inside.record)
                waiting.append(inside.record)
    return False
