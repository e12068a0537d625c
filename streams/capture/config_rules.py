"""Transformations of a configuration: its filters, masks and routes as ``Rules``, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from sqlglot import exp

from streams.contracts.documents import Document, Path
from streams.errors import Problem
from streams.pipeline.expressions import ExpressionError
from streams.pipeline.expressions.compile import parse

from .outgoing.rules import FilterRule, MaskMethod, MaskRule, RouteRule, Rules

KEYS_OF = {
    "filter": {"type", "condition", "tables"},
    "mask": {"type", "fields", "method", "missing", "tables"},
    "route": {"type", "rules"},
}
KNOWN = frozenset().union(*KEYS_OF.values())
"""Any other key is reported as unknown already."""
FIRST = ("transformations",)


def rule_problems(document: Document) -> Iterator[Problem]:
    """Mistakes of transformations whose shapes are right."""
    tables = document.value["source"]["tables"]
    covered: set[str] = set()
    used: set[str] = set()
    for index, rule in enumerate(document.value.get("transformations", ())):
        path: Path = (*FIRST, index)
        for key in rule:
            if key in KNOWN and key not in KEYS_OF[rule["type"]]:
                known = ", ".join(sorted(KEYS_OF[rule["type"]]))
                yield document.problem((*path, key), f"a {rule['type']} has no {key}; known here: {known}")
        for place, table in enumerate(rule.get("tables", ())):
            yield from _table_problem(document, (*path, "tables", place), table, tables)
        match rule["type"]:
            case "filter":
                yield from _condition_problems(document, (*path, "condition"), rule["condition"], covered)
            case "mask":
                yield from _mask_problems(document, path, rule, covered)
            case "route":
                yield from _route_problems(document, (*path, "rules"), rule["rules"], used)
    yield from _sink_problems(document, used)


def _table_problem(document: Document, path: Path, table: str, tables: list[str]) -> Iterator[Problem]:
    if table not in tables:
        near = get_close_matches(table, tables, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(tables)}"
        yield document.problem(path, f"{table} is not in source.tables; {hint}")


def _condition_problems(document: Document, path: Path, text: str, covered: set[str]) -> Iterator[Problem]:
    try:
        tree = parse(text)
    except ExpressionError as error:
        yield document.problem(path, error.message)
        return
    if hidden := sorted({column.name for column in tree.find_all(exp.Column)} & covered):
        message = f"it reads {', '.join(hidden)}, which a mask before it covers; put the filter first"
        yield document.problem(path, message)


def _mask_problems(document: Document, path: Path, rule: Mapping[str, Any], covered: set[str]) -> Iterator[Problem]:
    for place, name in enumerate(rule["fields"]):
        if name in covered and not rule.get("tables"):
            yield document.problem((*path, "fields", place), f"{name} is masked already")
        covered.add(name)


def _route_problems(document: Document, path: Path, rules: Mapping[str, Any], used: set[str]) -> Iterator[Problem]:
    tables = document.value["source"]["tables"]
    for table, sinks in rules.items():
        yield from _table_problem(document, (*path, table), table, tables)
        names = [held if isinstance(held, str) else held["to"] for held in sinks]
        for place, held in enumerate(sinks):
            if names.count(names[place]) > 1:
                yield document.problem((*path, table, place), f"{names[place]} is there twice")
            if isinstance(held, dict) and "where" in held:
                yield from _condition_problems(document, (*path, table, place, "where"), held["where"], set())
        used.update(names)


def _sink_problems(document: Document, used: set[str]) -> Iterator[Problem]:
    """A declared sink that nothing is routed to is a misspelt one."""
    declared = document.value["sink"].get("sinks", {})
    for name in declared:
        if name not in used:
            near = get_close_matches(name, sorted(used), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield document.problem(("sink", "sinks", name), f"no route leads to {name}{hint}")


def build_rules(
    transformations: Iterable[Mapping[str, Any]], topics: Mapping[str, str], sinks: Mapping[str, Any]
) -> Rules:
    """The rules; ``topics`` by table, ``sinks`` as the file declares them."""
    filters, masks = [], []
    routes: list[RouteRule] = []
    for rule in transformations:
        tables = frozenset(rule["tables"]) if "tables" in rule else None
        match rule["type"]:
            case "filter":
                filters.append(FilterRule(condition=rule["condition"], tables=tables))
            case "mask":
                masks.append(_mask(rule, tables))
            case "route":
                routes += _routes(rule["rules"], topics, sinks)
    return Rules(filters=tuple(filters), masks=tuple(masks), routes=tuple(routes))


def _mask(rule: Mapping[str, Any], tables: frozenset[str] | None) -> MaskRule:
    return MaskRule(
        fields=tuple(rule["fields"]),
        method=MaskMethod(rule.get("method", "redact")),
        tables=tables,
        may_be_missing="missing" in rule,
    )


def _routes(rules: Mapping[str, Any], topics: Mapping[str, str], sinks: Mapping[str, Any]) -> Iterator[RouteRule]:
    for table, held in rules.items():
        for sink in held:
            name, condition = (sink, None) if isinstance(sink, str) else (sink["to"], sink.get("where"))
            own = sinks.get(name, {})
            topic = own.get("topics", {}).get(table) or own.get("topic") or f"{topics[table]}.{name}"
            yield RouteRule(table=table, topic=topic, condition=condition)
