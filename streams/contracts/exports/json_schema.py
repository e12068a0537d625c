"""JSON Schema: one document in draft 2020-12 that needs no other, whatever drafts and references it comes from.

It admits what the contract admits. Beside what the schema says stands what the contract says, as ``x-…``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from streams.contracts.drafts import META_SCHEMAS, NEWEST_DRAFT, draft_of
from streams.contracts.model import Contract, Contracts, UnknownContractError

from .names import pascal, unique

Terms = Mapping[str, Any]
"""What a ``contract.yaml`` says of an object or a property, as written."""
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""``definitions`` keeps its name, which 2020-12 knows as well: pointers lead there."""
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
                     "unevaluatedItems", "unevaluatedProperties", "contentSchema"})  # fmt: skip
_OLD = frozenset({"draft4", "draft6", "draft7"})
_SINCE_2019 = frozenset({"dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties",
                         "minContains", "maxContains", "prefixItems", "$dynamicRef"})  # fmt: skip
_SINCE_7 = _SINCE_2019 | {"if", "then", "else"}
_SINCE_6 = _SINCE_7 | {"const", "contains", "propertyNames"}
_UNKNOWN: Mapping[str | None, frozenset[str]] = {
    "draft4": _SINCE_6, "draft6": _SINCE_7, "draft7": _SINCE_2019, "2019-09": frozenset({"prefixItems", "$dynamicRef"})
}  # fmt: skip
"""Words that a draft does not know and says nothing with."""
_LOCAL = frozenset({"$schema", "$id", "id", "self"})
_TERMS = {"classification": "x-classification", "physicalType": "x-physical-type", "unique": "x-unique"}


def to_json_schema(contract: Contract, contracts: Contracts) -> str:
    """The document as text."""
    whole = bundled(contract, contracts)
    head = {"$schema": META_SCHEMAS[NEWEST_DRAFT], "$id": contract.uri, "self": contract.schema.get("self")}
    return json.dumps({**head, **whole}, indent=2, ensure_ascii=False) + "\n"


def bundled(contract: Contract, contracts: Contracts, *, at: str = "#") -> dict[str, Any]:
    """The schema for a document in which it stands ``at`` a place, such as ``#/components/schemas/orders``."""
    bundle = _Bundle(contracts, contract.uri, at)
    whole = bundle.schema(contract.uri, contract.schema)
    definitions = {**whole.pop("$defs", {})}
    done: set[str] = set()
    while waiting := [uri for uri in bundle.names if uri not in done]:
        for uri in waiting:
            done.add(uri)
            definitions[bundle.names[uri]] = bundle.schema(uri, bundle.other(uri))
    whole = _annotated(whole, terms_of(contract, contracts))
    return {**whole, "$defs": definitions} if definitions else whole


def terms_of(contract: Contract, contracts: Contracts) -> Terms:
    """What its ``contract.yaml`` says of the rows; empty without one."""
    document = contracts.document_of(contract.subject)
    listed = [] if document is None else document.value.get("schema") or []
    return listed[0] if listed else {}


class _Bundle:
    """Moves schemas to where they stand, and their references with them."""

    def __init__(self, contracts: Contracts, root: str, at: str) -> None:
        self.names: dict[str, str] = {}
        """By URI of another schema, its name among the definitions."""
        self._contracts = contracts
        self._root = root
        self._at = at

    def other(self, uri: str) -> Any:
        try:
            return self._contracts.resolve(uri).newest.schema
        except (UnknownContractError, ValueError):
            return True  # anything: what is named is not here

    def schema(self, uri: str, schema: Any) -> Any:
        if not isinstance(schema, Mapping):
            return schema
        draft = draft_of(schema)
        return self._moved({name: held for name, held in schema.items() if name not in _LOCAL}, uri, draft)

    def _moved(self, shape: Any, uri: str, draft: str | None) -> Any:
        if not isinstance(shape, Mapping):
            return shape
        reference = shape.get("$ref")
        if isinstance(reference, str):
            moved = {"$ref": self._reference(reference, uri)}
            if draft in _OLD:  # nothing beside a reference counts there
                return moved
            shape = {**shape, **moved}
        plain = {name: held for name, held in shape.items() if name not in _UNKNOWN.get(draft, ())}
        plain = _modern(plain, draft)
        return {name: self._part(name, held, uri, draft) for name, held in plain.items()}

    def _part(self, name: str, held: Any, uri: str, draft: str | None) -> Any:
        if name in _MAPS and isinstance(held, Mapping):
            return {key: self._moved(inner, uri, draft) for key, inner in held.items()}
        if name in _LISTS and isinstance(held, list):
            return [self._moved(inner, uri, draft) for inner in held]
        return self._moved(held, uri, draft) if name in _SINGLE else held

    def _reference(self, reference: str, uri: str) -> str:
        other, _, fragment = reference.partition("#")
        target = other or uri
        if not target.startswith("iglu:"):
            return reference
        if fragment and not fragment.startswith("/"):
            return f"#{fragment}"  # an anchor: one in the whole document
        if target == self._root:
            return f"{self._at}{fragment}"
        if target not in self.names:
            name = pascal(target.split("/")[1], target.rpartition("/")[2])
            self.names[target] = unique(name, set(self.names.values()))
        return f"{self._at}/$defs/{self.names[target]}{fragment}"


def _modern(shape: Mapping[str, Any], draft: str | None) -> dict[str, Any]:
    """Keywords of older drafts in the words of 2020-12."""
    plain = dict(shape)
    if draft == NEWEST_DRAFT:
        return plain
    for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(plain.get(name), bool) and plain.pop(name) and bound in plain:
            plain[name] = plain.pop(bound)
    more = plain.pop("additionalItems", None)
    if isinstance(plain.get("items"), list):
        plain["prefixItems"] = plain.pop("items")
        if more is not None:
            plain["items"] = more
    needs = plain.pop("dependencies", {}) if draft in _OLD else {}
    named = {name: held for name, held in needs.items() if isinstance(held, list)}
    shapes = {name: held for name, held in needs.items() if not isinstance(held, list)}
    plain |= {"dependentRequired": named} if named else {}
    return plain | ({"dependentSchemas": shapes} if shapes else {})


def _annotated(shape: Any, terms: Terms) -> Any:
    """What a contract says of an object's properties, beside what the schema says."""
    if not isinstance(shape, dict):
        return shape
    held = dict(shape)
    listed = {one["name"]: one for one in terms.get("properties") or () if one.get("name")}
    if listed and isinstance(held.get("properties"), dict):
        held["properties"] = {
            name: {**_said(listed[name], inner), **_annotated(inner, listed[name])}
            if name in listed and isinstance(inner, dict) else inner
            for name, inner in held["properties"].items()
        }  # fmt: skip
    return held


def _said(terms: Terms, shape: Mapping[str, Any]) -> dict[str, Any]:
    said = {word: terms[name] for name, word in _TERMS.items() if name in terms}
    said |= {f"x-{one['property']}": one["value"] for one in terms.get("customProperties") or () if "value" in one}
    is_told = "description" in terms and "description" not in shape
    return {**said, **({"description": terms["description"]} if is_told else {})}
