"""ODCS: the quality rules of a ``contract.yaml`` as ours. What says something else is refused by name, never ignored.

Source: Open Data Contract Standard 3.1.0, "Data Quality" and "Service-Level Agreement". Rules there are counts over a
whole table; those that ask for a count of 0 are rules of rows, and those run here. ``type: text`` is for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from streams.contracts.documents import Document, Path
from streams.errors import Problem

from .rules import OF_ROWS, Check, Complete, Dimension, Fresh, Holds, Kind, OneOf, OnFail, Rule, Unique
from .words import compile_pattern, duration_ms, read_check

_WARNINGS = frozenset({"warning", "warn", "info", "information", "low", "minor", "trivial"})
_ARGUMENTS = {
    "nullValues": frozenset[str](),
    "missingValues": frozenset({"missingValues"}),
    "invalidValues": frozenset({"pattern", "validValues"}),
    "duplicateValues": frozenset({"properties"}),
}
_SLA = frozenset({"latency", "freshness", "ly"})
_SPARE = "; write the rule in quality_rules, or under type custom with engine streams"

Made = tuple[Dimension, tuple[str, ...], Kind, str, str]
"""Dimension, columns, meaning, the rule as we write it, and the last part of its name."""


def read_contract_rules(document: Document, problems: list[Problem]) -> Mapping[str, Rule]:
    """By name, the rules that a contract states; what does not run here is added to ``problems``."""
    rules: dict[str, Rule] = {}
    dataset: Mapping[str, Any] = (document.value.get("schema") or [{}])[0]
    for rule in _all_rules(dataset, document, problems):
        if rule.name in rules:
            problems.append(rule.problem(f"{rule.name} is there already; remove one"))
        rules[rule.name] = rule
    return rules


def _all_rules(dataset: Mapping[str, Any], document: Document, problems: list[Problem]) -> Iterator[Rule]:
    yield from _rules(dataset, None, ("schema", 0), document, problems)
    for index, column in enumerate(dataset.get("properties") or ()):
        place: Path = ("schema", 0, "properties", index)
        yield from _rules(column, str(column.get("name")), place, document, problems)
    for index, agreed in enumerate(document.value.get("slaProperties") or ()):
        if str(agreed.get("property")).lower() in _SLA:
            yield from _made(partial(_freshness, agreed), ("slaProperties", index), document, problems)


def _rules(
    held: Mapping[str, Any], column: str | None, place: Path, document: Document, problems: list[Problem]
) -> Iterator[Rule]:
    for index, check in enumerate(held.get("quality") or ()):
        if check.get("type") != "text":
            severity = str(check.get("severity", "")).lower()
            on_fail = OnFail.WARN if severity in _WARNINGS else OnFail.DEAD if severity else None
            path = (*place, "quality", index)
            yield from _made(partial(_read, check, column), path, document, problems, on_fail=on_fail)


def _made(
    make: Callable[[], Made], path: Path, document: Document, problems: list[Problem], *, on_fail: OnFail | None = None
) -> Iterator[Rule]:
    try:
        dimension, columns, kind, text, word = make()
    except ValueError as error:
        problems.append(document.problem(path, str(error)))
        return
    name = ".".join(part for part in (dimension.value, "+".join(columns), word) if part)
    # A severity of what no single event can be dead for says how loud people should be, not what to do.
    on_fail = on_fail if dimension in OF_ROWS else None
    yield Rule(
        name="freshness" if dimension is Dimension.FRESHNESS else name, dimension=dimension, columns=columns, kind=kind,
        text=text, on_fail=on_fail, document=document, path=path,
    )  # fmt: skip


def _read(check: Mapping[str, Any], column: str | None) -> Made:
    match check.get("type", "library"):
        case "sql":
            return _sql(check, column)
        case "custom":
            return _custom(check, column)
    metric, arguments = str(check.get("metric")), check.get("arguments") or {}
    if metric not in _ARGUMENTS:
        raise ValueError(f"metric {metric} counts a whole table, which no event can break{_SPARE}")
    _require_none(check)
    if unknown := sorted(arguments.keys() - _ARGUMENTS[metric]):
        raise ValueError(f"{metric} takes no argument {unknown[0]} here")
    if metric == "duplicateValues":
        columns = tuple(arguments.get("properties") or (() if column is None else (column,)))
        if not columns:
            raise ValueError("duplicateValues of a dataset names its columns: arguments: {properties: [a, b]}")
        return Dimension.UNIQUENESS, columns, Unique(), "unique", ""
    if column is None:
        raise ValueError(f"{metric} is about a column; write it under the column's quality")
    if metric == "invalidValues":
        return _invalid(arguments, column)
    missing = tuple(arguments.get("missingValues") or ())
    text = f"not one of {', '.join(map(repr, missing))}" if missing else "not null"
    return Dimension.COMPLETENESS, (column,), Complete(missing=missing), text, ""


def _require_none(check: Mapping[str, Any]) -> None:
    """The only count that says something of a single row is none."""
    if "mustBe" not in check or check["mustBe"] != 0 or isinstance(check["mustBe"], bool):
        operator = next((name for name in check if name.startswith("must")), "no operator")
        raise ValueError(f"{operator}: a share of rows that may be wrong is not run here; only mustBe: 0 is")


def _invalid(arguments: Mapping[str, Any], column: str) -> Made:
    if len(arguments) != 1:
        raise ValueError("invalidValues takes one argument here: pattern or validValues")
    if "pattern" in arguments:
        text = f"regex:{arguments['pattern']}"
        compile_pattern(str(arguments["pattern"]))
        word, kind = read_check(text)
        return Dimension.VALIDITY, (column,), kind, text, word
    values = tuple(str(value) for value in arguments["validValues"])
    return Dimension.VALIDITY, (column,), OneOf(values=values), f"enum:{', '.join(values)}", "enum"


def _custom(check: Mapping[str, Any], column: str | None) -> Made:
    engine, written = str(check.get("engine")), check.get("implementation")
    if engine != "streams":
        raise ValueError(f"engine {engine} is not run here; type text keeps it for people{_SPARE}")
    if isinstance(written, Mapping) and set(written) == {"condition"}:
        return _condition(str(written["condition"]), check, column)
    if not isinstance(written, str) or column is None:
        raise ValueError("implementation is range:0-150 or the like under a column, or {condition: SQL}")
    word, kind = read_check(written)
    made: Check = kind
    return Dimension.VALIDITY, (column,), made, written, word


def _condition(text: str, check: Mapping[str, Any], column: str | None) -> Made:
    name = check.get("name") or column
    if not name:
        raise ValueError("a condition needs a name: name: ends_after_start")
    return Dimension.CONSISTENCY, (), Holds(condition=text), text, str(name).replace(" ", "_")


def _sql(check: Mapping[str, Any], column: str | None) -> Made:
    """``SELECT COUNT(*) FROM t WHERE wrong`` that must be 0: no row may be wrong."""
    refusal = ValueError(f"of SQL only SELECT COUNT(*) FROM ${{object}} WHERE … with mustBe: 0 runs here{_SPARE}")
    text = str(check.get("query"))
    for variable in ("${column}", "${property}", "{column}", "{property}"):
        text = text.replace(variable, '"' + (column or "").replace('"', '""') + '"')
    for variable in ("${object}", "${table}", "${model}", "{object}", "{table}", "{model}"):
        text = text.replace(variable, "this_dataset")
    try:
        tree = sqlglot.parse_one(text, dialect="postgres")
    except SqlglotError:
        raise refusal from None
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    if where is None or _is_more_than_a_count(tree):
        raise refusal
    _require_none(check)
    return _condition(f"({where.this.sql(dialect='postgres')}) IS NOT TRUE", check, column)


def _is_more_than_a_count(tree: exp.Expr) -> bool:
    parts = {name for name, held in tree.args.items() if held} - {"expressions", "from", "from_", "where", "kind"}
    return bool(parts) or [held.sql().upper() for held in tree.args["expressions"]] != ["COUNT(*)"]


def _freshness(agreed: Mapping[str, Any]) -> Made:
    element = str(agreed.get("element") or "").rpartition(".")[2].strip()
    text = f"{agreed.get('value')} {agreed.get('unit') or ''}".strip()
    columns = (element,) if element else ()
    return Dimension.FRESHNESS, columns, Fresh(max_delay_ms=duration_ms(text)), f"younger than {text}", ""
