"""Compile: pipelines and contracts become plans; whatever they disagree on is reported at once, with file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from streams.contracts.documents import Path
from streams.contracts.model import Contracts
from streams.contracts.registry import SchemaSource
from streams.errors import ConfigurationError, Problem

from .build import PlanBuilder
from .grammar import read_pipelines
from .joining.build import Partner
from .joining.roles import meetings_of
from .joins import in_order
from .lane.build import lane_of
from .plan import DeadLetterStyle, Limits, Plan
from .rules.build import QualityBuilder
from .spec import Pipeline
from .topology import Topology, all_table_names, build_topology
from .transactional.build import find_cut
from .truncating.build import telling


def compile_topology(
    contracts: Contracts,
    *,
    app: str,
    only: Iterable[str] | None = None,
    mask_key: bytes | None = None,
    dead_letter_style: DeadLetterStyle = DeadLetterStyle.CONNECT,
    limits: Limits | None = None,
    registry: SchemaSource | None = None,
    built: Iterable[Pipeline] = (),
    native: bool = True,
) -> Topology:
    """The topology of all pipelines in ``contracts`` and of those ``built`` in Python, or of those named in ``only``.

    ``mask_key``: secret of ``mask: hash``; without it such masks are refused. ``registry``: where formats that name
    their schemas by id find them; without it they are refused. ``native``: plain pipelines have lanes, where the
    extension was built. Raises ``ConfigurationError`` with
    every problem of the pipelines, and those that ``contracts`` came with.
    """
    read, unreadable = read_pipelines(contracts.pipeline_texts)
    pipelines = (*read, *built)
    problems = [*contracts.problems, *unreadable, *_repeated(pipelines)]
    if only is not None:
        pipelines = _chosen(pipelines, only, problems)
    quality = QualityBuilder(contracts, pipelines, app=app, secret=mask_key)

    def builder_of(
        pipeline: Pipeline, partners: Mapping[str, Partner], streams: Mapping[str, Partner]
    ) -> tuple[PlanBuilder, Plan | None]:
        checked = quality.build(pipeline)
        builder = PlanBuilder(
            pipeline, contracts, checked.reads, app=app, mask_key=mask_key, registry=registry, partners=partners,
            streams=streams,
        )  # fmt: skip
        plan = builder.build()
        return builder, plan and replace(
            plan,
            dead_letter_style=dead_letter_style,
            limits=limits or Limits(),
            quality=checked.rules,
            stage=checked.stage,
        )

    plans = _built(pipelines, builder_of, problems)
    problems += [*_shared_names(pipelines, plans), *find_cut(pipelines)]
    claims = quality.finish()
    # One rule of a dataset may be wrong in all of its pipelines, and once is enough.
    problems += dict.fromkeys(quality.problems)
    if problems:
        raise ConfigurationError(problems)
    whole = [telling(replace(plan, claims=claims.get(name))) for name, plan in plans.items()]
    return build_topology(app, whole, lane_of=lane_of if native else None)


def _built(
    pipelines: tuple[Pipeline, ...],
    build: Callable[[Pipeline, Mapping[str, Partner], Mapping[str, Partner]], tuple[PlanBuilder, Plan | None]],
    problems: list[Problem],
) -> Mapping[str, Plan]:
    """By name, in the order of ``pipelines``; each is built behind those whose tables or events it joins."""
    plans: dict[str, Plan] = {}
    partners: dict[str, Partner] = {}
    streams: dict[str, Partner] = {}
    ordered, circles = in_order(pipelines)
    problems += circles
    for pipeline in ordered:
        builder, plan = build(pipeline, partners, streams)
        problems += builder.problems
        if plan is not None:
            plans[pipeline.name] = plan
            streams[pipeline.name] = Partner(pipeline=pipeline, plan=plan, columns=builder.columns)
            if plan.table is not None:
                partners[plan.table.name] = streams[pipeline.name]
    ready = [plans[pipeline.name] for pipeline in pipelines if pipeline.name in plans]
    return {plan.name: _asked(plan, plans.values()) for plan in ready}


def _asked(plan: Plan, plans: Iterable[Plan]) -> Plan:
    """``plan``, told what others ask: its events, its rows' times and what they were, and which stages are to hear."""
    paired = tuple(held.pairing for held in plans if held.pairing is not None and held.pairing.partner == plan.name)
    plan = replace(plan, partner_of=paired) if paired else plan
    if plan.table is None:
        return plan
    name = plan.table.name
    joins = [join for other in plans for join in other.joins if join.table == name]
    followers = [join for other in plans if other.relation for join in other.relation.joins if join.table == name]
    kept = [join.keep_ms for join in joins if join.meeting is None and join.keep_ms is not None]
    meetings = tuple(held for other in plans for held in meetings_of(other) if held.table == name)
    is_followed = bool(followers or kept or meetings)
    table = replace(plan.table, is_followed=is_followed, keep_versions_ms=max(kept) if kept else None)
    return replace(plan, table=table, feeds=meetings)


def _repeated(pipelines: Iterable[Pipeline]) -> Iterable[Problem]:
    """Names that two have; of files alone, the grammar has told it already."""
    first: dict[str, Pipeline] = {}
    for pipeline in pipelines:
        other = first.setdefault(pipeline.name, pipeline)
        if other is not pipeline:
            yield pipeline.document.problem(("pipeline",), f"{other.document.file} has this name already")


def _chosen(pipelines: tuple[Pipeline, ...], only: Iterable[str], problems: list[Problem]) -> tuple[Pipeline, ...]:
    by_name = {pipeline.name: pipeline for pipeline in pipelines}
    known = ", ".join(sorted(by_name)) or "none"
    wanted = tuple(dict.fromkeys(only))
    problems += [
        Problem(file="pipelines", message=f"no pipeline {name!r}; there are: {known}")
        for name in wanted
        if name not in by_name
    ]
    return tuple(by_name[name] for name in wanted if name in by_name)


def _shared_names(pipelines: tuple[Pipeline, ...], plans: Mapping[str, Plan]) -> Iterable[Problem]:
    """Two pipelines may share a source, never a table; and nothing may be read and written by one application."""
    owners: dict[str, str] = {}
    sources = {pipeline.source.topic for pipeline in pipelines}
    for pipeline in pipelines:
        plan = plans.get(pipeline.name)
        for table in () if plan is None else all_table_names(plan):
            if table in owners:
                yield pipeline.document.problem((), f"table {table} belongs to pipeline {owners[table]}; rename it")
            owners[table] = pipeline.name
        for path, topic in _written_topics(pipeline):
            if topic in sources:
                yield pipeline.document.problem(path, f"{topic} is a source here; chained pipelines arrive later")


def _written_topics(pipeline: Pipeline) -> Iterable[tuple[Path, str]]:
    """(place in the file, topic) of everything that a pipeline publishes."""
    yield from ((("route", index, "to"), route.to) for index, route in enumerate(pipeline.routes))
    for index, aggregate in enumerate(pipeline.aggregates):
        for part, topic in (("to", aggregate.to), ("late", aggregate.late)):
            if topic is not None:
                yield ("aggregate", index, part), topic
    if pipeline.dead_letters is not None:
        yield ("errors", "dead_letters"), pipeline.dead_letters
