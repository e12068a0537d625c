"""Build: the canary of a pipeline file becomes a candidate, or a problem."""

from __future__ import annotations

from collections.abc import Callable

from streams.contracts.model import ContractFamily, Contracts
from streams.contracts.registry import SchemaSource
from streams.records import ChangeEvent

from ..formats.codecs import build_codec
from ..plan import Codec, EventTime
from ..routes import Reporter
from ..spec import Pipeline
from .plan import Candidate, in_force

PATH = ("canary",)


def family_in_force(reporter: Reporter, pipeline: Pipeline, family: ContractFamily) -> ContractFamily | None:
    """The versions that rows are held to: a candidate is not among them, also where the criterion admits it."""
    held = in_force(family, pipeline.canary)
    if held is None:
        message = f"{pipeline.canary} is all that {pipeline.source.contract} admits: nothing would be in force"
        reporter.problem(PATH, message)
    return held


def candidate_of(
    reporter: Reporter, pipeline: Pipeline, family: ContractFamily, contracts: Contracts
) -> ContractFamily | None:
    """``family``, with the candidate of ``pipeline`` as its newest version; ``None`` without one."""
    if pipeline.canary is None:
        return None
    found = reporter.resolve(f"{family.subject}/{pipeline.canary}", PATH)
    if found is None:
        return None
    return ContractFamily(subject=family.subject, versions=(*family.versions, found.newest))


def build_candidate(
    pipeline: Pipeline,
    family: ContractFamily,
    candidates: ContractFamily,
    event_time: EventTime,
    reads: frozenset[str],
    registry: SchemaSource | None,
) -> Candidate:
    """The candidate; records are decoded again for it only where its columns have other forms."""
    contract = candidates.newest
    if contract.columns == family.newest.columns:
        return Candidate(contract=contract)
    codec = build_codec(pipeline.source, candidates, event_time, reads, registry)
    return Candidate(contract=contract, read=_reader(codec), start_batch=codec.start_batch)


def _reader(codec: Codec) -> Callable[[ChangeEvent], ChangeEvent]:
    def read(event: ChangeEvent) -> ChangeEvent:
        again = codec.decode(event.record)
        if again is None:
            return event
        parts = (again,) if codec.split is None else codec.split(again)
        return next((part for part in parts if part.operation is event.operation), again)

    return read
