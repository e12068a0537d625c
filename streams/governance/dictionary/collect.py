"""Collect: what the files of ``schemas/`` say, put together for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.contracts import Contract, ContractFamily, Contracts
from streams.contracts.exports.json_schema import terms_of
from streams.contracts.exports.read import read_model
from streams.contracts.iglu import dataset_of
from streams.pipeline.plan import Plan
from streams.planning.lineage import Lineage, Origin, lineage_of
from streams.quality.rules import OF_ROWS, RuleSet

from ..files import Files
from ..matrix import Use
from .columns import columns_of
from .facts import DatasetFacts, Dictionary, PipelineFacts, Rows, Term
from .history import versions_of

Book = Mapping[str, RuleSet]


def collect(contracts: Contracts, plans: Iterable[Plan], uses: Iterable[Use], book: Book, files: Files) -> Dictionary:
    """The dictionary; ``book``: rules of quality by subject; ``uses``: of services and pipelines."""
    plans, uses = tuple(plans), tuple(uses)
    datasets = tuple(
        _dataset(family, contracts, plans, uses, book.get(subject, RuleSet()), files)
        for subject, family in sorted(contracts.families.items())
    )
    return Dictionary(
        datasets=datasets, pipelines=tuple(map(_pipeline, plans)), terms=tuple(_terms(datasets)),
    )  # fmt: skip


def _dataset(
    family: ContractFamily, contracts: Contracts, plans: tuple[Plan, ...], uses: tuple[Use, ...], rules: RuleSet,
    files: Files,
) -> DatasetFacts:  # fmt: skip
    newest = family.newest
    document = contracts.document_of(newest.subject)
    said: Mapping[str, Any] = {} if document is None else document.value
    purpose = said.get("description") or {}
    texts = [newest.schema.get("description"), *purpose.values()]
    return DatasetFacts(
        name=dataset_of(newest.subject),
        title=str(newest.schema.get("title") or said.get("name") or dataset_of(newest.subject)),
        description="\n".join(dict.fromkeys(text.strip() for text in texts if isinstance(text, str))),
        about=_about(newest, said),
        columns=tuple(columns_of(read_model(newest, contracts), terms_of(newest, contracts))),
        quality=tuple(_quality(rules)),
        sla=tuple(_sla(said)),
        versions=tuple(versions_of(family.versions, contracts, files)),
        uses=tuple(_uses(newest, uses)),
        origins=tuple(_origins(newest, plans)),
    )


def _about(newest: Contract, said: Mapping[str, Any]) -> Mapping[str, str]:
    team = said.get("team") or {}
    owner = team.get("name", "") if isinstance(team, Mapping) else ", ".join(str(one.get("name", "")) for one in team)
    listed = {
        "owner": owner,
        "domain": said.get("domain", ""),
        "status": said.get("status", ""),
        "version": f"{newest.version}" + (f", contract {said['version']}" if "version" in said else ""),
        "key": ", ".join(newest.key) or "none: rows are events",
        "other columns": "refused" if newest.is_closed else "carried along",
        "tags": ", ".join(map(str, said.get("tags") or ())),
        "address": newest.uri,
    }
    return {name: str(text) for name, text in listed.items() if text}


def _quality(rules: RuleSet) -> Iterator[Mapping[str, str]]:
    for rule in rules.rules.values():
        on_fail = rules.on_fail_of(rule).value if rule.dimension in OF_ROWS else "finding"
        yield {"rule": rule.name, "columns": ", ".join(rule.columns), "says": rule.text, "on fail": on_fail}


def _sla(said: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    for held in said.get("slaProperties") or ():
        value = " ".join(str(held[part]) for part in ("value", "unit") if held.get(part) is not None)
        yield {"property": str(held.get("property", "")), "value": value, "of": str(held.get("element") or "")}


def _uses(newest: Contract, uses: Iterable[Use]) -> Iterator[Mapping[str, str]]:
    name = dataset_of(newest.subject)
    for use in uses:
        if use.reference.contract == name:
            role = "writes" if use.is_producer else "reads"
            yield {"who": use.who, "does": role, "versions": use.reference.version}


def _origins(newest: Contract, plans: Iterable[Plan]) -> Iterator[Mapping[str, str]]:
    for plan in plans:
        topics = {route.to for route in plan.routes if route.contract and route.contract.subject == newest.subject}
        for held in lineage_of(plan) if topics else ():
            if held.output in topics:
                yield {"column": held.column, "pipeline": plan.name, "topic": held.output, "comes from": _from(held)}


def _from(held: Lineage) -> str:
    return "; ".join(dict.fromkeys(map(_origin, held.origins))) or "nothing known"


def _origin(origin: Origin) -> str:
    how = origin.through or ("" if origin.subtype == "IDENTITY" else origin.subtype.lower())
    return f"{origin.dataset}.{origin.column}" + (f" ({how})" if how else "")


def _pipeline(plan: Plan) -> PipelineFacts:
    lineage: Rows = tuple(
        {"output": held.output, "column": held.column, "comes from": _from(held)} for held in lineage_of(plan)
    )
    return PipelineFacts(
        name=plan.name, topic=plan.topic, contract=dataset_of(plan.contract.subject),
        outputs=tuple(dict.fromkeys(row["output"] for row in lineage)), lineage=lineage,
    )  # fmt: skip


def _terms(datasets: Iterable[DatasetFacts]) -> Iterator[Term]:
    """Every word for a column that somebody explained, with all that is meant by it."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for dataset in datasets:
        for column in dataset.columns:
            word = column.title or column.path.rpartition(".")[2].removesuffix("[]")
            if column.description or column.title:
                found.setdefault(word, []).append((dataset.name, column.path, column.description))
    for word in sorted(found, key=str.lower):
        yield Term(word=word, meanings=tuple(found[word]))
