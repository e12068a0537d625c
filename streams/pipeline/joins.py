"""Joins: what a pipeline file says of other pipelines' tables, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from streams.contracts.documents import Path
from streams.contracts.model import Column, ColumnType
from streams.errors import Problem

from .joining.build import Partner, check_related, meeting_of, relation_of
from .joining.plan import Join, Missing, Relation
from .routes import Reporter
from .spec import JoinSpec, Pipeline


def in_order(pipelines: Iterable[Pipeline]) -> tuple[list[Pipeline], list[Problem]]:
    """Each pipeline behind those whose tables it reads; circles are problems, and their pipelines left out."""
    waiting = list(pipelines)
    owners = {pipeline.table.name: pipeline.name for pipeline in waiting if pipeline.table is not None}
    read = {held.name: {*map(owners.get, (join.table for join in held.joins)), *_streams(held)} for held in waiting}
    ready: list[Pipeline] = []
    while waiting:
        open_names = {pipeline.name for pipeline in waiting}
        free = [held for held in waiting if not read[held.name] & open_names]
        if not free:
            return ready, [_circle(pipeline, open_names) for pipeline in waiting]
        ready += free
        waiting = [pipeline for pipeline in waiting if pipeline not in free]
    return ready, []


def _streams(pipeline: Pipeline) -> set[str]:
    """Pipelines whose events are joined; that one is not joined with itself is told elsewhere."""
    return set() if pipeline.interval is None else {pipeline.interval.partner} - {pipeline.name}


def _circle(pipeline: Pipeline, names: Iterable[str]) -> Problem:
    message = f"joins lead back to this pipeline, through {', '.join(sorted(names))}; put the table in one of its own"
    return pipeline.document.problem(("join",), message)


def _look_up(app: str, pipeline: Pipeline, number: int, held: tuple[JoinSpec, Partner, bool]) -> Join:
    spec, partner, is_local = held
    return Join(
        table=spec.table,
        pipeline=partner.plan.name,
        by=spec.by,
        columns=tuple(spec.columns.items()),
        kinds=tuple(partner.columns.get(name, Column(name=name, type=ColumnType.UNKNOWN)) for name in spec.columns),
        missing=Missing(spec.missing),
        keep_ms=spec.keep_ms,
        meeting=None if is_local else meeting_of(app, pipeline.name, number, spec),
    )


class JoinBuilder:
    """Compiles the joins of one pipeline; mistakes go to ``reporter``."""

    def __init__(self, reporter: Reporter, pipeline: Pipeline, partners: Mapping[str, Partner], *, app: str) -> None:
        self._app = app
        self._reporter = reporter
        self._pipeline = pipeline
        self._partners = partners

    def build(self, columns: dict[str, Column], key: tuple[str, ...]) -> tuple[tuple[Join, ...], Relation | None]:
        """The joins, in the order of the file; ``columns`` of the stream, to which theirs are added."""
        kinds = {spec.kind for spec in self._pipeline.joins}
        joins = list(self._joins(columns, key))
        if kinds != {"table"}:
            if "table" in kinds:
                self._reporter.problem(("join",), "joins of type table follow their rows and others do not: not both")
            return tuple(_look_up(self._app, self._pipeline, n, held) for n, held in enumerate(joins)), None
        check_related(self._reporter, self._pipeline, joins, key)
        return (), relation_of(self._app, self._pipeline, joins, key)

    def _joins(self, columns: dict[str, Column], key: tuple[str, ...]) -> Iterator[tuple[JoinSpec, Partner, bool]]:
        for index, spec in enumerate(self._pipeline.joins):
            path: Path = ("join", index)
            partner = self._partners.get(spec.table)
            if partner is None:
                there = ", ".join(sorted(self._partners)) or "none"
                message = f"no pipeline that runs here keeps the latest rows of {spec.table}; tables of rows: {there}"
                self._reporter.problem((*path, "table"), message)
                continue
            self._reporter.require_columns(spec.by, (*path, "by"), columns)
            self._reporter.require_columns(tuple(spec.columns), (*path, "columns"), partner.columns)
            self._check_key(spec, path, partner, columns)
            is_local = self._is_local(spec, partner, key)
            if not is_local and spec.kind != "table" and self._pipeline.lookups:
                told = f"{spec.table} lives in other tasks, and joins with it beside lookup arrive later"
                self._reporter.problem((*path, "table"), told)
            for theirs, own in spec.columns.items():
                if own in columns:
                    self._reporter.problem((*path, "columns", theirs), f"the row has a column {own} already; rename it")
                elif theirs in partner.columns:
                    columns[own] = replace(partner.columns[theirs], name=own, nullable=True)
            yield spec, partner, is_local

    def _check_key(self, spec: JoinSpec, path: Path, partner: Partner, columns: Mapping[str, Column]) -> None:
        """Each column of the table's key has its counterpart here: of the same type, and in the same cover."""
        if len(spec.by) != len(partner.key):
            message = f"the key of {spec.table} is {', '.join(partner.key)}; name as many columns, in that order"
            self._reporter.problem((*path, "by"), message)
            return
        for own, theirs in zip(spec.by, partner.key, strict=True):
            if own not in columns or theirs not in partner.columns:
                continue
            kinds = columns[own].type, partner.columns[theirs].type
            if kinds[0] is not kinds[1]:
                told = f"{own} is {kinds[0].value}, {theirs} of {spec.table} is {kinds[1].value}; they never match"
                self._reporter.problem((*path, "by"), told)
            masks = self._pipeline.mask.get(own), partner.pipeline.mask.get(theirs)
            if masks[0] != masks[1]:
                told = f"{own} is masked here and {theirs} of {spec.table} is not alike; they never match"
                self._reporter.problem((*path, "by"), told)

    def _is_local(self, spec: JoinSpec, partner: Partner, key: tuple[str, ...]) -> bool:
        """Whether row and partner meet in one task: without an exchange that takes the topics' own keys."""
        counterpart = dict(zip(partner.key, spec.by, strict=False))
        wanted = tuple(counterpart.get(column) for column in partner.partitioned_by)
        own = self._pipeline.source.key or key
        # Record keys that hold names differ where the names do, and so do their partitions.
        return wanted == own and (own == partner.partitioned_by or spec.has_same_keys)
