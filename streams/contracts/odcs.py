"""ODCS: what a ``contract.yaml`` says of a dataset, wherever it flows.

Source: Open Data Contract Standard 3.1.0; its own JSON Schema, as its maintainers publish it, finds the mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty
from pydantic import ValidationError

from streams.errors import Problem

from .documents import Document, Path, split_path
from .validation import Validator, compile_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTerms:
    """What the contract adds to the schemas of a dataset."""

    file: str
    properties: Mapping[str, SchemaProperty] = field(default_factory=dict)
    """By column."""
    key: tuple[str, ...] = ()
    document: Document | None = None
    places: Mapping[str, Path] = field(default_factory=dict)
    """By column, its place in the file."""


@cache
def _standard() -> Validator:
    # The model's class method has no annotations.
    return compile_validator(json.loads(OpenDataContractStandard.json_schema()))  # type: ignore[no-untyped-call]


def read_terms(document: Document, problems: list[Problem]) -> DatasetTerms:
    """The terms of one contract file; mistakes are added to ``problems``."""
    empty = DatasetTerms(file=document.file, document=document)
    if not isinstance(document.value, dict):
        problems.append(document.problem((), "a contract is a mapping; start with apiVersion: v3.1.0"))
        return empty
    found = _standard().violations(document.value)
    for violation in found:
        problems.append(document.problem(split_path(violation.path), f"{violation.message} (ODCS 3.1)"))
    if found:
        return empty
    try:
        contract = OpenDataContractStandard(**document.value)
    except ValidationError as error:
        for fault in error.errors():
            problems.append(document.problem(tuple(fault["loc"]), str(fault["msg"])))
        return empty
    return _terms(contract, document, problems)


def _terms(contract: OpenDataContractStandard, document: Document, problems: list[Problem]) -> DatasetTerms:
    objects = contract.schema_ or []
    if len(objects) != 1:
        problems.append(document.problem(("schema",), "one contract describes one dataset: list one schema"))
        return DatasetTerms(file=document.file, document=document)
    listed = objects[0].properties or []
    properties = {prop.name: prop for prop in listed if prop.name}
    places: dict[str, Path] = {
        prop.name: ("schema", 0, "properties", index) for index, prop in enumerate(listed) if prop.name
    }
    if len(properties) != len(listed):
        problems.append(document.problem(("schema", 0, "properties"), "every column needs a name of its own"))
    keyed = [(prop.primaryKeyPosition or 1, name) for name, prop in properties.items() if prop.primaryKey]
    key = tuple(name for _, name in sorted(keyed, key=lambda entry: entry[0]))
    return DatasetTerms(file=document.file, properties=properties, key=key, document=document, places=places)
