"""Build: what a pipeline file says of a join of two streams becomes a pairing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams.contracts.documents import Path
from streams.contracts.model import Column

from ..exchange.plan import Needs
from ..joining.build import Partner
from ..routes import Reporter
from ..spec import IntervalSpec, Pipeline
from .plan import Pairing, PairStage


def make_pairing(
    reporter: Reporter, pipeline: Pipeline, streams: Mapping[str, Partner], columns: dict[str, Column],
    key: tuple[str, ...], *, app: str,
) -> Pairing | None:  # fmt: skip
    """The pairing of ``pipeline``, if it has one; to ``columns`` those of its partner are added.

    ``streams``: by name the other pipelines. Mistakes go to ``reporter``.
    """
    spec = pipeline.interval
    if spec is None:
        return None
    _check_rest(reporter, pipeline, spec)
    partner = _partner(reporter, pipeline, spec, streams)
    if partner is None:
        return None
    _check_by(reporter, pipeline, spec, partner, columns)
    _add_columns(reporter, spec, partner, columns)
    is_local = _is_local(spec, pipeline.source.key or key, partner.partitioned_by)
    return _pairing(pipeline, spec, partner, None if is_local else _stage(app, pipeline.name, spec.partner))


def _pairing(pipeline: Pipeline, spec: IntervalSpec, partner: Partner, stage: PairStage | None) -> Pairing:
    return Pairing(
        changelog=f"{pipeline.name}-join",
        pipeline=pipeline.name,
        partner=spec.partner,
        topic=pipeline.source.topic,
        partner_topic=partner.pipeline.source.topic,
        by=tuple(spec.by),
        partner_by=tuple(spec.by.values()),
        columns=tuple(spec.columns.items()),
        is_inner=spec.missing == "drop",
        before_ms=spec.before_ms,
        after_ms=spec.after_ms,
        grace_ms=spec.grace_ms,
        idle_ms=spec.idle_ms,
        needs=Needs(columns=None),
        stage=stage,
    )


def _stage(app: str, pipeline: str, partner: str) -> PairStage:
    stage = f"{pipeline}-with-{partner}"
    own, theirs = (f"{app}-{stage}-{side}-repartition" for side in ("own", "partner"))
    return PairStage(stage=stage, own=own, partner=theirs)


def _is_local(spec: IntervalSpec, own: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether events with equal columns are in the same task, without an exchange."""
    counterparts = tuple(spec.by.get(column) for column in own)
    # Keys with names in them have other bytes, and other partitions, where the names differ.
    return bool(own) and counterparts == theirs and (own == theirs or spec.has_same_keys)


def _partner(
    reporter: Reporter, pipeline: Pipeline, spec: IntervalSpec, streams: Mapping[str, Partner]
) -> Partner | None:
    path: Path = ("join", spec.place, "with")
    partner = streams.get(spec.partner)
    if spec.partner == pipeline.name:
        reporter.problem(path, "a pipeline is not joined with itself; a second one may read the same topic")
    elif partner is None:
        reporter.problem(path, f"no pipeline that can run here is called {spec.partner}")
    elif partner.pipeline.interval is not None or partner.plan.relation is not None:
        what = "that of other events" if partner.pipeline.interval is not None else "rows that follow others"
        reporter.problem(path, f"what leaves {spec.partner} is {what}; joins of such streams arrive later")
    return partner


def _check_rest(reporter: Reporter, pipeline: Pipeline, spec: IntervalSpec) -> None:
    """Report what cannot stand beside it, or cannot yet."""
    if any(join.kind == "table" for join in pipeline.joins):
        message = "joins of type table follow their rows, events of an interval have none: not both"
        reporter.problem(("join", spec.place), message)
    if pipeline.table is not None:
        message = "a joined event is no row of a table, and may be there several times; publish it (route)"
        reporter.problem(("table",), message)
    for index in range(len(pipeline.aggregates)):
        message = "aggregates of joined events arrive later; publish them (route) and count there"
        reporter.problem(("aggregate", index), message)
    for index, route in enumerate(pipeline.routes):
        if route.value == "envelope":
            reporter.problem(("route", index, "value"), "envelope: a joined event has none; publish rows")
        if route.on_delete != "tombstone":
            reporter.problem(("route", index, "on_delete"), "a DELETE is joined with nothing, and never published")


def _check_by(
    reporter: Reporter, pipeline: Pipeline, spec: IntervalSpec, partner: Partner, columns: Mapping[str, Column]
) -> None:
    """Each pair of columns is there, of the same type and in the same cover."""
    path: Path = ("join", spec.place, "by")
    reporter.require_columns(tuple(spec.by), path, columns)
    reporter.require_columns(tuple(spec.by.values()), path, partner.columns)
    for own, theirs in spec.by.items():
        if own not in columns or theirs not in partner.columns:
            continue
        kinds = columns[own].type, partner.columns[theirs].type
        if kinds[0] is not kinds[1]:
            told = f"{own} is {kinds[0].value}, {theirs} of {spec.partner} is {kinds[1].value}; they never match"
            reporter.problem(path, told)
        if pipeline.mask.get(own) != partner.pipeline.mask.get(theirs):
            told = f"{own} is masked here and {theirs} of {spec.partner} is not alike; they never match"
            reporter.problem(path, told)


def _add_columns(reporter: Reporter, spec: IntervalSpec, partner: Partner, columns: dict[str, Column]) -> None:
    path: Path = ("join", spec.place, "columns")
    reporter.require_columns(tuple(spec.columns), path, partner.columns)
    for theirs, own in spec.columns.items():
        if own in columns:
            reporter.problem((*path, theirs), f"the row has a column {own} already; rename it")
        elif theirs in partner.columns:
            columns[own] = replace(partner.columns[theirs], name=own, nullable=True)
