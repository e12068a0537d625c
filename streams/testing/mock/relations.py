"""Relations: which columns hold the keys of other datasets.

What a contract says counts first: a rule of references, or ODCS's ``relationships``. Else a column is taken at its
name: ``product_id`` holds keys of ``products`` where such a dataset has one key column of the same type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.contracts.model import Contract, Contracts
from streams.quality.book import Book, datasets_of
from streams.quality.rules import References

Related = Mapping[str, str]
"""By column the subject whose keys it holds."""


def related_columns(contract: Contract, contracts: Contracts, book: Book) -> Related:
    """What the columns of ``contract`` refer to."""
    found: dict[str, str] = {}
    for column, target in (*_by_rule(contract, contracts, book), *_by_contract(contract, contracts)):
        found.setdefault(column, target)
    for column in contract.columns:
        if column not in found and column not in contract.key[:1]:
            found.update((column, target) for target in _by_name(column, contracts))
    return {column: target for column, target in found.items() if _is_of_one_type(column, target, contract, contracts)}


def _by_rule(contract: Contract, contracts: Contracts, book: Book) -> Iterator[tuple[str, str]]:
    rules = book[contract.subject].rules.values() if contract.subject in book else ()
    for rule in rules:
        if isinstance(rule.kind, References):
            for target in datasets_of(rule.kind.dataset, contracts.families):
                yield rule.columns[0], target


def _by_contract(contract: Contract, contracts: Contracts) -> Iterator[tuple[str, str]]:
    """``relationships`` of a property, ``to: users.id``. Source: ODCS 3.1.0, "Relationships"."""
    document = contracts.document_of(contract.subject)
    schema = (document.value.get("schema") or [{}]) if document is not None else [{}]
    for held in schema[0].get("properties") or ():
        for relation in held.get("relationships") or ():
            name = str(relation.get("to", "")).rpartition("/")[2].partition(".")[0]
            for target in datasets_of(name, contracts.families):
                yield str(held.get("name")), target


def _by_name(column: str, contracts: Contracts) -> list[str]:
    stem = column.removesuffix("_id")
    if stem == column:
        return []
    names = {stem, f"{stem}s", f"{stem}es", f"{stem.removesuffix('y')}ies"}
    found = [subject for subject in contracts.families if subject.split("/")[1] in names]
    return found if len(found) == 1 else []


def _is_of_one_type(column: str, target: str, contract: Contract, contracts: Contracts) -> bool:
    other = contracts.families[target].newest
    if column not in contract.columns or len(other.key) != 1 or target == contract.subject:
        return False
    here, there = contract.columns[column], other.columns.get(other.key[0])
    return there is not None and here.type is there.type and here.json_types == there.json_types
