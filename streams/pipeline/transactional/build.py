"""Build: what a pipeline file says of the source's transactions, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.documents import Path
from streams.contracts.registry import SchemaSource
from streams.errors import Problem

from ..exchange.plan import Exchange
from ..joining.plan import Join, Relation
from ..pairing.plan import Pairing
from ..routes import Reporter
from ..spec import Pipeline, TransactionalSpec
from .plan import Transactional
from .wire import end_reader

FORMATS = frozenset({"debezium-json", "debezium-avro", "debezium-protobuf"})
PATH: Path = ("transactional",)


def make_transactional(
    reporter: Reporter,
    pipeline: Pipeline,
    exchanges: Iterable[Exchange],
    relation: Relation | None,
    pairing: Pairing | None,
    joins: Iterable[Join],
    *,
    app: str,
    registry: SchemaSource | None,
) -> Transactional | None:
    """``None``: its results are released as they come."""
    spec = pipeline.transactional
    if spec is None:
        return None
    if pipeline.source.format not in FORMATS:
        message = f"{pipeline.source.format} does not tell of transactions; {', '.join(sorted(FORMATS))} do"
        reporter.problem(PATH, message)
    for name in _elsewhere(exchanges, relation, pairing, joins):
        message = f"{name} comes together in other tasks, which see a transaction in pieces; leave one of the two out"
        reporter.problem(PATH, message)
    if pipeline.lookups:
        reporter.problem(PATH, "beside lookup it arrives later: an answer that is waited for would cut a transaction")
    ends = f"{app}-{spec.topic}-ends-repartition"
    return Transactional(topic=spec.topic, ends=ends, read_end=end_reader(registry), timeout_ms=spec.timeout_ms)


def _elsewhere(
    exchanges: Iterable[Exchange], relation: Relation | None, pairing: Pairing | None, joins: Iterable[Join]
) -> Iterable[str]:
    """Parts of a pipeline whose results another stage makes."""
    for exchange in exchanges:
        yield from (f"table {held.table}" for held in exchange.aggregations)
    related = () if relation is None else relation.joins
    yield from (f"the join to {join.table}" for join in related if join.meeting is not None)
    yield from (f"the join to {join.table}" for join in joins if join.meeting is not None)
    if pairing is not None and pairing.stage is not None:
        yield f"the join with {pairing.partner}"


def find_cut(pipelines: tuple[Pipeline, ...]) -> Iterable[Problem]:
    """Pipelines that share transactions and do not agree on them, or would cut those of another one."""
    whole = [(held, held.transactional) for held in pipelines if held.transactional is not None]
    by_source = {held.source.topic: held for held, _ in whole}
    first: dict[str, tuple[Pipeline, TransactionalSpec]] = {}
    for pipeline, spec in whole:
        other, said = first.setdefault(spec.topic, (pipeline, spec))
        if said != spec:
            message = f"pipeline {other.name} shares these transactions and has another timeout; write the same in both"
            yield pipeline.document.problem(PATH, message)
        if by_source[pipeline.source.topic].transactional != spec:
            yield pipeline.document.problem(PATH, f"{pipeline.source.topic} is told of in two topics of transactions")
    for pipeline in pipelines:
        if pipeline.lookups and pipeline.transactional is None and pipeline.source.topic in by_source:
            name = by_source[pipeline.source.topic].name
            message = f"an answer that is waited for would cut the transactions of {name}, a pipeline of the same topic"
            yield pipeline.document.problem(("lookup",), message)
