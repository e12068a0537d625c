"""The plan of a canary: the candidate, and how records would be read under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streams.contracts.model import Contract, ContractFamily
from streams.records import ChangeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version of the contract that is not in force."""

    contract: Contract
    read: Callable[[ChangeEvent], ChangeEvent] | None = None
    """An event as it would be if the candidate were in force, which may decide the form of a value; ``None``: the same.

    Raises ``PipelineError``.
    """
    start_batch: Callable[[], None] | None = None
    """Called before the events of a batch."""


def in_force(family: ContractFamily, canary: str | None) -> ContractFamily | None:
    """``family`` without its candidate; ``None`` where nothing is left."""
    if canary is None:
        return family
    versions = tuple(contract for contract in family.versions if contract.version != canary)
    return ContractFamily(subject=family.subject, versions=versions) if versions else None
