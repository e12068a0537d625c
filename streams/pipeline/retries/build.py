"""Build: what a pipeline file says of retries, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from streams.contracts.documents import Path
from streams.records import ChangeEvent, Operation

from ..routes import Reporter
from ..spec import Pipeline
from ..tables import encode_key
from .plan import InOrder, Retries, RowOf

OF_NO_ROW = frozenset({Operation.TRUNCATE, Operation.MESSAGE})
LONGEST_NAME = 249


def make_retries(reporter: Reporter, pipeline: Pipeline, key: tuple[str, ...], *, is_split: bool) -> Retries | None:
    """The retries of ``pipeline``; ``None``: it has none. ``key``: of its rows."""
    _check(reporter, pipeline, key)
    if not pipeline.retry:
        return None
    delays = sorted({delay for held in pipeline.retry.values() for delay in held})
    topics = {delay: f"{pipeline.source.topic}-{pipeline.name}-retry-{delay}" for delay in delays}
    for name in topics.values():
        if len(name) > LONGEST_NAME:
            reporter.problem(("pipeline",), f"{name} is too long for a topic; shorten the pipeline's name")
    return Retries(
        delays_ms=pipeline.retry,
        topics=topics,
        in_order=InOrder(pipeline.in_order) if pipeline.in_order else InOrder.PARK if key else InOrder.IGNORE,
        row_of=_row_of(key),
        row_at=_digest,
        is_split=is_split,
    )


def _check(reporter: Reporter, pipeline: Pipeline, key: tuple[str, ...]) -> None:
    path: Path = ("errors", "in_order")
    if pipeline.in_order is not None and not pipeline.retry:
        reporter.problem(path, "nothing is tried again, so nothing waits; add errors.retry")
    if pipeline.in_order in ("park", "supersede") and not key:
        reporter.problem(path, "the contract has no key, so there are no rows to keep in order; say ignore")
    if pipeline.in_order == "supersede" and any(not held.is_of_rows for held in pipeline.aggregates):
        message = "an aggregate counts each change, so none may take the place of another; say park"
        reporter.problem(path, message)
    if pipeline.retry and pipeline.lookups:
        message = "retries beside lookup arrive later; without them its failures are dead letters"
        reporter.problem(("errors", "retry"), message)
    for reason in pipeline.retry:
        if reason not in set(_reasons(pipeline)):
            message = f"no step of this pipeline fails with {reason}; leave it out"
            reporter.problem(("errors", "retry", reason), message)


def _reasons(pipeline: Pipeline) -> Iterable[str]:
    """Why an event of the pipeline may fail now and pass later."""
    if any(join.missing == "retry" for join in pipeline.joins):
        yield "join_missing"


def _digest(key: bytes) -> bytes:
    """A row in 16 bytes: its key may be long, and be masked later."""
    return blake2b(key, digest_size=16).digest()


def _row_of(key: tuple[str, ...]) -> RowOf:
    def row_of(event: ChangeEvent) -> bytes | None:
        if not key or event.operation in OF_NO_ROW:
            return None
        return _digest(encode_key([event.row.get(column) for column in key]))

    return row_of
