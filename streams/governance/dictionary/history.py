"""History: the versions of a dataset, what each changed, for whom that breaks, and how rows go over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from streams.contracts import Contract, Contracts
from streams.contracts.documents import DocumentError, parse_yaml
from streams.contracts.iglu import dataset_of

from ..files import Files
from ..series import compare_contracts
from .facts import VersionFacts


def versions_of(versions: tuple[Contract, ...], contracts: Contracts, files: Files) -> Iterator[VersionFacts]:
    """Newest first. The schemas are those that the loader took, so that they can be compared."""
    resources = {one.uri: one.schema for family in contracts.families.values() for one in family.versions}
    for old, new in reversed(list(pairwise(versions))):
        yield _change(old, new, resources, _migration(new, files))
    yield VersionFacts(version=versions[0].version, before="", bump="none", is_backward=True, is_forward=True)


def _change(
    old: Contract, new: Contract, resources: Mapping[str, object], migration: Mapping[str, Any] | None
) -> VersionFacts:
    found = compare_contracts(old, new, resources)
    return VersionFacts(
        version=new.version, before=old.version, bump=found.bump, is_backward=found.backward,
        is_forward=found.forward, differences=found.differences, up=_way(migration, "up"),
        down=_way(migration, "down"),
    )  # fmt: skip


def _way(migration: Mapping[str, Any] | None, way: str) -> Mapping[str, str] | None:
    if migration is None:
        return None
    return {str(name): str(text) for name, text in (migration.get(way) or {}).items()}


def _migration(new: Contract, files: Files) -> Mapping[str, Any] | None:
    """What is declared beside the schemas; ``contracts check`` says what is wrong with it."""
    place = dataset_of(new.subject)
    text = files.get(f"{place}/migrations/{new.version}.yaml")
    if text is None:
        return None
    try:
        value = parse_yaml(text.decode(errors="replace"), "").value
    except DocumentError:
        return None
    return value if isinstance(value, dict) else None
