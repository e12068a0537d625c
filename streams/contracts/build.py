"""Build: one schema version and its dataset's terms become a ``Contract``, or problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from streams.errors import Problem

from .columns import build_columns, json_types
from .documents import Document, DocumentError, Path, parse_yaml, split_path
from .drafts import draft_of
from .iglu import FORMATS
from .model import Contract
from .odcs import DatasetTerms
from .validation import SchemaError, Validator, compile_validator
from .violations import Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFile:
    """One version of a schema, as read."""

    file: str
    version: str
    text: str
    value: dict[str, Any]
    """The JSON Schema of its rows."""

    @property
    def is_derived(self) -> bool:
        """``value`` is made of ``text``, which is written in something else."""
        described = self.value.get("self")
        return isinstance(described, dict) and described.get("format") in FORMATS[1:]

    def problem(self, path: Path, message: str) -> Problem:
        """A mistake at ``path``, with its line: JSON is YAML, so the same reader finds it."""
        try:
            document = parse_yaml(self.text, self.file)
        except DocumentError:  # a tab between tokens is JSON, and is not YAML
            document = Document(file=self.file, value=self.value, lines={})
        return document.problem(path, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What all versions of a contract share."""

    vendor: str
    name: str
    terms: DatasetTerms
    schemas: tuple[SchemaFile, ...]
    """Oldest version first."""
    format: str = FORMATS[0]
    leads: bool = True
    """It is what the dataset's name means; ``False``: a further format of it."""

    @property
    def subject(self) -> str:
        """``iglu:vendor/name/jsonschema``."""
        return f"iglu:{self.vendor}/{self.name}/{self.format}"


def build_contracts(dataset: Dataset, resources: Mapping[str, object], problems: list[Problem]) -> list[Contract]:
    """The contracts of a dataset's versions, oldest first; ``resources``: schemas by URI, for ``$ref``."""
    schemas = [_with_terms(schema, dataset.terms) for schema in dataset.schemas]
    built = [_build_contract(dataset, schema, resources, problems) for schema in schemas]
    if schemas and dataset.leads:  # a further format may say less
        problems.extend(_disagreements(dataset, schemas[-1]))
    return [contract for contract in built if contract is not None]


def _with_terms(schema: SchemaFile, terms: DatasetTerms) -> SchemaFile:
    """Avro and Protobuf cannot say that a field without null has to be there; where they do not, the contract does."""
    if not schema.is_derived:
        return schema
    wanted = {*terms.key, *(name for name, listed in terms.properties.items() if listed.required)}
    said = schema.value.get("required", [])
    never_null = [name for name, shape in schema.value["properties"].items() if "null" not in json_types(shape)]
    required = [name for name in never_null if name in said or name in wanted]
    return replace(schema, value={**schema.value, **({"required": required} if required else {})})


def _build_contract(
    dataset: Dataset, schema: SchemaFile, resources: Mapping[str, object], problems: list[Problem]
) -> Contract | None:
    count = len(problems)
    problems.extend(_self_faults(dataset, schema))
    if schema.value.get("type") != "object":
        problems.append(schema.problem(("type",), 'a row is an object: write "type": "object"'))
    validator = _compile(schema, resources, problems)
    if validator is None or len(problems) > count:
        return None
    columns = build_columns(schema.value, dataset.terms.properties)
    return Contract(
        uri=f"{dataset.subject}/{schema.version}",
        subject=dataset.subject,
        version=schema.version,
        key=tuple(name for name in dataset.terms.key if name in columns),
        columns=columns,
        schema=schema.value,
        text=schema.text,
        validator=validator,
        compile_without=lambda names: compile_validator(
            _without(schema.value, names), resources=resources, hides_names=True
        ),
    )


def _self_faults(dataset: Dataset, schema: SchemaFile) -> Iterator[Problem]:
    expected = {"vendor": dataset.vendor, "name": dataset.name, "format": dataset.format, "version": schema.version}
    found = schema.value.get("self")
    if not isinstance(found, dict):
        yield schema.problem(("self",), f"missing; the file's place says {expected}")
        return
    for part, wanted in expected.items():
        if found.get(part) != wanted:
            message = f"is not {wanted!r}, as the file's place says; a published schema is never moved or renamed"
            yield schema.problem(("self", part), message)


def _compile(schema: SchemaFile, resources: Mapping[str, object], problems: list[Problem]) -> Validator | None:
    try:
        return compile_validator(schema.value, resources=resources, hides_names=True)
    except SchemaError as error:
        problems.extend(_schema_problem(schema, violation) for violation in error.violations)
        return None


def _schema_problem(schema: SchemaFile, violation: Violation) -> Problem:
    kind = "" if violation.code.startswith("$") else f" (JSON Schema, {draft_of(schema.value)})"
    return schema.problem(split_path(violation.path), violation.message + kind)


def _disagreements(dataset: Dataset, schema: SchemaFile) -> Iterator[Problem]:
    """Where the contract and the newest schema say different things."""
    terms = dataset.terms
    if terms.document is None or not isinstance(schema.value.get("properties", {}), dict):
        return
    for name, listed in terms.properties.items():
        yield from _property_disagreements(listed, terms.places[name], schema.value, schema, terms.document)
    columns = build_columns(schema.value, {})
    for name in terms.key:
        if name in columns and columns[name].nullable:
            message = f"key column {name!r} may be null or absent in {schema.file}; require it there"
            yield terms.document.problem(terms.places[name], message)


_JSON_BY_LOGICAL: Mapping[str, frozenset[str]] = {
    "string": frozenset({"string"}),
    "integer": frozenset({"integer", "string"}),
    "number": frozenset({"number", "integer", "string"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"string", "integer"}),
    "time": frozenset({"string", "integer"}),
    "timestamp": frozenset({"string", "integer"}),
    "array": frozenset({"array", "string"}),
    "object": frozenset({"object", "string"}),
}
"""What a logical type can be in JSON: text holds exact numbers, moments and documents."""


def _property_disagreements(
    listed: SchemaProperty, place: Path, schema: Mapping[str, Any], file: SchemaFile, document: Document
) -> Iterator[Problem]:
    name, properties = listed.name, schema.get("properties")
    if not isinstance(properties, dict) or name not in properties:
        message = f"the schema {file.file} has no property {name!r}; add it there in a new version, or remove it here"
        yield document.problem(place, message)
        return
    shape = properties[name] if isinstance(properties[name], dict) else {}
    types = json_types(shape) - {"null"}
    if types and not types & _JSON_BY_LOGICAL.get(listed.logicalType or "", types):
        message = f"{listed.logicalType}, but in {file.file} {name!r} is {' or '.join(sorted(types))}; make them agree"
        yield document.problem((*place, "logicalType"), message)
    required = schema.get("required")
    is_required = name in (required if isinstance(required, list) else ())
    # Elsewhere a field that is never null may be absent where whoever wrote had none yet.
    is_required = is_required or (file.is_derived and bool(types) and json_types(shape) == types)
    if listed.required and not is_required:
        yield document.problem((*place, "required"), f"{name!r} is not required in {file.file}; make them agree")
    for index, nested in enumerate(listed.properties or ()):
        yield from _property_disagreements(nested, (*place, "properties", index), shape, file, document)


def _without(schema: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """``schema`` where the top-level ``names`` are neither required nor checked, also where it is closed."""
    properties = {name: ({} if name in names else shape) for name, shape in schema.get("properties", {}).items()}
    required = [name for name in schema.get("required", ()) if name not in names]
    rest = {**schema, "properties": properties, "required": required}
    if not required:
        del rest["required"]  # draft 4 allows no empty list
    return rest
