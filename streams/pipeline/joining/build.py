"""Build: what a pipeline file says of joins between tables becomes a relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.contracts.model import Column

from ..plan import Plan
from ..routes import Reporter
from ..spec import JoinSpec, Pipeline
from .plan import Meeting, Relation, TableJoin


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A table of latest rows that other pipelines may read."""

    pipeline: Pipeline
    plan: Plan
    columns: Mapping[str, Column]
    """Of its rows, derived ones included."""

    @property
    def key(self) -> tuple[str, ...]:
        """Of the table."""
        return () if self.plan.table is None else self.plan.table.key

    @property
    def partitioned_by(self) -> tuple[str, ...]:
        """The columns that decide its topic's partition."""
        return self.pipeline.source.key or self.plan.key


Joins = Sequence[tuple[JoinSpec, Partner, bool]]
"""What the file says, the partner, and whether both sides are in the same tasks."""


def relation_of(app: str, pipeline: Pipeline, joins: Joins, key: tuple[str, ...]) -> Relation:
    """The relation of a pipeline whose rows are told apart by ``key``."""
    return Relation(
        changelog=f"{pipeline.name}-join",
        key=key,
        joins=tuple(
            TableJoin(
                table=spec.table,
                pipeline=partner.plan.name,
                by=spec.by,
                columns=tuple(spec.columns.items()),
                is_inner=spec.missing == "drop",
                meeting=None if is_local else meeting_of(app, pipeline.name, number, spec),
            )
            for number, (spec, partner, is_local) in enumerate(joins)
        ),
    )


def meeting_of(app: str, pipeline: str, number: int, spec: JoinSpec) -> Meeting:
    """Where the rows of a pipeline meet partners of other tasks."""
    stage = f"{pipeline}-join{number}-{spec.table}"
    topics = {part: f"{app}-{stage}-{part}-repartition" for part in ("names", "rows", "answers")}
    columns = tuple(spec.columns)
    return Meeting(
        stage=stage,
        pipeline=pipeline,
        table=spec.table,
        join=number,
        columns=columns,
        is_asked=spec.kind != "table",
        keep_ms=spec.keep_ms,
        **topics,
    )


def check_related(reporter: Reporter, pipeline: Pipeline, joins: Joins, key: tuple[str, ...]) -> None:
    """Report what rows that change with their partners cannot be, or cannot be yet."""
    if not key:
        reporter.problem(("join",), "the contract has no key, and without one no row can follow its partner")
    for index, spec in enumerate(pipeline.joins):
        if spec.missing == "retry":
            message = "retry: a row of a table needs no second try, it follows its partner; say null or drop"
            reporter.problem(("join", index, "missing"), message)
    for place, held in enumerate(pipeline.aggregates):
        if not held.is_of_rows:
            message = "a change of a partner is none of the row, so changes are no count of anything here; over: rows"
            reporter.problem(("aggregate", place, "over"), message)
    joined = {own for spec, *_ in joins for own in spec.columns.values()}
    for place, route in enumerate(pipeline.routes):
        if route.value == "envelope":
            message = "envelope: a row that follows its partner has none; publish rows"
            reporter.problem(("route", place, "value"), message)
        if moving := sorted(joined.intersection(route.key or ())):
            message = f"{', '.join(moving)}: a change of the partner would move the row to another key"
            reporter.problem(("route", place, "key"), message)
