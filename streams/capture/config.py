"""Config: a capture as a file describes it, or every mistake in that file at once.

The file is Python that gives a dictionary a name (it is read, never run), YAML or JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from streams.contracts.documents import Document, DocumentError, Path, parse_yaml, split_path
from streams.contracts.literals import parse_literal
from streams.contracts.shape import unknown_keys
from streams.contracts.validation import Validator, compile_validator
from streams.errors import ConfigurationError, Problem

from .config_rules import build_rules, rule_problems
from .outgoing.rules import Format, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureConfig:
    """What the file says, in the words of ``CaptureOptions``; hosts are still names."""

    database: str = field(repr=False)
    tables: tuple[str, ...]
    plugin: str = "pgoutput"
    topics: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefix: str = "cdc"
    partitions: int = 4
    slot: str = "streams"
    publication: str = "streams"
    heartbeat_s: float = 5.0
    format: Format = Format.JSON
    registry: str = ""
    rules: Rules = field(default_factory=Rules)


def read_config(text: str, file: str) -> CaptureConfig:
    """The capture in ``text``; raises ``ConfigurationError`` with every problem, each with its line."""
    try:
        document = parse_literal(text, file, name="cdc_config") if file.endswith(".py") else parse_yaml(text, file)
    except DocumentError as error:
        raise ConfigurationError([error.problem]) from None
    problems = list(unknown_keys(document, document.value, config_schema(), ()))
    misshapen = list(_shape_problems(document))
    problems += misshapen or [*_own_problems(document), *rule_problems(document)]
    if problems:
        raise ConfigurationError(problems)
    config = _build(document.value)
    if own := sorted({route.topic for route in config.rules.routes} & set(config.topics.values())):
        raise ConfigurationError(
            [document.problem(("sink", "sinks"), f"{', '.join(own)} is a table's own topic; a sink needs another one")]
        )
    return config


def config_schema() -> dict[str, Any]:
    """The grammar's JSON Schema (2020-12), for editors and for the check of shapes."""
    schema: dict[str, Any] = json.loads(files("streams.capture").joinpath("config.schema.json").read_text("utf-8"))
    return schema


@cache
def _validator() -> Validator:
    return compile_validator(config_schema())


def _shape_problems(document: Document) -> Iterator[Problem]:
    for violation in _validator().violations(document.value):
        if violation.code not in ("additionalProperties", "allOf", "if"):
            path = split_path(violation.path)
            yield document.problem(path, _choices(document, path) or violation.message)


def _choices(document: Document, path: Path) -> str | None:
    """What can stand at ``path``, where the grammar lists it."""
    schema: Any = config_schema()
    value = document.value
    for step in path:
        schema = _inside(schema, step)
        value = value.get(step) if isinstance(value, dict) else value[step] if isinstance(step, int) else None
    if value is None or not isinstance(schema, dict) or "enum" not in schema:
        return None
    return one_of(str(value), schema["enum"])


def _inside(schema: Any, step: str | int) -> Any:
    if not isinstance(schema, dict):
        return None
    return schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)


def one_of(word: str, known: list[str]) -> str:
    """What to write instead of ``word``."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"must be one of: {', '.join(known)}"


def _own_problems(document: Document) -> Iterator[Problem]:
    source, sink = document.value["source"], document.value["sink"]
    tables = source["tables"]
    for section, key, held in (("sink", "topics", sink), ("source", "keys", source)):
        for table in held.get(key, {}):
            if table not in tables:
                message = f"{table} is not in source.tables; {one_of(table, tables)}"
                yield document.problem((section, key, table), message)
    if sink.get("format", "json") != "json" and not sink.get("schema_registry"):
        yield document.problem(("sink", "format"), f"{sink['format']} needs schema_registry, the URL of a registry")
    topics = [sink.get("topics", {}).get(table) for table in tables]
    for topic in sorted({held for held in topics if held is not None and topics.count(held) > 1}):
        yield document.problem(("sink", "topics"), f"{topic} is the topic of several tables; give each its own")


def _build(value: Mapping[str, Any]) -> CaptureConfig:
    source, sink = value["source"], value["sink"]
    prefix = sink.get("topic_prefix", "cdc")
    topics = {table: sink.get("topics", {}).get(table, f"{prefix}.{table}.v1") for table in source["tables"]}
    return CaptureConfig(
        database=source["connection"],
        tables=tuple(source["tables"]),
        plugin=source.get("capture_mode", "pgoutput"),
        topics=topics,
        keys={table: tuple(columns) for table, columns in source.get("keys", {}).items()},
        prefix=prefix,
        partitions=sink.get("partitions", 4),
        slot=source.get("slot", "streams"),
        publication=source.get("publication", "streams"),
        heartbeat_s=float(source.get("heartbeat", 5)),
        format=Format(sink.get("format", "json")),
        registry=sink.get("schema_registry", ""),
        rules=build_rules(value.get("transformations", ()), topics, sink.get("sinks", {})),
    )
