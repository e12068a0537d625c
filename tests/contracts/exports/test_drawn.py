"""Laws over drawn schemas: whatever people write, a model refuses no document that the contract admits."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from types import ModuleType
from typing import Any

import fastavro
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard
from ruamel.yaml import YAML

from streams.contracts import Contracts
from streams.contracts.compatibility.json_schema.generate import documents
from streams.contracts.compatibility.protobuf.parse import parse_proto
from streams.contracts.exports import export_dataset

from ..builders import DRAFT, a_schema
from .builders import contracts_of, newest

NAMES = ("id", "class", "a b", "a-b", "_x", "1", "é", "copy", "str", "Row", "none", "self", "model_fields", "$ref_",
         "if", "definitions", "A_B")  # fmt: skip
DRAFTS = (DRAFT, "https://json-schema.org/draft/2019-09/schema", "http://json-schema.org/draft-07/schema#",
          "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-04/schema#")  # fmt: skip
ROWS = "iglu:com.acme/things/jsonschema"
PART = {
    "type": "object",
    "properties": {"next": {"$ref": "#/definitions/part"}, "to": {"type": "string"}},
    "required": ["to"],
}
Shapes = st.SearchStrategy[dict[str, Any]]


def a(kind: Any, **words: Shapes | st.SearchStrategy[Any]) -> Shapes:
    return st.fixed_dictionaries({"type": st.just(kind), **words})


def scalars() -> Shapes:
    bound, words = st.integers(-9, 9), st.sampled_from(["a", "b c", "C", None, 1, 2.5, True])
    return st.one_of(
        st.just({}),
        st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind}),
        a(["integer", "null"], minimum=bound),
        a("number", maximum=bound | st.floats(-3, 3)),
        a("integer", multipleOf=st.integers(1, 5), maximum=bound | st.floats(-3, 3)),
        a("string", minLength=st.integers(0, 3), maxLength=st.integers(3, 9)),
        a("string", format=st.sampled_from(["date", "date-time", "uuid", "email"])),
        a("string", pattern=st.sampled_from([r"^\d+$", "^[a-c]{2}", r"\w-\w"])),
        st.fixed_dictionaries({"enum": st.lists(words, min_size=1, max_size=4, unique_by=repr)}),
        st.sampled_from([{"type": ["string", "number"]}, {"type": ["object", "array", "null"]}]),
        st.sampled_from([{"const": "x"}, {"const": 3}, {"if": {"type": "string"}, "then": {"minLength": 2}}]),
    )


def shapes() -> Shapes:
    def deeper(inner: Shapes) -> Shapes:
        objects = rows(inner)
        return st.one_of(
            objects,
            a("array", items=inner),
            a("object", additionalProperties=inner),
            st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
            st.fixed_dictionaries({"oneOf": inner.map(lambda held: [held, {"type": "null"}])}),
            st.fixed_dictionaries({"allOf": st.lists(objects | scalars(), min_size=1, max_size=2)}),
            st.just({"$ref": "#/definitions/part"}),
        )

    return st.recursive(scalars(), deeper, max_leaves=6)


def rows(inner: Shapes) -> Shapes:
    return st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=5).flatmap(_row)


def _row(held: dict[str, Any]) -> Shapes:
    named = st.lists(st.sampled_from(sorted(held)), unique=True, min_size=1)
    closed = {"additionalProperties": st.just(False)}
    about = {"type": st.just("object"), "properties": st.just(held), "required": named}
    return st.fixed_dictionaries(about, optional=closed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory


def model_of(text: str) -> Any:
    module = ModuleType("drawn")
    sys.modules["drawn"] = module
    exec(compile(text, "drawn.py", "exec"), vars(module))
    return list(vars(module).values())[-1]


def records_of(kind: Any) -> dict[str, Any]:
    """Records of a schema by name."""
    if isinstance(kind, list):
        return {name: held for one in kind for name, held in records_of(one).items()}
    if not isinstance(kind, Mapping):
        return {}
    inside = [kind.get("items"), kind.get("values"), *(one["type"] for one in kind.get("fields", ()))]
    own = {kind["name"]: kind} if kind["type"] == "record" else {}
    return own | {name: held for one in inside for name, held in records_of(one).items()}


def avro_value(value: Any, kind: Any, known: dict[str, Any]) -> Any:
    """As little as a writer must know: JSON text where the schema says so, else the value."""
    if isinstance(kind, list):
        return None if value is None else avro_value(value, kind[0] if kind[0] != "null" else kind[1], known)
    kind = known.get(kind, kind) if isinstance(kind, str) else kind
    if not isinstance(kind, Mapping) or value is None:
        return value
    if kind.get("logicalType") in ("timestamp-micros", "date"):
        return 0  # that moments come back is held elsewhere
    match kind["type"]:
        case "record":
            return {one["name"]: avro_value(value.get(one.get("column", one["name"])), one["type"], known)
                    for one in kind["fields"]}  # fmt: skip
        case "array":
            return [avro_value(held, kind["items"], known) for held in value]
        case "map":
            return {name: avro_value(held, kind["values"], known) for name, held in value.items()}
        case "string" if "content" in kind:
            return json.dumps(value)
    return value


@cache
def standard() -> jsonschema_rs.Validator:
    """ODCS's own."""
    return jsonschema_rs.validator_for(json.loads(OpenDataContractStandard.json_schema()))  # type: ignore[no-untyped-call]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(row=rows(shapes()), draft=st.sampled_from(DRAFTS))
def test_no_model_refuses_what_the_contract_admits(row: dict[str, Any], draft: str, folder: Any) -> None:
    extra = {name: held for name, held in row.items() if name not in ("properties", "required", "type")}
    text = a_schema(properties=row["properties"], required=row["required"], **extra,
                    **{"$schema": draft, "definitions": {"part": PART}})  # fmt: skip
    contracts: Contracts = contracts_of(folder.mktemp("drawn"), {"com.acme/things/jsonschema/1-0-0": text})
    contract = newest(contracts, ROWS)
    texts = {form: export_dataset(contract, contracts, form).text
             for form in ("avro", "jsonschema", "odcs", "protobuf", "pydantic", "sql", "typescript")}  # fmt: skip
    model = model_of(texts["pydantic"])
    schema = json.loads(texts["avro"])
    parsed, known = fastavro.parse_schema(schema), records_of(schema)
    parse_proto(texts["protobuf"])
    assert list(standard().iter_errors(YAML(typ="safe").load(texts["odcs"]))) == []
    exported = jsonschema_rs.Draft202012Validator(json.loads(texts["jsonschema"]), validate_formats=True)
    for document in documents(json.loads(text), {}, count=20):
        is_valid = contract.validator.is_valid(document)
        assert exported.is_valid(document) == is_valid, document
        if is_valid:
            model.model_validate(document)
            fastavro.schemaless_writer(BytesIO(), parsed, avro_value(document, schema, known), strict=True)
