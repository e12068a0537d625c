"""The grammar: pipeline files become ``Pipeline`` values, or every mistake in all of them at once.

The whole grammar is known. What this release does not run is refused by name, never ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from streams.contracts.documents import Document, DocumentError, Path, parse_yaml
from streams.contracts.shape import shape_problems
from streams.contracts.validation import Validator, compile_validator
from streams.errors import ConfigurationError, Problem
from streams.quality.grammar import RulesReader, read_on_fail
from streams.quality.rules import RuleSet

from .join_grammar import join_problems, read_interval, read_joins
from .lookups.plan import BreakerPolicy, CallPolicy
from .spec import AggregateSpec, Deduplicate, LookupSpec, Pipeline, RouteSpec, Source, TableSpec, TransactionalSpec
from .windows.read import duration_ms, read_windows, window_problems

FULL = "full"
"""REPLICA IDENTITY FULL: a DELETE tells its whole row."""
CHANGE_FORMATS = frozenset({"debezium-json", "debezium-avro", "debezium-protobuf", "wal2json-v2", "cloudevents"})
"""Records may be changes of a row; of the others each is an event of its own."""


def parse_pipelines(texts: Mapping[str, str]) -> tuple[Pipeline, ...]:
    """All pipelines of ``texts`` (text by file); raises ``ConfigurationError`` with the problems of all files."""
    pipelines, problems = read_pipelines(texts)
    if problems:
        raise ConfigurationError(problems)
    return pipelines


def read_pipelines(texts: Mapping[str, str]) -> tuple[tuple[Pipeline, ...], list[Problem]]:
    """The pipelines of ``texts`` that can be read, and the problems of the others."""
    problems: list[Problem] = []
    pipelines: dict[str, Pipeline] = {}
    for file, text in texts.items():
        try:
            pipeline = parse_pipeline(text, file)
        except ConfigurationError as error:
            problems += error.problems
            continue
        if pipeline.name in pipelines:
            other = pipelines[pipeline.name].document.file
            problems.append(pipeline.document.problem(("pipeline",), f"{other} has this name already"))
        pipelines[pipeline.name] = pipeline
    return tuple(pipelines.values()), problems


def parse_pipeline(text: str, file: str) -> Pipeline:
    """The pipeline in ``text``; raises ``ConfigurationError`` with every problem of the file."""
    try:
        document = parse_yaml(text, file)
    except DocumentError as error:
        raise ConfigurationError([error.problem]) from None
    return pipeline_of(document)


def pipeline_of(document: Document) -> Pipeline:
    """The pipeline that ``document`` describes; raises ``ConfigurationError`` with every problem of it."""
    problems = list(shape_problems(document, grammar_schema(), _validator()))
    if not problems:
        problems = [*_later_problems(document), *_own_problems(document)]
    if problems:
        raise ConfigurationError(problems)
    return _build(document)


def grammar_schema() -> dict[str, Any]:
    """The grammar's JSON Schema (2020-12), for editors and for the check of shapes."""
    schema: dict[str, Any] = json.loads(files("streams.pipeline").joinpath("pipeline.schema.json").read_text("utf-8"))
    return schema


@cache
def _validator() -> Validator:
    return compile_validator(grammar_schema())


def _later_problems(document: Document) -> Iterator[Problem]:
    value = document.value
    for column, kind in value.get("mask", {}).items():
        if kind == "tokenize":
            yield document.problem(("mask", column), "tokenize arrives later; hash is keyed and joinable, too")
    for index, route in enumerate(value.get("route", ())):
        if route.get("format", "json") != "json":
            yield document.problem(("route", index, "format"), "avro arrives later; routes publish json")


def _own_problems(document: Document) -> Iterator[Problem]:
    value = document.value
    tables = [aggregate["table"] for aggregate in value.get("aggregate", ())]
    tables += [value["table"]["name"]] if "table" in value else []
    for name in sorted({name for name in tables if tables.count(name) > 1}):
        yield document.problem(("aggregate",), f"two tables are called {name}")
    for index, aggregate in enumerate(value.get("aggregate", ())):
        window = aggregate.get("window")
        for place, message in () if window is None else window_problems(window):
            yield document.problem(("aggregate", index, "window", *place), message)
        if window is None and aggregate.get("emit") == "final":
            yield document.problem(("aggregate", index, "emit"), "without a window nothing is ever final")
        if aggregate.get("over") == "rows":
            yield from _meaningless_of_rows(document, aggregate, ("aggregate", index))
    wrong: list[Problem] = []
    _quality(document, wrong)
    yield from wrong
    for where, wrong_there in join_problems(value.get("join", ())):
        yield document.problem(where, wrong_there)
    if not value.get("route") and not tables:
        yield document.problem((), "it publishes nothing: add route, table or aggregate")


def _meaningless_of_rows(document: Document, aggregate: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """A row is there or not, at whatever time it was written."""
    reasons = {
        "window": "over: rows is of the rows that are there now, in no window; group by a column of time",
        "late": "over: rows takes every change, however late",
        "idle": "over: rows waits for no time",
    }
    for part, why in reasons.items():
        if part in aggregate:
            yield document.problem((*path, part), why)


def _build(document: Document) -> Pipeline:
    value = document.value
    return Pipeline(
        name=value["pipeline"],
        source=_source(value["source"]),
        canary=value.get("canary"),
        deduplicate=_deduplicate(value.get("deduplicate")),
        filter=value.get("filter"),
        where=value.get("where"),
        quality=_quality(document, []),
        mask=value.get("mask", {}),
        lookups=tuple(_lookup(column, held) for column, held in value.get("lookup", {}).items()),
        joins=read_joins(value.get("join", ())),
        interval=read_interval(value.get("join", ())),
        derive=value.get("derive", {}),
        table=_table(value.get("table")),
        aggregates=tuple(_aggregate(held) for held in value.get("aggregate", ())),
        routes=tuple(_route(held) for held in value.get("route", ())),
        dead_letters=value.get("errors", {}).get("dead_letters"),
        retry={why: tuple(map(duration_ms, held)) for why, held in value.get("errors", {}).get("retry", {}).items()},
        in_order=value.get("errors", {}).get("in_order"),
        transactional=_transactional(value.get("transactional", False), value["source"]["topic"]),
        document=document,
    )


def _quality(document: Document, problems: list[Problem]) -> RuleSet:
    value = document.value.get("quality", {})
    rules = RulesReader(document, ("quality", "rules"), problems).read(value.get("rules", {}))
    return RuleSet(rules=rules.rules, on_fail=read_on_fail(value.get("on_fail")))


def _columns(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _source(value: Mapping[str, Any]) -> Source:
    return Source(
        topic=value["topic"],
        format=value["format"],
        contract=value["contract"],
        key=_columns(value.get("key")),
        event_time=value.get("event_time"),
        max_future_ms=duration_ms(value.get("max_future", "1h")),
        identity=None if value.get("identity") == FULL else _columns(value.get("identity")),
        is_full=value.get("identity") == FULL,
    )


def _transactional(value: bool | Mapping[str, Any], source: str) -> TransactionalSpec | None:
    """``true``: everything as ``streams capture`` and Debezium call it."""
    if value is False:
        return None
    said = {} if value is True else value
    topic = said.get("topic", f"{source.partition('.')[0]}.transaction")
    return TransactionalSpec(topic=topic, timeout_ms=duration_ms(said.get("timeout", "10s")))


def _deduplicate(value: Mapping[str, Any] | None) -> Deduplicate | None:
    if value is None:
        return None
    by = value["by"] if isinstance(value["by"], str) else tuple(value["by"])
    return Deduplicate(by=by, keep_ms=duration_ms(value.get("keep", "24h")))


def _table(value: Mapping[str, Any] | None) -> TableSpec | None:
    return None if value is None else TableSpec(name=value["name"], key=_columns(value.get("key")))


def _lookup(column: str, value: Mapping[str, Any]) -> LookupSpec:
    return LookupSpec(
        column=column,
        call=value["call"],
        args=tuple(value["args"]),
        # YAML's null means that the column is null: keep.
        missing=value.get("missing", "retry") or "keep",
        policy=_policy(value),
    )


def _policy(value: Mapping[str, Any]) -> CallPolicy:
    """What is said, over what holds without."""
    said = {name: value[name] for name in ("concurrency", "batch") if name in value}
    retry, cache, breaker = value.get("retry", {}), value.get("cache", {}), value.get("breaker", {})
    said |= {"attempts": retry["attempts"]} if "attempts" in retry else {}
    said |= {"cached": cache["size"]} if "size" in cache else {}
    times = {"timeout_ms": value.get("timeout"), "pause_ms": retry.get("pause"), "keep_ms": cache.get("keep"),
             "keep_missing_ms": cache.get("keep_missing")}  # fmt: skip
    said |= {name: duration_ms(text) for name, text in times.items() if text is not None}
    opens = {name: breaker[name] for name in ("failures", "calls") if name in breaker}
    opens |= {"open_ms": duration_ms(breaker["open"])} if "open" in breaker else {}
    return CallPolicy(**said, breaker=BreakerPolicy(**opens))


def _aggregate(value: Mapping[str, Any]) -> AggregateSpec:
    window = value.get("window")
    return AggregateSpec(
        table=value["table"],
        by=tuple(value["by"]),
        windows=None if window is None else read_windows(window),
        columns=value["columns"],
        is_of_rows=value.get("over") == "rows",
        emit=value.get("emit", "current"),
        idle_ms=duration_ms(value.get("idle", "30s")),
        late=value.get("late"),
        to=value.get("to"),
    )


def _route(value: Mapping[str, Any]) -> RouteSpec:
    return RouteSpec(
        to=value["to"],
        key=_columns(value.get("key")),
        contract=value.get("contract"),
        value=value.get("value", "row"),
        on_delete=value.get("on_delete", "tombstone"),
        attach=value.get("attach", {}),
        where=value.get("where"),
    )
