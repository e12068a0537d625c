"""Load: the only place that opens the files of ``schemas/``.

Everything is read once; every mistake in every file is in one ``ConfigurationError``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.errors import ConfigurationError, Problem

from .build import Dataset, build_contract
from .documents import DocumentError, parse_yaml
from .iglu import is_version, version_numbers
from .model import Contract, ContractFamily, Contracts, family_of
from .odcs import DatasetTerms, read_terms

PIPELINES = "pipelines"
CONTRACT_FILE = "contract.yaml"
OTHER_FILES = frozenset({"matrix.yaml"})


def load_contracts(folder: str | Path) -> Contracts:
    """Everything in ``folder``; raises ``ConfigurationError`` with all problems of all files."""
    root = Path(folder)
    if not root.is_dir():
        raise ConfigurationError(
            [Problem(file=str(root), message="no such folder; set STREAMS_SCHEMAS to the folder with your contracts")]
        )
    problems: list[Problem] = []
    families = {}
    warnings: list[str] = []
    for place in _datasets(root, problems):
        contracts = _load_dataset(root, place, problems)
        if contracts:
            family = family_of(contracts[0].subject, contracts)
            families[family.subject] = family
            warnings += _gaps(family)
    texts = _read_pipelines(root, problems)
    if problems:
        raise ConfigurationError(problems)
    return Contracts(folder=str(root), families=families, pipeline_texts=texts, warnings=tuple(warnings))


def _datasets(root: Path, problems: list[Problem]) -> Iterator[Path]:
    """Folders ``<vendor>/<name>``."""
    for vendor in sorted(root.iterdir()):
        if vendor.name.startswith(".") or vendor.name == PIPELINES or vendor.name in OTHER_FILES:
            continue
        if not vendor.is_dir():
            problems.append(Problem(file=vendor.name, message="expected folders <vendor>/<name>, pipelines/"))
            continue
        yield from (place for place in sorted(vendor.iterdir()) if place.is_dir())


def _load_dataset(root: Path, place: Path, problems: list[Problem]) -> list[Contract]:
    terms = _load_terms(root, place, problems)
    schemas = _load_schemas(root, place, problems)
    if not schemas:
        problems.append(
            Problem(file=str(place.relative_to(root)), message="no schema; put one in jsonschema/1-0-0 beside it")
        )
        return []
    resources = {f"iglu:{place.parent.name}/{place.name}/jsonschema/{v}": s for v, s in schemas.items()}
    newest = max(schemas, key=version_numbers)
    dataset = Dataset(vendor=place.parent.name, name=place.name, terms=terms, resources=resources)
    contracts = []
    for version, schema in schemas.items():
        file = str((place / "jsonschema" / version).relative_to(root))
        contract = build_contract(dataset, version, schema, file, problems, is_newest=version == newest)
        if contract is not None:
            contracts.append(contract)
    return contracts


def _load_terms(root: Path, place: Path, problems: list[Problem]) -> DatasetTerms:
    file = place / CONTRACT_FILE
    name = str(file.relative_to(root))
    if not file.exists():
        return DatasetTerms(file=name)
    try:
        return read_terms(parse_yaml(file.read_text(encoding="utf-8"), name), problems)
    except DocumentError as error:
        problems.append(error.problem)
    except UnicodeDecodeError:
        problems.append(Problem(file=name, message="not UTF-8 text"))
    return DatasetTerms(file=name)


def _load_schemas(root: Path, place: Path, problems: list[Problem]) -> Mapping[str, dict[str, Any]]:
    schemas = {}
    folder = place / "jsonschema"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = str(file.relative_to(root))
        if not is_version(file.name):
            message = "the name must be a version, MODEL-REVISION-ADDITION such as 1-0-0, without extension"
            problems.append(Problem(file=name, message=message))
            continue
        try:
            schema = json.loads(file.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            problems.append(Problem(file=name, line=error.lineno, message=f"no valid JSON: {error.msg}"))
            continue
        except UnicodeDecodeError:
            problems.append(Problem(file=name, message="not UTF-8 text"))
            continue
        if not isinstance(schema, dict):
            problems.append(Problem(file=name, message="a schema of rows must be a JSON object"))
            continue
        schemas[file.name] = schema
    return schemas


def _gaps(family: ContractFamily) -> Iterator[str]:
    """SchemaVer counts without gaps; one is allowed, and told."""
    seen = {version_numbers(contract.version) for contract in family.versions}
    for model, revision, addition in sorted(seen):
        if addition and (model, revision, addition - 1) not in seen:
            yield f"{family.subject}: {model}-{revision}-{addition} without {model}-{revision}-{addition - 1}"
        elif not addition and revision and not any(known[:2] == (model, revision - 1) for known in seen):
            yield f"{family.subject}: {model}-{revision}-0 without any {model}-{revision - 1}-*"


def _read_pipelines(root: Path, problems: list[Problem]) -> Mapping[str, str]:
    texts = {}
    folder = root / PIPELINES
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = str(file.relative_to(root))
        if file.suffix not in (".yaml", ".yml"):
            problems.append(Problem(file=name, message="a pipeline is a .yaml file"))
            continue
        try:
            texts[name] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            problems.append(Problem(file=name, message="not UTF-8 text"))
    return texts
