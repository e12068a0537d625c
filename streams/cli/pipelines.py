"""``streams pipelines``: what the pipelines in ``schemas/`` do, and which topics they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from streams.contracts import read_contracts
from streams.contracts.registry import MemoryRegistry
from streams.dsl import load_modules
from streams.pipeline.compile import compile_topology
from streams.pipeline.grammar import read_pipelines
from streams.pipeline.plan import Plan
from streams.pipeline.topology import Topology, all_table_names, build_topology
from streams.planning.drawing import draw
from streams.planning.graph import graph_of
from streams.planning.lineage import Lineage, facets, lineage_of
from streams.planning.wording import step_lines
from streams.settings import Settings

from .output import output_option, schemas_option, show_rows


@click.group()
def command() -> None:
    """Pipelines: what is done with a source, step by step.

    \b
      streams pipelines list                  sources, tables, routes
      streams pipelines describe orders       its steps, and the topics that a worker creates for it
      streams pipelines describe --svg plan.svg     all of them as a drawing
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
@click.argument("name", required=False)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this file; no NAME: all.")
@schemas_option
@output_option
def describe(name: str | None, svg: Path | None, schemas: Path | None, output: str) -> None:
    """Describe one pipeline: its steps in order, as its file says, and its topics.

    --svg draws them: topics, steps, tables, joins, and the topics between stages. Without NAME all pipelines are in
    the drawing, with what they share.
    """
    topology, documents = _read(schemas)
    plans = topology.plans if name is None else (_named(topology, name),)
    if svg is not None:
        _draw(topology, name, svg)
        return
    if name is None:
        raise click.UsageError("name a pipeline, or --svg FILE to draw all of them")
    topics = list(_topics(topology, plans[0]))
    if output == "json":
        show_rows([{"pipeline": name, "steps": documents[name], "topics": topics}], output)
        return
    steps = ({"step": step, "what": text} for step, text in step_lines(documents[name]))
    show_rows(steps, output, title=name)
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
    """The topology, and what is written of each pipeline, also in Python.

    Raises ``ConfigurationError`` with every mistake.
    """
    settings = Settings.from_env()
    contracts = read_contracts(schemas or settings.schemas)
    built = load_modules(settings.pipeline_modules)
    # What a pipeline does does not depend on this machine's secret: any serves.
    topology = compile_topology(
        contracts, app=settings.app, mask_key=b"only to describe", registry=MemoryRegistry(), built=built
    )
    pipelines, _ = read_pipelines(contracts.pipeline_texts)
    return topology, {pipeline.name: pipeline.document.value for pipeline in (*pipelines, *built)}


def _draw(topology: Topology, name: str | None, file: Path) -> None:
    graph = graph_of(topology, None if name is None else (name,))
    what = "All pipelines" if name is None else f"Pipeline {name}"
    try:
        file.write_text(draw(graph, title=f"{what} of {topology.app}"), "utf-8")
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--svg") from None
    click.echo(f"{what.lower()} drawn in {file}", err=True)


def _topics(topology: Topology, plan: Plan) -> Iterator[Mapping[str, object]]:
    for spec in build_topology(topology.app, [plan]).topics:
        yield {"topic": spec.name, "kind": spec.kind.value.replace("_", " ")}


def _joined(row: Mapping[str, object]) -> Mapping[str, object]:
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in row.items()}
