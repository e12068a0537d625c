"""Grammar: the rules of one dataset as written become values; what is no rule is a problem with its line.

The shape has been checked by ``quality.schema.json``; here it is what the words mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from streams.contracts.documents import Document, Path
from streams.errors import Problem

from .rules import OF_ROWS, Complete, Dimension, Fresh, Holds, Kind, OneOf, OnFail, References, Rule, RuleSet, Unique
from .words import duration_ms, read_check


@cache
def quality_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a file of rules, for editors and for the check of shapes."""
    schema: dict[str, Any] = json.loads(files("streams.quality").joinpath("quality.schema.json").read_text("utf-8"))
    return schema


class RulesReader:
    """Reads the rules at one place of a document; ``problems`` is what could not be read."""

    def __init__(self, document: Document, path: Path, problems: list[Problem]) -> None:
        self._document = document
        self._path = path
        self._problems = problems

    def read(self, value: Mapping[str, Any]) -> RuleSet:
        """The rules of ``value``, which has the shape of ``quality.schema.json``."""
        rules: dict[str, Rule] = {}
        for rule in self._rules(value):
            if rule.name in rules:
                self._problems.append(rule.problem(f"{rule.name} is there already; remove one"))
            rules[rule.name] = rule
        return RuleSet(rules=rules, on_fail=read_on_fail(value.get("on_fail")))

    def _rules(self, value: Mapping[str, Any]) -> Iterator[Rule]:
        for index, column in enumerate(value.get("completeness", ())):
            path: Path = ("completeness", index)
            yield self._rule(Dimension.COMPLETENESS, (column,), Complete(), "not null", path)
        for index, listed in enumerate(value.get("uniqueness", ())):
            columns = (listed,) if isinstance(listed, str) else tuple(listed)
            yield self._rule(Dimension.UNIQUENESS, columns, Unique(), "unique", ("uniqueness", index))
        for column, written in value.get("validity", {}).items():
            yield from self._validity(column, written)
        for name, condition in value.get("consistency", {}).items():
            yield self._rule(Dimension.CONSISTENCY, (), Holds(condition=condition), condition, ("consistency", name))
        for column, dataset in value.get("references", {}).items():
            kind, path = References(dataset=dataset), ("references", column)
            yield self._rule(Dimension.REFERENCES, (column,), kind, f"in {dataset}", path)
        if "freshness" in value:
            yield from self._freshness(value["freshness"])

    def _rule(
        self, dimension: Dimension, columns: tuple[str, ...], kind: Kind, text: str, path: Path, *, word: str = ""
    ) -> Rule:
        # A dataset has one objective of freshness, whatever column measures it.
        what = "" if dimension is Dimension.FRESHNESS else "+".join(columns) or str(path[-1])
        name = ".".join(part for part in (dimension.value, what, word) if part)
        return Rule(
            name=name, dimension=dimension, columns=columns, kind=kind, text=text, document=self._document,
            path=(*self._path, *path),
        )  # fmt: skip

    def _validity(self, column: str, written: Any) -> Iterator[Rule]:
        many = isinstance(written, list)
        for index, held in enumerate(written if many else [written]):
            path: Path = ("validity", column, index) if many else ("validity", column)
            if isinstance(held, Mapping):
                values = tuple(map(_as_written, held["enum"]))
                word, kind, text = "enum", OneOf(values=values), f"enum:{', '.join(values)}"
            else:
                try:
                    word, kind = read_check(held)  # type: ignore[assignment]  # any check
                except ValueError as error:
                    self._problems.append(self._document.problem((*self._path, *path), str(error)))
                    continue
                text = held
            yield self._rule(Dimension.VALIDITY, (column,), kind, text, path, word=word)

    def _freshness(self, value: Mapping[str, Any]) -> Iterator[Rule]:
        path: Path = ("freshness", "max_delay")
        try:
            kind = Fresh(max_delay_ms=duration_ms(value["max_delay"]))
        except ValueError as error:
            self._problems.append(self._document.problem((*self._path, *path), str(error)))
            return
        columns = (value["measurement"],) if "measurement" in value else ()
        yield self._rule(Dimension.FRESHNESS, columns, kind, f"younger than {value['max_delay']}", path)


def _as_written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_on_fail(value: Any) -> Mapping[str, OnFail]:
    """``warn`` for all, or by the name of a rule or its first parts."""
    if value is None:
        return {}
    return {"": OnFail(value)} if isinstance(value, str) else {name: OnFail(word) for name, word in value.items()}


def on_fail_problems(rules: RuleSet, document: Document, path: Path) -> Iterator[Problem]:
    """Names of no rule, and events that should be dead for what is not theirs alone."""
    known = sorted({name for rule in rules.rules.values() for name in _prefixes(rule.name)})
    for name, word in rules.on_fail.items():
        if not name:
            continue
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
            yield document.problem((*path, name), f"no rule {name!r}; {hint}")
        elif word is OnFail.DEAD and Dimension(name.split(".")[0]) not in OF_ROWS:
            message = "is a finding about several rows; no one event is to blame, so none can be dead for it"
            yield document.problem((*path, name), message)


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))
