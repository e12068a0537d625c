"""``streams pipelines``: what the pipelines in ``schemas/`` do, and which topics they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from streams.contracts import read_contracts
from streams.contracts.registry import MemoryRegistry
from streams.pipeline.compile import compile_topology
from streams.pipeline.grammar import read_pipelines
from streams.pipeline.plan import Plan
from streams.pipeline.steps import ORDER
from streams.pipeline.topology import Topology, all_table_names, build_topology
from streams.planning.lineage import Lineage, facets, lineage_of
from streams.settings import Settings

from .contracts import schemas_option
from .output import output_option, show_rows


@click.group()
def command() -> None:
    """Pipelines: what is done with a source, step by step.

    \b
      streams pipelines list                  sources, tables, routes
      streams pipelines describe orders       its steps, and the topics that a worker creates for it
      streams pipelines lineage orders        what each column that goes out is computed from
    """


@command.command(name="list")
@schemas_option
@output_option
def list_pipelines(schemas: Path | None, output: str) -> None:
    """List the pipelines. Exit code 2: a file has mistakes, all of which are told."""
    topology, _ = _read(schemas)
    rows = [
        {
            "pipeline": plan.name,
            "source": plan.topic,
            "tables": list(all_table_names(plan)),
            "publishes": [*(route.to for route in plan.routes), *(held.to for held in plan.judged if held.to)],
            "dead_letters": plan.dead_letters,
        }
        for plan in topology.plans
    ]
    show_rows(rows if output == "json" else map(_joined, rows), output, title="Pipelines")


@command.command()
@click.argument("name")
@schemas_option
@output_option
def describe(name: str, schemas: Path | None, output: str) -> None:
    """Describe one pipeline: its steps in order, as its file says, and its topics."""
    topology, documents = _read(schemas)
    plan = _named(topology, name)
    topics = list(_topics(topology, plan))
    if output == "json":
        show_rows([{"pipeline": name, "steps": documents[name], "topics": topics}], output)
        return
    show_rows(_steps(documents[name]), output, title=name)
    show_rows(topics, output, title="topics")


@command.command()
@click.argument("name", required=False)
@click.option("--column", help="Only columns that go out under this name.")
@schemas_option
@output_option
def lineage(name: str | None, column: str | None, schemas: Path | None, output: str) -> None:
    """Tell for each column that goes out the source's columns it is computed from, and through what.

    A table and a topic are outputs. DIRECT: the value goes in; INDIRECT: it only decides, as a filter, a group or a
    route's condition do. ``--output json`` is OpenLineage's facet columnLineage by output. It is read from the
    expressions, no data is looked at.
    """
    topology, _ = _read(schemas)
    plans = topology.plans if name is None else (_named(topology, name),)
    found = [held for plan in plans for held in lineage_of(plan) if column in (None, held.column)]
    if column is not None and not found:
        raise click.BadParameter(f"no column {column!r} goes out; leave --column out to see all", param_hint="--column")
    if output == "json":
        show_rows(facets(found, namespace=f"kafka://{Settings.from_env().brokers}"), output)
    else:
        show_rows([row for held in found for row in _origins(held)], output, title="Lineage")


def _origins(held: Lineage) -> Iterator[Mapping[str, object]]:
    place = {"output": held.output, "column": held.column}
    if not held.origins:
        yield {**place, "from": "", "how": "no column", "through": "", "class": ""}
    for origin in held.origins:
        yield {
            **place,
            "from": f"{origin.dataset}.{origin.column}",
            "how": f"{'DIRECT' if origin.is_direct else 'INDIRECT'} {origin.subtype}",
            "through": origin.through,
            "class": f"{origin.classification or ''}{' (masked)' if origin.is_masked else ''}",
        }


def _named(topology: Topology, name: str) -> Plan:
    plan = next((plan for plan in topology.plans if plan.name == name), None)
    if plan is None:
        known = ", ".join(sorted(plan.name for plan in topology.plans))
        raise click.BadParameter(f"no pipeline {name!r}; there are: {known}", param_hint="NAME")
    return plan


def _read(schemas: Path | None) -> tuple[Topology, Mapping[str, Mapping[str, Any]]]:
    """The topology, and the files by pipeline; raises ``ConfigurationError`` with every mistake."""
    settings = Settings.from_env()
    contracts = read_contracts(schemas or settings.schemas)
    # What a pipeline does does not depend on this machine's secret: any serves.
    topology = compile_topology(contracts, app=settings.app, mask_key=b"only to describe", registry=MemoryRegistry())
    pipelines, _ = read_pipelines(contracts.pipeline_texts)
    return topology, {pipeline.name: pipeline.document.value for pipeline in pipelines}


def _steps(document: Mapping[str, Any]) -> Iterator[Mapping[str, object]]:
    for step in (step for step in ORDER if step in document):
        held = document[step]
        parts = held if isinstance(held, list) else [held]
        for part in parts:
            yield {"step": step, "what": _text(part)}


def _text(value: object) -> str:
    """YAML's flow style without its outer braces."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_nested(held)}" for key, held in value.items())
    return _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + _text(value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return str(value)


def _topics(topology: Topology, plan: Plan) -> Iterator[Mapping[str, object]]:
    for spec in build_topology(topology.app, [plan]).topics:
        yield {"topic": spec.name, "kind": spec.kind.value.replace("_", " ")}


def _joined(row: Mapping[str, object]) -> Mapping[str, object]:
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in row.items()}
