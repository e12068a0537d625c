"""Steps: does the number of each version follow, and does it say what the change is?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streams.contracts.compatibility import Comparison, SchemaTextError
from streams.contracts.compatibility.versions import next_schemaver
from streams.contracts.documents import Path
from streams.errors import Problem

from .series import JSON, STEPS, SchemaVersion, Series, compare_versions, is_more, said_step

FIRST = "1-0-0"
MOST_TOLD = 3
"""Differences that a message names; ``streams contracts compare`` tells all."""
_VERSION: Path = ("self", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A version, the one before it, and what became of that."""

    old: SchemaVersion
    new: SchemaVersion
    comparison: Comparison

    @property
    def is_breaking(self) -> bool:
        """Data of the old version is refused by the new one."""
        return not self.comparison.backward


def gaps(series: Series) -> Iterator[Problem]:
    """Versions that do not follow the one before them."""
    first = series.versions[0]
    if first.version != FIRST:
        yield first.problem(_VERSION, f"a gap: nothing is before it; the first version is {FIRST}")
    for old, new in series.steps():
        following = [next_schemaver(old.version, step) for step in STEPS]
        if new.version not in following:
            message = f"a gap: after {old.version} comes {following[2]}, {following[1]} or {following[0]}"
            yield new.problem(_VERSION, message)


def steps_of(series: Series, resources: Mapping[str, object]) -> Iterator[Step]:
    """Each step of ``series`` whose texts can be compared; the loader tells of the others."""
    for old, new in series.steps():
        try:
            yield Step(old=old, new=new, comparison=compare_versions(old, new, resources))
        except SchemaTextError:
            continue


def wrong_bump(step: Step, *, has_migration: bool) -> Problem | None:
    """A version that says less than the change is, or more without a migration that says why."""
    said, asked = said_step(step.old.version, step.new.version), step.comparison.bump
    change = f"{step.old.version} to {step.new.version} says {said}, the change is {_article(asked)}"
    right = next_schemaver(step.old.version, asked)
    if is_more(asked, said):
        return step.new.problem(_VERSION, f"wrong bump: {change} ({told(step.comparison)}); it would be {right}")
    if is_more(said, "addition") and is_more(said, asked) and not has_migration and step.new.format == JSON:
        otherwise = f"if the meaning changed, say how in {migration_file(step.new)}"
        return step.new.problem(_VERSION, f"wrong bump: {change}; it would be {right}, or {otherwise}")
    return None


def _article(bump: str) -> str:
    return "none" if bump == "none" else f"{'an' if bump == 'addition' else 'a'} {bump}"


def told(comparison: Comparison) -> str:
    """The changes that break, by code and place."""
    breaking = [f"{one.code} {one.path}" for one in comparison.differences if one.breaks]
    more = f" and {len(breaking) - MOST_TOLD} more" if len(breaking) > MOST_TOLD else ""
    return ", ".join(breaking[:MOST_TOLD]) + more or "no change that would be seen in data"


def migration_file(version: SchemaVersion) -> str:
    """Where the migration to ``version`` is written."""
    return f"{version.dataset}/migrations/{version.version}.yaml"
