"""Datasets: rows of all datasets of ``schemas/``, which refer to each other and are the same for the same seed.

In:   contracts with their rules of quality.
Out:  rows in JSON view, each checked by the contract and by every rule before anybody sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

from streams.contracts.iglu import dataset_of
from streams.contracts.model import Contract, Contracts
from streams.errors import ConfigurationError
from streams.quality.book import read_quality
from streams.quality.rules import RuleSet

from .make import RowMaker, parents_of
from .misses import FINDING, Miss, Misser
from .relations import Related, related_columns
from .rules import Rules, fit_rules

ATTEMPTS = 60
SPOILED = 8
"""Rows that near misses are made of: an optional column may be missing in one."""
Row = dict[str, object]


class NoRowError(Exception):
    """No row was found that the contract and its rules admit; says what the last ones broke, never with a value."""


class Mock:
    """Rows for ``contracts``; equal seeds and moments (``at_ms``, ms since the epoch) make equal rows."""

    def __init__(self, contracts: Contracts, *, seed: int = 1, at_ms: int) -> None:
        book, problems = read_quality(contracts)
        if problems:
            raise ConfigurationError(problems)
        self._contracts = contracts
        self._book = book
        self._seed = seed
        self._at_ms = at_ms
        self._made: dict[str, list[Row]] = {}
        self._making: list[str] = []
        self._missers: dict[str, Misser] = {}

    def rows(self, subject: str, count: int) -> list[Row]:
        """The first ``count`` rows of the newest version of ``subject``, as many as anybody asks; ``NoRowError``."""
        made = self._made.get(subject, [])
        if len(made) < count:
            made = self._made[subject] = self._make(subject, count)
        return [dict(row) for row in made[:count]]

    def misses(self, subject: str) -> list[Miss]:
        """For each rule of the schema and of quality that one can miss alone, rows of which the last does."""
        return list(self._misser(subject).misses(self.rows(subject, SPOILED)))

    def misses_of(self, subject: str, row: Row) -> list[Miss]:
        """The same, of what can be made of ``row`` alone, and where one event decides."""
        return [miss for miss in self._misser(subject).misses([row]) if miss.reason != FINDING]

    def _misser(self, subject: str) -> Misser:
        if subject not in self._missers:
            contract, rules = self.contract(subject), self._rules(subject)
            self._missers[subject] = Misser(contract, rules, at_ms=self._at_ms)
        return self._missers[subject]

    def contract(self, subject: str) -> Contract:
        """The newest version of ``subject``; ``KeyError``."""
        family = self._contracts.family(subject)
        if family is None:
            raise KeyError(subject)
        return family.newest

    def _rules(self, subject: str) -> Rules:
        return fit_rules(self.contract(subject), self._book.get(subject, RuleSet()))

    def _related(self, subject: str) -> Related:
        return related_columns(self.contract(subject), self._contracts, self._book)

    def _make(self, subject: str, count: int) -> list[Row]:
        contract, rules = self.contract(subject), self._rules(subject)
        maker = RowMaker(
            contract, rules, Random(f"{self._seed} {subject}"), at_ms=self._at_ms, keys=self._parents(subject, count)
        )  # fmt: skip
        seen: set[tuple[object, ...]] = set()
        return [self._one(maker, number, seen, contract, rules) for number in range(count)]

    def _parents(self, subject: str, count: int) -> Mapping[str, list[object]]:
        """By column the keys that it may hold. Datasets that refer to each other in a ring are cut where it closes."""
        self._making.append(subject)
        keys: dict[str, list[object]] = {}
        for column, target in self._related(subject).items():
            if target not in self._making:
                parents = self.rows(target, parents_of(count))
                keys[column] = [row[self.contract(target).key[0]] for row in parents]
        self._making.pop()
        return keys

    def _one(
        self, maker: RowMaker, number: int, seen: set[tuple[object, ...]], contract: Contract, rules: Rules
    ) -> Row:
        broken: Counter[str] = Counter()
        for attempt in range(ATTEMPTS):
            row = maker.row(number, is_plain=attempt < ATTEMPTS // 2)
            claims = [(columns, *(str(row.get(name)) for name in columns)) for columns in rules.unique]
            faults = [f"{held.path or '(row)'}: {held.code}" for held in contract.validator.violations(row)]
            faults = faults or list(rules.broken(row, at_ms=self._at_ms))
            faults += [f"{'+'.join(claim[0])}: unique" for claim in claims if claim in seen]
            if not faults:
                seen.update(claims)
                return row
            broken.update(faults)
        worst = ", ".join(name for name, _ in broken.most_common(5))
        raise NoRowError(f"{dataset_of(contract.subject)}: each of {ATTEMPTS} rows broke something: {worst}")
