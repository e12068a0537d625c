"""ODCS: what a ``contract.yaml`` says of a dataset, wherever it flows.

Source: Open Data Contract Standard 3.1.0; its own JSON Schema and models, as its maintainers publish them, find the
mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty
from pydantic import ValidationError

from streams.errors import Problem

from .documents import Document, Path, split_path
from .validation import Validator, compile_validator
from .violations import Violation, property_names


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTerms:
    """What the contract adds to the schemas of a dataset."""

    file: str
    id: str | None = None
    properties: Mapping[str, SchemaProperty] = field(default_factory=dict)
    """By column."""
    key: tuple[str, ...] = ()
    document: Document | None = None
    places: Mapping[str, Path] = field(default_factory=dict)
    """By column, its place in the file."""


def read_terms(document: Document, problems: list[Problem]) -> DatasetTerms:
    """The terms of one contract file; mistakes are added to ``problems``."""
    empty = DatasetTerms(file=document.file, document=document)
    if not isinstance(document.value, dict):
        problems.append(document.problem((), "a contract is a mapping; start with apiVersion: v3.1.0"))
        return empty
    contract, found = _parse(document)
    if contract is None:
        problems.extend(found)
        return empty
    return _terms(contract, document, problems)


@cache
def _standard() -> dict[str, Any]:
    # The model's class method has no annotations.
    schema: dict[str, Any] = json.loads(OpenDataContractStandard.json_schema())  # type: ignore[no-untyped-call]
    return schema


@cache
def _standard_validator() -> Validator:
    return compile_validator(_standard())


def _parse(document: Document) -> tuple[OpenDataContractStandard | None, list[Problem]]:
    """The contract, or what is wrong with it."""
    violations = _standard_validator().violations(document.value)
    found = [held for held in violations if not held.unknown]
    wrong = [split_path(held.path) for held in found]
    problems = [
        document.problem(split_path(held.path), f"{held.message} (ODCS 3.1)")
        for held in found
        if not _is_map_slip(held, document)
    ]
    problems += [
        document.problem((*split_path(held.path), name), "ODCS 3.1 has no such field here; use customProperties")
        for held in violations
        for name in held.unknown
        if not _is_consequence(split_path(held.path), name, wrong)
    ]
    if problems:
        return None, problems
    try:
        return OpenDataContractStandard(**document.value), []
    except ValidationError as error:
        # The models are stricter than the schema in places.
        return None, [document.problem(tuple(fault["loc"]), str(fault["msg"])) for fault in error.errors()]


def _is_consequence(path: Path, name: str, wrong: Iterable[Path]) -> bool:
    """Beside a mistake every field of an object counts as unevaluated: then only names of no field are told."""
    return any(place[: len(path)] == path for place in wrong) and name in set(property_names(_standard()))


def _is_map_slip(violation: Violation, document: Document) -> bool:
    """The standard's schema asks for ``map`` wherever ``logicalType`` is absent, which its text leaves optional."""
    path = split_path(violation.path)
    if violation.code != "required" or path[-1:] != ("map",):
        return False
    held: Any = document.value
    for step in path[:-1]:
        held = held[step]
    return "logicalType" not in held


def _terms(contract: OpenDataContractStandard, document: Document, problems: list[Problem]) -> DatasetTerms:
    objects = contract.schema_ or []
    if len(objects) != 1:
        problems.append(document.problem(("schema",), "one contract describes one dataset: list one schema"))
        return DatasetTerms(file=document.file, document=document, id=contract.id)
    properties: dict[str, SchemaProperty] = {}
    places: dict[str, Path] = {}
    for index, listed in enumerate(objects[0].properties or []):
        place: Path = ("schema", 0, "properties", index)
        if not listed.name:
            problems.append(document.problem(place, "a column needs a name"))
        elif listed.name in properties:
            problems.append(document.problem((*place, "name"), f"column {listed.name!r} is there already; remove one"))
        else:
            properties[listed.name], places[listed.name] = listed, place
    for name, listed in properties.items():
        problems.extend(_own_faults(listed, places[name], document))
    return DatasetTerms(
        file=document.file,
        id=contract.id,
        properties=properties,
        key=_key(properties, places, document, problems),
        document=document,
        places=places,
    )


def _key(
    properties: Mapping[str, SchemaProperty], places: Mapping[str, Path], document: Document, problems: list[Problem]
) -> tuple[str, ...]:
    """The key's columns in their order."""
    by_position: dict[int, str] = {}
    for name, listed in properties.items():
        if not listed.primaryKey:
            continue
        position = listed.primaryKeyPosition or 1
        if position in by_position:
            message = f"{by_position[position]!r} has position {position} in the key, too; number them from 1"
            problems.append(document.problem((*places[name], "primaryKeyPosition"), message))
        by_position[position] = name
    return tuple(name for _, name in sorted(by_position.items()))


_OWN: Mapping[str, tuple[str, ...]] = {
    "unit": ("s", "ms", "us", "ns", "days"),
    "encoding": ("base64", "base64url", "hex"),
}
"""Custom properties that this product reads, and their values; ``scale`` is a whole number."""


def _own_faults(listed: SchemaProperty, place: Path, document: Document) -> Iterator[Problem]:
    for index, own in enumerate(listed.customProperties or ()):
        path = (*place, "customProperties", index, "value")
        allowed = _OWN.get(own.property or "")
        if allowed is not None and own.value not in allowed:
            yield document.problem(path, f"{own.property} is one of: {', '.join(allowed)}")
        if own.property == "scale" and not _is_scale(own.value):
            yield document.problem(path, "scale is the number of digits after the point, such as 2")


def _is_scale(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 16_383
