"""Checker: does data honour its contract, its schema and the rules that one row can break? Told without a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streams.contracts.iglu import dataset_of, split_format
from streams.contracts.model import Contract, ContractFamily, Contracts, UnknownContractError
from streams.contracts.registry import SchemaSource
from streams.errors import ConfigurationError, PipelineError, Problem
from streams.pipeline.canary.judge import NO_ROW
from streams.pipeline.formats.codecs import REGISTERED_FORMATS, build_codec
from streams.pipeline.plan import Codec, EventTime
from streams.pipeline.rules.fit import RuleFitter
from streams.pipeline.rules.plan import RowRule
from streams.pipeline.spec import Source
from streams.quality.book import datasets_of, read_quality
from streams.quality.rules import RuleSet
from streams.records import ChangeEvent, SourceRecord

_PLACE = re.compile(r"\[[0-9]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a row; never with its value."""

    path: str
    """Dotted, a place in a list is ``[]``; columns joined by ``+`` for a rule of quality; empty: the whole row."""
    code: str
    """The schema's keyword, the name of a rule, or why the record cannot be read."""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.path or '(row)'}: {self.code}{f' ({self.message})' if self.message else ''}"


def find_contract(name: str, contracts: Contracts) -> Contract:
    """``orders``, ``com.acme.shop/orders``, or a version of it with ``/1-0-0``; ``LookupError`` says what there is."""
    plain, kind = split_format(name)
    parts = plain.split("/")
    version = parts.pop() if re.fullmatch(r"[0-9]+-[0-9*]+-[0-9*]+", parts[-1]) else "*-*-*"
    subjects = datasets_of("/".join(parts), contracts.families)
    if len(subjects) != 1:
        known = ", ".join(map(dataset_of, subjects or sorted(contracts.families))) or "none"
        raise LookupError(f"{name!r} {'can be' if subjects else 'is no dataset; there are:'} {known}")
    try:
        return contracts.resolve(f"{contracts.subject_of(dataset_of(subjects[0]), kind)}/{version}").newest
    except UnknownContractError as error:
        raise LookupError(str(error)) from None


class Checker:
    """Holds records against one version of a contract.

    ``now_ms``: what ``not_future`` means. Raises ``ConfigurationError`` for rules that do not fit the version, and
    for a format that needs a registry where there is none.
    """

    def __init__(
        self, contract: Contract, contracts: Contracts, *, form: str, now_ms: int, registry: SchemaSource | None = None
    ) -> None:  # fmt: skip
        self.contract = contract
        self._now_ms = now_ms
        self._rules = _row_rules(contract, contracts)
        self._codec = _codec_of(contract, contracts, form, registry)

    def start_batch(self) -> None:
        """Ask again for schemas that a registry did not have."""
        if self._codec.start_batch is not None:
            self._codec.start_batch()

    def rows(self, record: SourceRecord) -> Iterator[tuple[Fault, ...]]:
        """For each row of ``record`` what is wrong with it; a tombstone, a DELETE and a heartbeat hold no row."""
        try:
            events = self._events(record)
        except PipelineError as error:
            yield (Fault(path="", code=error.reason),)
            return
        for event in events:
            if event.operation not in NO_ROW:
                yield tuple(dict.fromkeys(self._faults(event)))

    def _events(self, record: SourceRecord) -> Iterable[ChangeEvent]:
        event = self._codec.decode(record)
        if event is None:
            return ()
        return (event,) if self._codec.split is None else self._codec.split(event)

    def _faults(self, event: ChangeEvent) -> Iterator[Fault]:
        contract = self.contract
        validator = contract.validator_without(event.unsent) if event.unsent else contract.validator
        if not validator.is_valid(event.row):
            for held in validator.violations(event.row):
                yield Fault(path=_PLACE.sub("[]", held.path), code=held.code, message=held.message)
            return  # rules are asked of rows that honour the schema
        for rule in self._rules:
            if event.unsent.isdisjoint(rule.reads) and rule.is_broken(event, self._now_ms):
                yield Fault(path="+".join(rule.columns), code=rule.id[2], message=rule.message)


def _row_rules(contract: Contract, contracts: Contracts) -> tuple[RowRule, ...]:
    book, problems = read_quality(contracts)
    if problems:
        raise ConfigurationError(problems)
    fitter = RuleFitter(contract.subject, contract.columns, contract.key, is_change=True)
    return fitter.fit(book.get(contract.subject, RuleSet())).row_rules


def _codec_of(contract: Contract, contracts: Contracts, form: str, registry: SchemaSource | None) -> Codec:
    if form in REGISTERED_FORMATS and registry is None:
        message = f"{form} names its schemas by id: set it to a registry's URL"
        raise ConfigurationError([Problem(file="STREAMS_REGISTRY", message=message)])
    # Iglu's events name their version: only the one that is asked for will do.
    family = ContractFamily(subject=contract.subject, versions=(contract,))
    source = Source(topic="", format=form, contract="", key=None, event_time=None, max_future_ms=0)
    return build_codec(source, family, EventTime(column=None, read=None), frozenset({"source", "key"}), registry)
