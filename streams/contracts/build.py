"""Build: one schema version and its dataset's terms become a ``Contract``, or problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.errors import Problem

from .columns import build_columns
from .model import Column, Contract
from .odcs import DatasetTerms
from .validation import SchemaError, Validator, compile_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What all versions of a contract share."""

    vendor: str
    name: str
    terms: DatasetTerms
    resources: Mapping[str, object]
    """Its schemas by URI, for ``$ref``."""

    @property
    def subject(self) -> str:
        """``iglu:vendor/name/jsonschema``."""
        return f"iglu:{self.vendor}/{self.name}/jsonschema"


def build_contract(
    dataset: Dataset,
    version: str,
    schema: dict[str, Any],
    file: str,
    problems: list[Problem],
    *,
    is_newest: bool,
) -> Contract | None:
    """The contract of one version; ``None`` where ``problems`` say why not."""
    count = len(problems)
    _check_self(dataset, version, schema, file, problems)
    validator = _compile(schema, dataset, file, problems)
    columns = build_columns(schema, dataset.terms.properties)
    if is_newest:
        _check_terms(dataset.terms, columns, file, problems)
    if validator is None or len(problems) > count:
        return None
    return Contract(
        uri=f"{dataset.subject}/{version}",
        subject=dataset.subject,
        version=version,
        key=tuple(name for name in dataset.terms.key if name in columns),
        columns=columns,
        schema=schema,
        validator=validator,
        compile_without=lambda names: compile_validator(_without(schema, names), resources=dataset.resources),
    )


def _check_self(
    dataset: Dataset, version: str, schema: Mapping[str, Any], file: str, problems: list[Problem]
) -> None:
    expected = {"vendor": dataset.vendor, "name": dataset.name, "format": "jsonschema", "version": version}
    found = schema.get("self")
    if not isinstance(found, dict):
        problems.append(Problem(file=file, path="self", message=f"missing; the file's place says {expected}"))
        return
    for part, wanted in expected.items():
        if found.get(part) != wanted:
            message = f"is not {wanted!r}, as the file's place says; a published schema is never moved or renamed"
            problems.append(Problem(file=file, path=f"self.{part}", message=message))


def _compile(
    schema: Mapping[str, Any], dataset: Dataset, file: str, problems: list[Problem]
) -> Validator | None:
    if schema.get("type") != "object":
        problems.append(Problem(file=file, path="type", message="a row is an object: write \"type\": \"object\""))
    try:
        return compile_validator(schema, resources=dataset.resources)
    except SchemaError as error:
        problems.append(Problem(file=file, message=f"no valid JSON Schema: {error}"))
        return None


def _check_terms(
    terms: DatasetTerms, columns: Mapping[str, Column], file: str, problems: list[Problem]
) -> None:
    if terms.document is None:
        return
    for name in terms.properties:
        if name not in columns:
            message = f"the schema {file} has no property {name!r}; add it there in a new version, or remove it here"
            problems.append(terms.document.problem(terms.places[name], message))
    for name in terms.key:
        if name in columns and columns[name].nullable:
            message = f"key column {name!r} may be null or absent in {file}; require it there"
            problems.append(terms.document.problem(terms.places[name], message))


def _without(schema: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """``schema`` where the top-level ``names`` are neither required nor checked, also where it is closed."""
    properties = {name: ({} if name in names else shape) for name, shape in schema.get("properties", {}).items()}
    required = [name for name in schema.get("required", ()) if name not in names]
    rest = {**schema, "properties": properties, "required": required}
    if not required:
        del rest["required"]  # draft 4 allows no empty list
    return rest
