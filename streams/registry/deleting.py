"""Deleting: softly, so that what was written is still read, or for good. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from . import refusals, terms
from .catalog import Catalog
from .model import Change, StoredVersion


def delete_subject(catalog: Catalog, subject: str, *, is_permanent: bool) -> tuple[list[int], Change]:
    """(versions that went, what changes); raises ``RefusalError``."""
    every = catalog.known_versions(subject, deleted=True)
    there = [version for version in every if not version.is_deleted]
    if is_permanent and there:
        raise refusals.subject_is_there(subject)
    if not is_permanent and not there:
        raise refusals.subject_is_deleted(subject)
    terms.check_writable(catalog, subject)
    going = every if is_permanent else there
    _check_unused(catalog, going, deleted=is_permanent)
    change = _forget(catalog, going) if is_permanent else _hide(going)
    # A subject that is registered anew begins with everybody's terms.
    settings = {(subject, terms.CONFIG): None, (subject, terms.MODE): None}
    return [version.version for version in going], replace(change, settings=settings)


def delete_version(catalog: Catalog, subject: str, name: str, *, is_permanent: bool) -> tuple[int, Change]:
    """(version that went, what changes); raises ``RefusalError``."""
    is_newest = name in ("latest", "-1")
    version = catalog.version(subject, name, deleted=not is_newest or is_permanent)
    if is_permanent and not version.is_deleted:
        raise refusals.version_is_there(subject, version.version)
    if not is_permanent and version.is_deleted:
        raise refusals.version_is_deleted(subject, version.version)
    terms.check_writable(catalog, subject)
    _check_unused(catalog, (version,), deleted=is_permanent)
    return version.version, _forget(catalog, (version,)) if is_permanent else _hide((version,))


def _hide(versions: Iterable[StoredVersion]) -> Change:
    return Change(versions=tuple(replace(version, is_deleted=True) for version in versions))


def _forget(catalog: Catalog, versions: Iterable[StoredVersion]) -> Change:
    """A schema goes with the last version that it is."""
    places = {(version.subject, version.version) for version in versions}
    used = {version.schema_id for version in versions}
    gone = [
        schema_id
        for schema_id in sorted(used)
        if {(held.subject, held.version) for held in catalog.places(schema_id, deleted=True)} <= places
    ]
    return Change(forgotten=tuple(sorted(places)), forgotten_schemas=tuple(gone))


def _check_unused(catalog: Catalog, versions: Iterable[StoredVersion], *, deleted: bool) -> None:
    """Raises 42206; ``deleted``: what is softly deleted counts, too, as it is still found by id."""
    for version in versions:
        if catalog.referrers(version.subject, version.version, deleted=deleted):
            raise refusals.is_referenced(version.subject, version.version)
