"""Load: the only place that opens the files of ``schemas/``.

Everything is read once; every mistake in every file is in one report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.errors import ConfigurationError, Problem

from .build import Dataset, SchemaFile, build_contracts
from .documents import Document, DocumentError, parse_yaml
from .iglu import FORMATS, is_name, is_vendor, is_version, version_numbers
from .model import ContractFamily, Contracts, family_of
from .numbers import NUMBERS_FILE, Recorded, read_numbers
from .odcs import DatasetTerms, read_terms
from .rows import RowsError, fault_in, rows_of
from .validation import check_schema

PIPELINES = "pipelines"
CONTRACT_FILE = "contract.yaml"
DRAFT_FILES = ("draft.json", "draft.avsc", "draft.proto")
OTHER_FILES = frozenset({"matrix.yaml", "contract_matrix.py", "published.sha256"})
"""Read by ``streams.governance``."""
QUALITY_NAMES = frozenset({"quality", "quality_rules"})
QUALITY_SUFFIXES = frozenset({".py", ".yaml", ".yml", ".json"})
_OTHER_PARTS = frozenset({"migrations", NUMBERS_FILE, *DRAFT_FILES})


def load_contracts(folder: str | Path) -> Contracts:
    """Everything in ``folder``; raises ``ConfigurationError`` with all problems of all files."""
    contracts = read_contracts(folder)
    if contracts.problems:
        raise ConfigurationError(contracts.problems)
    return contracts


def read_contracts(folder: str | Path) -> Contracts:
    """Everything in ``folder`` with its ``problems``: for who has more to report in the same breath."""
    root = Path(folder)
    problems: list[Problem] = []
    if not root.is_dir():
        message = "no such folder; set STREAMS_SCHEMAS to the folder with your contracts"
        problem = Problem(file=str(root), message=message)
        return Contracts(folder=str(root), families={}, pipeline_texts={}, problems=(problem,))
    datasets = [dataset for place in _places(root, problems) for dataset in _read_datasets(root, place, problems)]
    problems.extend(_repeated_ids(dataset for dataset in datasets if dataset.leads))
    built = _build_families(datasets, problems)
    broken = frozenset(dataset.subject for dataset in datasets if _is_named(dataset, problems))
    leading = frozenset(dataset.subject for dataset in datasets if dataset.leads)
    usable = {subject: family for subject, family in built.items() if subject not in broken}
    families = {subject: family for subject, family in usable.items() if subject in leading}
    texts, rules = _read_pipelines(root, problems), _read_quality(root, problems)
    return Contracts(
        folder=str(root),
        families=families,
        pipeline_texts=texts,
        quality_texts=rules,
        contract_documents=_documents(datasets, families),
        problems=tuple(problems),
        broken=broken & leading,
        numbers=_read_all_numbers(root, datasets, problems),
        beside={subject: family for subject, family in usable.items() if subject not in leading},
    )


def _read_all_numbers(root: Path, datasets: Iterable[Dataset], problems: list[Problem]) -> Mapping[str, Recorded]:
    """By dataset, of those that have a file of them."""
    found: dict[str, Recorded] = {}
    for dataset in (f"{held.vendor}/{held.name}" for held in datasets if held.leads):
        name = f"{dataset}/{NUMBERS_FILE}"
        text = _read_text(root / name, name, problems) if (root / name).exists() else None
        if text is not None:
            try:
                found[dataset] = read_numbers(parse_yaml(text, name), problems)
            except DocumentError as error:
                problems.append(error.problem)
    return found


def _documents(datasets: Iterable[Dataset], families: Mapping[str, ContractFamily]) -> Mapping[str, Document]:
    """By subject, the contract files of what can be used."""
    documents = {dataset.subject: dataset.terms.document for dataset in datasets if dataset.subject in families}
    return {subject: document for subject, document in documents.items() if document is not None}


def _build_families(datasets: Iterable[Dataset], problems: list[Problem]) -> Mapping[str, ContractFamily]:
    resources = {
        f"{dataset.subject}/{schema.version}": schema.value
        for dataset in datasets
        for schema in dataset.schemas
        if dataset.format == FORMATS[0] and not check_schema(schema.value)
    }
    families: dict[str, ContractFamily] = {}
    for dataset in datasets:
        if contracts := build_contracts(dataset, resources, problems):
            families[dataset.subject] = family_of(dataset.subject, contracts)
    return families


def _is_named(dataset: Dataset, problems: Iterable[Problem]) -> bool:
    """Whether a problem is about a file of ``dataset``."""
    place = Path(dataset.vendor, dataset.name)
    return any(place in (Path(problem.file), *Path(problem.file).parents) for problem in problems)


def _places(root: Path, problems: list[Problem]) -> Iterator[Path]:
    """Folders ``<vendor>/<name>``."""
    for vendor in _entries(root):
        if vendor.name == PIPELINES or vendor.name in OTHER_FILES or _is_quality(vendor):
            continue
        if not vendor.is_dir() or not is_vendor(vendor.name):
            message = "not known here; contracts are in <vendor>/<name>/, pipelines in pipelines/, rules in quality.py"
            problems.append(Problem(file=vendor.name, message=message))
            continue
        for place in _entries(vendor):
            if place.is_dir() and is_name(place.name):
                yield place
            else:
                message = f"not known here; expected a folder {vendor.name}/<name> (letters, digits, - and _)"
                problems.append(Problem(file=str(place.relative_to(root)), message=message))


def _entries(folder: Path) -> list[Path]:
    """What is in ``folder``, without hidden files and notes for people."""
    held = sorted(folder.iterdir()) if folder.is_dir() else []
    return [place for place in held if not place.name.startswith(".") and place.suffix != ".md"]


def _read_datasets(root: Path, place: Path, problems: list[Problem]) -> Iterator[Dataset]:
    """The dataset in each of its formats, the one that leads first."""
    for entry in _entries(place):
        if entry.name != CONTRACT_FILE and entry.name not in {*FORMATS, *_OTHER_PARTS}:
            message = f"not known here; expected {CONTRACT_FILE} and {', '.join(sorted(FORMATS))}"
            problems.append(Problem(file=str(entry.relative_to(root)), message=message))
    terms, there = _read_terms(root, place, problems), [name for name in FORMATS if _entries(place / name)]
    if not there:
        message = "no schema; put one in jsonschema/1-0-0 in this folder, or in avro/1-0-0 or protobuf/1-0-0"
        problems.append(Problem(file=str(place.relative_to(root)), message=message))
    for name in there or FORMATS[:1]:
        schemas = sorted(_read_schemas(root, place / name, problems), key=lambda one: version_numbers(one.version))
        yield Dataset(
            vendor=place.parent.name, name=place.name, terms=terms, schemas=tuple(schemas), format=name,
            leads=name == (there or FORMATS)[0],
        )  # fmt: skip


def _read_terms(root: Path, place: Path, problems: list[Problem]) -> DatasetTerms:
    file = place / CONTRACT_FILE
    name = str(file.relative_to(root))
    text = _read_text(file, name, problems) if file.exists() else None
    if text is None:
        return DatasetTerms(file=name)
    try:
        return read_terms(parse_yaml(text, name), problems)
    except DocumentError as error:
        problems.append(error.problem)
    return DatasetTerms(file=name)


def _read_schemas(root: Path, place: Path, problems: list[Problem]) -> Iterator[SchemaFile]:
    for file in _entries(place):
        name = str(file.relative_to(root))
        if not is_version(file.name):
            message = "the name must be a version, MODEL-REVISION-ADDITION such as 1-0-0, without extension"
            problems.append(Problem(file=name, message=message))
        elif (text := _read_text(file, name, problems)) is not None:
            value = _rows(text, name, problems)
            if value is not None:
                yield SchemaFile(file=name, version=file.name, text=text, value=value)


def _rows(text: str, name: str, problems: list[Problem]) -> dict[str, Any] | None:
    """The JSON Schema of the rows of the schema in the file ``name``."""
    described = dict(zip(("vendor", "name", "format", "version"), name.split("/"), strict=True))
    kind = described["format"]
    if kind != "protobuf":
        value = _parse_json(text, name, problems)
        if value is None or kind == FORMATS[0]:
            return value
    try:
        return rows_of(text, described)
    except RowsError as error:
        problems.extend(fault_in(text, name, path, message) for path, message in error.faults)
    return None


def _read_text(file: Path, name: str, problems: list[Problem]) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problems.append(Problem(file=name, message="not UTF-8 text"))
    except OSError as error:
        problems.append(Problem(file=name, message=f"cannot be read: {error.strerror}"))
    return None


def _parse_json(text: str, name: str, problems: list[Problem]) -> dict[str, Any] | None:
    repeated: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        repeated.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=collect)
    except json.JSONDecodeError as error:
        problems.append(Problem(file=name, line=error.lineno, message=f"no valid JSON: {error.msg}"))
        return None
    except RecursionError:
        problems.append(Problem(file=name, message="nested too deep"))
        return None
    for key in repeated:
        problems.append(Problem(file=name, message=f"{key!r} twice in one object; only the last would count"))
    if not isinstance(value, dict):
        problems.append(Problem(file=name, message="a schema of rows must be a JSON object"))
        return None
    return value


def _repeated_ids(datasets: Iterable[Dataset]) -> Iterator[Problem]:
    file_by_id: dict[str, str] = {}
    for terms in (dataset.terms for dataset in datasets):
        if terms.id is None or terms.document is None:
            continue
        if terms.id in file_by_id:
            yield terms.document.problem(("id",), f"{file_by_id[terms.id]} has this id already; give it its own")
        file_by_id.setdefault(terms.id, terms.file)


def _read_pipelines(root: Path, problems: list[Problem]) -> Mapping[str, str]:
    texts = {}
    for file in _entries(root / PIPELINES):
        name = str(file.relative_to(root))
        if file.suffix not in (".yaml", ".yml"):
            problems.append(Problem(file=name, message="a pipeline is a .yaml file"))
        elif (text := _read_text(file, name, problems)) is not None:
            texts[name] = text
    return texts


def _is_quality(place: Path) -> bool:
    return place.stem in QUALITY_NAMES and place.suffix in QUALITY_SUFFIXES and place.is_file()


def _read_quality(root: Path, problems: list[Problem]) -> Mapping[str, str]:
    places = [place for place in _entries(root) if _is_quality(place)]
    read = {place.name: _read_text(place, place.name, problems) for place in places}
    return {name: text for name, text in read.items() if text is not None}
