"""Build: what a pipeline file says of retries, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from streams.contracts.documents import Path
from streams.records import ChangeEvent, Operation

from ..joining.plan import Join
from ..routes import Reporter
from ..spec import Pipeline
from ..tables import encode_key
from .plan import InOrder, Retries, RowOf

OF_NO_ROW = frozenset({Operation.TRUNCATE, Operation.MESSAGE})
LONGEST_NAME = 249


def make_retries(
    reporter: Reporter, pipeline: Pipeline, key: tuple[str, ...], joins: Iterable[Join], *, is_split: bool
) -> Retries | None:
    """The retries of ``pipeline``; ``None``: it has none. ``key``: of its rows. Events wait for replies, too."""
    _check(reporter, pipeline, key)
    delays = delays_of(pipeline)
    asks = tuple("" if join.meeting is None else join.meeting.names for join in joins)
    if not delays and not any(asks):
        return None
    all_delays = sorted({delay for held in delays.values() for delay in held})
    topics = {delay: f"{pipeline.source.topic}-{pipeline.name}-retry-{delay}" for delay in all_delays}
    for name in topics.values():
        if len(name) > LONGEST_NAME:
            reporter.problem(("pipeline",), f"{name} is too long for a topic; shorten the pipeline's name")
    return Retries(
        delays_ms=delays,
        topics=topics,
        in_order=InOrder(pipeline.in_order) if pipeline.in_order else InOrder.PARK if key else InOrder.IGNORE,
        row_of=_row_of(key),
        row_at=_digest,
        is_split=is_split,
        asks=asks,
    )


def delays_of(pipeline: Pipeline) -> Mapping[str, tuple[int, ...]]:
    """By reason, the delays (ms) after which an event is tried again; no reason without any.

    What ``missing: retry`` of a look-up asks for is that of ``lookup_unavailable`` where nothing else is said.
    """
    delays = dict(pipeline.retry)
    if any(lookup.missing == "retry" for lookup in pipeline.lookups):
        delays.setdefault("lookup_missing", delays.get("lookup_unavailable", ()))
    return {reason: held for reason, held in delays.items() if held}


def _check(reporter: Reporter, pipeline: Pipeline, key: tuple[str, ...]) -> None:
    path: Path = ("errors", "in_order")
    if pipeline.in_order is not None and not delays_of(pipeline):
        reporter.problem(path, "nothing is tried again, so nothing waits; add errors.retry")
    if pipeline.in_order in ("park", "supersede") and not key:
        reporter.problem(path, "the contract has no key, so there are no rows to keep in order; say ignore")
    if pipeline.in_order == "supersede" and any(not held.is_of_rows for held in pipeline.aggregates):
        message = "an aggregate counts each change, so none may take the place of another; say park"
        reporter.problem(path, message)
    for reason in pipeline.retry:
        if reason not in set(_reasons(pipeline)):
            message = f"no step of this pipeline fails with {reason}; leave it out"
            reporter.problem(("errors", "retry", reason), message)


def _reasons(pipeline: Pipeline) -> Iterable[str]:
    """Why an event of the pipeline may fail now and pass later."""
    if any(join.missing == "retry" for join in pipeline.joins):
        yield "join_missing"
    if pipeline.lookups:
        yield from ("lookup_unavailable", "lookup_failed")
    if any(lookup.missing == "retry" for lookup in pipeline.lookups):
        yield "lookup_missing"


def _digest(key: bytes) -> bytes:
    """A row in 16 bytes: its key may be long, and be masked later."""
    return blake2b(key, digest_size=16).digest()


def _row_of(key: tuple[str, ...]) -> RowOf:
    def row_of(event: ChangeEvent) -> bytes | None:
        if not key or event.operation in OF_NO_ROW:
            return None
        return _digest(encode_key([event.row.get(column) for column in key]))

    return row_of
