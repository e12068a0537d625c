"""Builders: datasets with everything that a schema can say, and rows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.contracts import Contract, Contracts, read_contracts
from streams.testing.mock import Mock

from ..builders import a_contract, a_folder, a_schema

SHOP = Path(__file__).parents[3] / "schemas"
AT_MS = 1_772_362_800_000
WIDE = "iglu:com.acme/wide/jsonschema"
PROPERTIES: Mapping[str, Any] = {
    "id": {"type": "integer", "minimum": 1},
    "small": {"type": "integer", "minimum": -5, "maximum": 90, "multipleOf": 5},
    "above": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 7},
    "is_open": {"type": "boolean"},
    "price": {"type": "string", "pattern": r"^-?\d{1,10}\.\d{2}$"},
    "share": {"type": "number", "minimum": 0, "maximum": 1.5},
    "ratio": {"type": "number"},
    "state": {"type": "string", "enum": ["new", "in_use", "OLD"]},
    "mood": {"enum": ["so so", "good", None]},
    "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "name": {"type": "string", "minLength": 2, "maxLength": 9},
    "note": {"type": ["string", "null"]},
    "day": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"},
    "seen_ms": {"type": "integer"},
    "token": {"type": "string", "format": "uuid"},
    "body": {"type": "string", "contentEncoding": "base64"},
    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4, "uniqueItems": True},
    "marks": {"type": ["array", "null"], "items": {"type": ["integer", "null"]}},
    "place": {
        "type": "object", "additionalProperties": False, "required": ["city"],
        "properties": {"city": {"type": "string"}, "zip": {"type": "string", "maxLength": 5}},
    },
    "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    "sizes": {"type": "object", "additionalProperties": {"type": "integer"}},
    "either": {"type": ["integer", "string"]},
    "class": {"type": "string"},
    "str": {"type": "string"},
    "model_dump": {"type": "integer"},
    "with-dash": {"type": "string", "description": "Ends a comment: */ and a \"\"\"string\"\"\" \\"},
    "1st": {"type": "integer"},
}  # fmt: skip
DEFINITIONS = {"line": {"type": "object", "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}},
                        "required": ["sku", "count"]}}  # fmt: skip
TERMS = (
    "{name: id, logicalType: integer, physicalType: bigint, primaryKey: true, primaryKeyPosition: 1}",
    "{name: price, logicalType: number, physicalType: 'numeric(12,2)', classification: secret}",
    "{name: ratio, logicalType: number, physicalType: double precision}",
    "{name: seen_ms, logicalType: timestamp, physicalType: 'timestamp(3)'}",
    "{name: body, logicalType: string, physicalType: bytea}",
)
REQUIRED = ("id", "is_open", "price", "state", "at", "tags", "place")


def the_shop() -> Contracts:
    return read_contracts(SHOP)


def wide_things(root: Path, **more: object) -> Contracts:
    """One dataset with all of it."""
    more = {"$defs": DEFINITIONS, **more}
    schema = a_schema("wide", properties=PROPERTIES, required=REQUIRED, **more)
    return contracts_of(root, {"com.acme/wide/jsonschema/1-0-0": schema,
                               "com.acme/wide/contract.yaml": a_contract(*TERMS, name="wide")})  # fmt: skip


def contracts_of(root: Path, files: Mapping[str, str]) -> Contracts:
    contracts = read_contracts(a_folder(root, files))
    assert contracts.problems == ()
    return contracts


def a_tree(root: Path, draft: str = "http://json-schema.org/draft-04/schema#") -> Contracts:
    """A schema of an old draft, with a ring in it, and one that refers to it."""
    about = {"vendor": "com.acme", "name": "tree", "format": "jsonschema", "version": "1-0-0"}
    node = {
        "type": "object", "required": ["label"],
        "properties": {
            "label": {"type": "string"}, "weight": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            "children": {"type": "array", "items": {"$ref": "#/definitions/node"}},
        },
    }  # fmt: skip
    tree = {"$schema": draft, "self": about, "type": "object", "required": ["root"],
            "properties": {"root": {"$ref": "#/definitions/node"}}, "definitions": {"node": node}}  # fmt: skip
    leaf = {"$ref": "iglu:com.acme/tree/jsonschema/1-0-0#/definitions/node"}
    forest = a_schema("forest", properties={"id": {"type": "integer"}, "first": leaf}, required=("id", "first"))
    return contracts_of(
        root, {"com.acme/tree/jsonschema/1-0-0": json.dumps(tree), "com.acme/forest/jsonschema/1-0-0": forest}
    )


def newest(contracts: Contracts, subject: str = WIDE) -> Contract:
    return contracts.families[subject].newest


def a_mock(contracts: Contracts) -> Mock:
    return Mock(contracts, seed=1, at_ms=AT_MS)
