"""Facts: what a data dictionary tells, whatever it looks like. All texts are as people wrote them: whoever shows them
escapes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.contracts import Difference
from streams.contracts.compatibility.model import Bump

Rows = tuple[Mapping[str, str], ...]
"""Lines of a table, with the same keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """One column, or one field in it."""

    path: str
    """Dotted; ``[]`` is inside of an array."""
    type: str
    may_lack: str
    """``no``, or ``null``, ``absent`` or both."""
    source: str
    """As the source database names it, with unit and scale."""
    rules: str
    classification: str
    description: str
    title: str = ""
    """What the business calls it, where the contract says so."""
    is_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """One version, and what it changed."""

    version: str
    before: str
    """The version before; empty: this is the first."""
    bump: Bump
    is_backward: bool
    is_forward: bool
    differences: tuple[Difference, ...] = ()
    up: Mapping[str, str] | None = None
    """Of a declared migration, by column how the new row's comes from the old one's; ``None``: there is none."""
    down: Mapping[str, str] | None = None

    @property
    def is_breaking(self) -> bool:
        """Old data is not read by it."""
        return not self.is_backward


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """One dataset."""

    name: str
    """``vendor/name``."""
    title: str
    description: str
    about: Mapping[str, str]
    """Owner, domain, status and what else the contract says in one line."""
    columns: tuple[ColumnFacts, ...]
    quality: Rows
    sla: Rows
    versions: tuple[VersionFacts, ...]
    """Newest first."""
    uses: Rows
    """Who reads and writes which versions."""
    origins: Rows
    """Columns that pipelines publish under it: where they come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineFacts:
    """One pipeline."""

    name: str
    topic: str
    contract: str
    outputs: tuple[str, ...]
    lineage: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word, and what it means where."""

    word: str
    meanings: tuple[tuple[str, str, str], ...]
    """(dataset, path of the column, description)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """All of it."""

    datasets: tuple[DatasetFacts, ...]
    pipelines: tuple[PipelineFacts, ...]
    terms: tuple[Term, ...]
