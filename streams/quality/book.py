"""Book: the rules of every dataset, from the files of ``schemas/`` that hold rules and from the contracts.

A dataset is named as in ``<vendor>/<name>``, or by ``<name>`` where only one vendor has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from streams.contracts.documents import Document, DocumentError, parse_yaml
from streams.contracts.iglu import dataset_of
from streams.contracts.literals import parse_literal
from streams.contracts.model import Contracts
from streams.contracts.shape import shape_problems
from streams.contracts.validation import Validator, compile_validator
from streams.errors import Problem

from .grammar import RulesReader, on_fail_problems, quality_schema
from .odcs import read_contract_rules
from .rules import Rule, RuleSet

NAME = "quality_rules"
Book = Mapping[str, RuleSet]
"""By subject: ``iglu:vendor/name/jsonschema``."""


def read_quality(contracts: Contracts) -> tuple[Book, list[Problem]]:
    """The rules of all datasets, and what is wrong with those that could not be read."""
    problems: list[Problem] = []
    book: dict[str, RuleSet] = {}
    for subject, held in contracts.contract_documents.items():
        if rules := read_contract_rules(held, problems):
            book[subject] = RuleSet(rules=rules)
    for file, text in contracts.quality_texts.items():
        document = _parse(text, file, problems)
        if document is not None:
            _add(document, contracts, book, problems)
    also = {subject: contracts.subject_of(dataset_of(subject)) for subject in contracts.beside}
    return book | {subject: book[leading] for subject, leading in also.items() if leading in book}, problems


def _parse(text: str, file: str, problems: list[Problem]) -> Document | None:
    try:
        document = parse_literal(text, file, name=NAME) if file.endswith(".py") else parse_yaml(text, file)
    except DocumentError as error:
        problems.append(error.problem)
        return None
    document = _unwrapped(document)
    if isinstance(document.value, dict):
        return document
    problems.append(document.problem((), "rules are by dataset: {users: {completeness: [id]}}"))
    return None


@cache
def _validator() -> Validator:
    return compile_validator(quality_schema())


def _unwrapped(document: Document) -> Document:
    """YAML and JSON may name their rules, too: ``quality_rules: {users: ...}``."""
    value = document.value
    if not isinstance(value, dict) or set(value) != {NAME}:
        return document
    lines = {path[1:]: line for path, line in document.lines.items() if path[:1] == (NAME,)}
    return Document(file=document.file, value=value[NAME], lines=lines)


def _add(document: Document, contracts: Contracts, book: dict[str, RuleSet], problems: list[Problem]) -> None:
    for name, held in document.value.items():
        alone = Document(file=document.file, value={name: held}, lines=document.lines)
        if misshapen := list(shape_problems(alone, quality_schema(), _validator())):
            problems += misshapen
            continue
        rules = RulesReader(document, (name,), problems).read(held)
        subject = _subject_of(name, document, contracts, problems)
        if subject is not None:
            before = book.get(subject, RuleSet())
            problems.extend(_conflicts(before.rules, rules.rules.values()))
            merged = RuleSet(rules={**before.rules, **rules.rules}, on_fail={**before.on_fail, **rules.on_fail})
            problems.extend(on_fail_problems(merged, document, (name, "on_fail")))
            book[subject] = merged


def _conflicts(known: Mapping[str, Rule], added: Iterable[Rule]) -> Iterator[Problem]:
    for rule in added:
        other = known.get(rule.name)
        if other is not None and other.kind != rule.kind:
            place = other.problem("")
            yield rule.problem(f"{place.file}:{place.line} says {other.text!r} of {rule.name}; remove one of them")


def _subject_of(name: str, document: Document, contracts: Contracts, problems: list[Problem]) -> str | None:
    """The dataset that ``name`` means; ``None`` where there is none, or where its files are broken and told of."""
    subjects = sorted({*contracts.families, *contracts.broken})
    found = datasets_of(name, subjects)
    if len(found) == 1:
        return found[0] if found[0] in contracts.families else None
    if found:
        names = ", ".join(map(dataset_of, found))
        message = f"{name!r} can be {names}; write the vendor, too"
    else:
        known: dict[str, Any] = dict.fromkeys([dataset_of(subject) for subject in subjects])
        known |= dict.fromkeys([dataset.rpartition("/")[2] for dataset in known])
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(map(dataset_of, subjects)) or 'none'}"
        message = f"no dataset {name!r}; {hint}"
    problems.append(document.problem((name,), message))
    return None


def datasets_of(name: str, subjects: Iterable[str]) -> list[str]:
    """Subjects that ``name`` can mean: ``vendor/name``, or ``name`` of any vendor."""
    return [subject for subject in subjects if name in (dataset_of(subject), dataset_of(subject).rpartition("/")[2])]


