"""Matrix: who produces and who consumes which versions of which contracts, and where that clashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from streams.contracts import Contracts, Validator, compile_validator
from streams.contracts.documents import Document, DocumentError, Path, parse_yaml
from streams.contracts.iglu import Criterion, dataset_of, parse_criterion
from streams.contracts.literals import parse_literal
from streams.contracts.shape import shape_problems
from streams.errors import Problem
from streams.pipeline.spec import Pipeline

from .files import Files
from .places import placed, problem_at
from .references import Reference, parse_reference

MATRIX_FILE = "matrix.yaml"
LITERAL_FILE = "contract_matrix.py"
LITERAL = "contract_matrix"
PRODUCES, CONSUMES = "produces", "consumes"
_ASSIGNMENT = re.compile(r"\s*\w+\s*(:\s*\w.*)?=", re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Somebody produces or consumes something."""

    who: str
    """A service, or ``pipeline x``."""
    is_producer: bool
    reference: Reference
    document: Document | None = None
    """Where a service's is written; a pipeline says it by what it does."""
    path: Path = ()

    @property
    def is_pipeline(self) -> bool:
        """It is one of this folder's pipelines."""
        return self.document is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Versions of one contract, as somebody names them."""

    reference: Reference
    producers: tuple[str, ...]
    """Of those versions, or of some of them."""
    consumers: tuple[str, ...]
    state: str
    """``ok``; ``no producer``; ``version conflict``: others are produced; ``no consumer``; ``unknown version``."""

    @property
    def is_wrong(self) -> bool:
        """Somebody waits for what does not come."""
        return self.state in ("no producer", "version conflict", "unknown version")


def read_matrix(held: Files, contracts: Contracts, problems: list[Problem]) -> tuple[Use, ...]:
    """What services say; mistakes are added to ``problems``."""
    uses: list[Use] = []
    file_by_service: dict[str, str] = {}
    for document in _documents(held, problems):
        found = list(map(placed, shape_problems(document, _grammar(), _grammar_validator())))
        problems += found
        for service, said in document.value.items() if not found else ():
            if service in file_by_service:
                problems.append(problem_at(document, (service,), f"{file_by_service[service]} has it already"))
            file_by_service.setdefault(service, document.file)
            uses += _uses(document, service, said, contracts, problems)
    return tuple(uses)


def pipeline_uses(pipelines: Iterable[Pipeline], contracts: Contracts) -> Iterator[Use]:
    """What the pipelines of the folder consume, and what they promise of what they publish."""
    for pipeline in pipelines:
        read = ((False, pipeline.source.contract), *((True, route.contract) for route in pipeline.routes))
        for is_producer, criterion in read:
            try:
                parse_criterion(criterion or "")
                reference = parse_reference(criterion or "", datasets_of(contracts))
            except ValueError:  # told where pipelines are compiled, or nothing is promised
                continue
            yield Use(who=f"pipeline {pipeline.name}", is_producer=is_producer, reference=reference)


def rows_of(uses: Iterable[Use], contracts: Contracts) -> tuple[Row, ...]:
    """A row for all versions that somebody names, by contract."""
    listed = list(uses)
    named = {(use.reference.contract, use.reference.version): use.reference for use in listed}
    return tuple(_row(reference, listed, contracts) for _, reference in sorted(named.items()))


def _row(reference: Reference, uses: Iterable[Use], contracts: Contracts) -> Row:
    of_contract = [use for use in uses if use.reference.contract == reference.contract]
    meeting = [use for use in of_contract if use.reference.meets(reference)]
    producers = tuple(dict.fromkeys(use.who for use in meeting if use.is_producer))
    consumers = tuple(dict.fromkeys(use.who for use in meeting if not use.is_producer))
    is_consumed = any(use.reference == reference and not use.is_producer for use in meeting)
    if not is_known(reference, contracts):
        state = "unknown version"
    elif producers and consumers:
        state = "ok"
    elif not is_consumed:
        state = "no consumer"
    else:
        state = "version conflict" if any(use.is_producer for use in of_contract) else "no producer"
    return Row(reference=reference, producers=producers, consumers=consumers, state=state)


def is_known(reference: Reference, contracts: Contracts) -> bool:
    """Whether the folder has such a version; what another vendor has is agreed on elsewhere."""
    vendors = {dataset.partition("/")[0] for dataset in datasets_of(contracts)}
    subject = contracts.subject_of(reference.contract)
    if reference.contract.partition("/")[0] not in vendors or subject in contracts.broken:
        return True
    family = contracts.families.get(subject)
    criterion = Criterion(subject=subject, version=reference.version)
    return family is not None and any(criterion.admits(contract.version) for contract in family.versions)


def matrix_problems(uses: Iterable[Use], contracts: Contracts) -> Iterator[tuple[bool, Problem]]:
    """What is wrong with what services say; false: it is for people to know, and others may mend it."""
    listed = list(uses)
    state_by_reference = {row.reference: row for row in rows_of(listed, contracts)}
    for use in listed:
        row = state_by_reference[use.reference]
        if use.document is None or not row.is_wrong:
            continue
        if row.state == "unknown version":
            known = ", ".join(_versions(use.reference, contracts)) or "no such contract"
            message = f"no version {use.reference} in this folder; there is: {known}"
            yield True, problem_at(use.document, use.path, message)
        elif not use.is_producer:
            others = sorted({str(one.reference) for one in listed if one.is_producer and _is_same(one, use)})
            why = f"nobody produces {use.reference}" + (f", but {', '.join(others)}" if others else "")
            yield False, problem_at(use.document, use.path, f"{row.state}: {why}")


def _is_same(one: Use, other: Use) -> bool:
    return one.reference.contract == other.reference.contract


def _versions(reference: Reference, contracts: Contracts) -> Iterator[str]:
    family = contracts.families.get(contracts.subject_of(reference.contract))
    yield from () if family is None else (version.version for version in family.versions)


def datasets_of(contracts: Contracts) -> list[str]:
    """All of the folder, also those whose files are wrong."""
    subjects = {*contracts.families, *contracts.broken}
    return sorted(map(dataset_of, subjects))


def _uses(
    document: Document, service: str, said: Mapping[str, Any], contracts: Contracts, problems: list[Problem]
) -> Iterator[Use]:
    for part in (PRODUCES, CONSUMES):
        for place, text in enumerate(said.get(part, ())):
            path: Path = (service, part, place)
            try:
                reference = parse_reference(text, datasets_of(contracts))
            except ValueError as error:
                problems.append(problem_at(document, path, str(error)))
                continue
            yield Use(who=service, is_producer=part == PRODUCES, reference=reference, document=document, path=path)


def _documents(held: Files, problems: list[Problem]) -> Iterator[Document]:
    for file in (MATRIX_FILE, LITERAL_FILE):
        if file not in held:
            continue
        text = held[file].decode(errors="replace")
        try:
            is_literal = file == LITERAL_FILE or _ASSIGNMENT.match(text) is not None
            document = parse_literal(text, file, name=LITERAL) if is_literal else parse_yaml(text, file)
        except DocumentError as error:
            problems.append(error.problem)
            continue
        yield _unwrapped(document)


def _unwrapped(document: Document) -> Document:
    """Services may stand under ``contract_matrix:``."""
    if not isinstance(document.value, dict) or list(document.value) != [LITERAL]:
        return document
    lines = {path[1:]: line for path, line in document.lines.items() if path[:1] == (LITERAL,)}
    return Document(file=document.file, value=document.value[LITERAL], lines=lines)


@cache
def _grammar() -> dict[str, Any]:
    held: dict[str, Any] = json.loads(files("streams.governance").joinpath("matrix.schema.json").read_text("utf-8"))
    return held


@cache
def _grammar_validator() -> Validator:
    return compile_validator(_grammar())
