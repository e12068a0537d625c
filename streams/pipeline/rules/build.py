"""Build quality: the rules of all contracts and pipelines, which must know of each other where rows refer to rows.

Mistakes are told where a rule was written, which may be another file than the pipeline's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.contracts.iglu import dataset_of
from streams.contracts.model import ContractFamily, Contracts, UnknownContractError
from streams.errors import Problem
from streams.quality.book import datasets_of, read_quality
from streams.quality.grammar import on_fail_problems
from streams.quality.rules import Fresh, References, Rule, RuleSet

from ..canary.plan import in_force
from ..grammar import CHANGE_FORMATS
from ..spec import Pipeline
from .claims import RowFacts, build_claims, claim_of, with_targets
from .fit import Fitted, RuleFitter
from .plan import Claim, Claims, QualityRules, Role, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltQuality:
    """What the rules of one pipeline become."""

    rules: QualityRules | None = None
    claims: Claims | None = None
    stage: Stage | None = None
    facts: RowFacts | None = None
    references: tuple[Rule, ...] = ()
    reads: frozenset[str] = frozenset()
    """Parts of the envelope that must be decoded: ``key``, ``source``."""


class QualityBuilder:
    """Fits all rules; ``problems`` is what does not fit."""

    def __init__(
        self, contracts: Contracts, pipelines: Iterable[Pipeline], *, app: str, secret: bytes | None
    ) -> None:
        book, self.problems = read_quality(contracts)
        self._book = book
        written = (*book.values(), *(pipeline.quality for pipeline in pipelines))
        kinds = [rule.kind for rules in written for rule in rules.rules.values()]
        self._referred = {kind.dataset for kind in kinds if isinstance(kind, References)}
        self._contracts = contracts
        self._app = app
        self._secret = secret
        self._built: dict[str, BuiltQuality] = {}
        for subject, family in contracts.families.items():  # also of datasets that no pipeline reads
            columns, key = family.newest.columns, family.newest.key
            fitter = RuleFitter(subject, columns, key, is_change=True)
            fitter.fit(book.get(subject, RuleSet()))
            self.problems += fitter.problems

    def build(self, pipeline: Pipeline) -> BuiltQuality:
        """The rules of the contract and those of the pipeline, which win where both have one of a name."""
        try:
            family = in_force(self._contracts.resolve(pipeline.source.contract), pipeline.canary)
        except (UnknownContractError, ValueError):
            family = None
        if family is None:  # told by who builds the plan
            return BuiltQuality()
        contract, own = self._book.get(family.subject, RuleSet()), pipeline.quality
        rules = RuleSet(rules={**contract.rules, **own.rules}, on_fail={**contract.on_fail, **own.on_fail})
        named = RuleSet(rules=rules.rules, on_fail=own.on_fail)
        self.problems += on_fail_problems(named, pipeline.document, ("quality", "on_fail"))
        built = self._build(rules, self._facts(pipeline, family), family, pipeline.source.format in CHANGE_FORMATS)
        self._built[pipeline.name] = built
        return built

    def _build(self, rules: RuleSet, facts: RowFacts, family: ContractFamily, is_change: bool) -> BuiltQuality:
        fitter = RuleFitter(family.subject, facts.columns, facts.key, is_change=is_change)
        fitted = fitter.fit(rules)
        self.problems += [*fitter.problems, *_masked_measures(fitted, facts)]
        claims, stage = build_claims(fitted.others, facts)
        return BuiltQuality(
            rules=QualityRules(uri=family.newest.uri, rules=fitted.row_rules) if fitted.row_rules else None,
            claims=claims,
            stage=stage,
            facts=facts,
            references=tuple(rule for rule in fitted.others if isinstance(rule.kind, References)),
            reads=fitted.envelope | self._reads_order(claims, family.subject),
        )

    def _facts(self, pipeline: Pipeline, family: ContractFamily) -> RowFacts:
        return RowFacts(
            app=self._app,
            pipeline=pipeline.name,
            dataset=dataset_of(family.subject),
            columns=family.newest.columns,
            key=family.newest.key,
            identity=pipeline.source.identity or family.newest.key,
            secret=self._secret,
            masked=frozenset(pipeline.mask),
        )

    def _reads_order(self, claims: Claims | None, subject: str) -> frozenset[str]:
        """Who truncates rows that somebody claims must tell the order of what it does."""
        is_referred = any(datasets_of(name, [subject]) for name in self._referred)
        return frozenset({"source"}) if claims is not None or is_referred else frozenset()

    def finish(self) -> Mapping[str, Claims]:
        """By pipeline, what it tells stages, its own and those of who refers to its rows."""
        added: dict[str, list[Claim]] = {}
        for built in self._built.values():
            for rule in built.references:
                if built.facts is not None and built.stage is not None and (name := self._target(rule, built.facts)):
                    added.setdefault(name, []).append(self._claim(rule, built.stage, name))
        claims = {name: built.claims for name, built in self._built.items() if built.claims is not None}
        for name, more in added.items():
            facts = self._built[name].facts
            assert facts is not None
            claims[name] = with_targets(claims.get(name), more, facts)
        return claims

    def _claim(self, rule: Rule, stage: Stage, target: str) -> Claim:
        facts = self._built[target].facts
        assert facts is not None
        return claim_of(rule.name, Role.TARGET, facts.key, facts, stage)

    def _target(self, rule: Rule, facts: RowFacts) -> str | None:
        """The pipeline that sees the rows that ``rule`` refers to; a problem where there is none."""
        assert isinstance(rule.kind, References)
        subjects = datasets_of(rule.kind.dataset, self._contracts.families)
        if len(subjects) != 1:
            names = ", ".join(map(dataset_of, subjects or sorted(self._contracts.families)))
            message = f"{rule.kind.dataset!r} is no dataset, or one of several; there are: {names}"
            self.problems.append(rule.problem(message))
            return None
        read = {name: held.facts for name, held in self._built.items() if held.facts is not None}
        for name, other in sorted(read.items()):
            if other.dataset == dataset_of(subjects[0]):
                self.problems += _misfit(rule, facts, other)
                return name
        self.problems.append(rule.problem(f"no pipeline here reads {dataset_of(subjects[0])}; its rows are not known"))
        return None


def _misfit(rule: Rule, facts: RowFacts, other: RowFacts) -> Iterator[Problem]:
    if len(other.key) != 1:
        key = ", ".join(other.key) or "none"
        yield rule.problem(f"the key of {other.dataset} is {key}; refer to a key of one column")
        return
    here, there = facts.columns[rule.columns[0]], other.columns[other.key[0]]
    if here.type is not there.type or here.json_types != there.json_types:
        yield rule.problem(f"{here.name} is {here.type.value}, the key of {other.dataset} is {there.type.value}")


def _masked_measures(fitted: Fitted, facts: RowFacts) -> Iterable[Problem]:
    for rule in fitted.others:
        if isinstance(rule.kind, Fresh) and facts.masked & set(rule.columns):
            message = f"{rule.columns[0]} is masked by pipeline {facts.pipeline}, and its newest value would be told"
            yield rule.problem(message)
