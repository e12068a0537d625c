"""Registering: what becomes of a schema that a client brings. Nothing is changed here: the change is a value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from streams.contracts.compatibility import SchemaTextError

from . import refusals, terms
from .catalog import LARGEST_NUMBER, Catalog
from .judge import judge, judge_next
from .kinds.language import LANGUAGES
from .model import Change, Draft, RegistryMode, StoredSchema, StoredVersion, compact


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Where a schema is now."""

    schema: StoredSchema
    version: StoredVersion
    change: Change | None = None
    """``None``: it was there."""


def prepare(catalog: Catalog, draft: Draft, *, normalize: bool) -> Draft:
    """``draft`` in the form that is kept, its references with numbers; raises ``RefusalError``."""
    language = LANGUAGES[draft.kind]
    numbered = tuple(
        replace(reference, version=_newest(catalog, reference.subject)) if reference.version == -1 else reference
        for reference in draft.references
    )
    draft = replace(draft, references=numbered)
    try:
        draft = language.read(draft)
        if normalize:
            draft = language.normalized(draft, catalog.needed(numbered))
            draft = replace(draft, references=tuple(sorted(numbered, key=lambda one: (one.name, one.subject))))
    except (SchemaTextError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refusals.bad_schema(_why(draft, error)) from None
    return draft


def identity_of(draft: Draft) -> str:
    """Equal for equal schemas: their text, what it refers to, metadata and rules."""
    try:
        text = LANGUAGES[draft.kind].identity(draft)
    except (SchemaTextError, RecursionError) as error:
        raise refusals.bad_schema(_why(draft, error)) from None
    references = [reference.shown() for reference in draft.references]
    whole = compact([draft.kind.value, text, references, draft.metadata, draft.rule_set])
    return hashlib.sha256(whole.encode()).hexdigest()


def bare(draft: Draft) -> Draft:
    """Without metadata and rules."""
    return replace(draft, metadata=None, rule_set=None)


def look_up(catalog: Catalog, subject: str, draft: Draft, *, deleted: bool) -> Registered:
    """The version of ``subject`` that ``draft`` is; raises 40401 and 40403."""
    catalog.known_versions(subject, deleted=deleted)
    found = _there(catalog, subject, draft, deleted=deleted)
    if found is None:
        raise refusals.no_schema()
    return found


def register(catalog: Catalog, subject: str, draft: Draft) -> Registered:
    """``draft`` as a version of ``subject``, as it was registered before if it was; raises ``RefusalError``."""
    found = already_there(catalog, subject, draft)
    if found is not None:
        return found
    terms.check_writable(catalog, subject)
    is_import = terms.mode_in_force(catalog, subject) is RegistryMode.IMPORT
    _check_numbers(subject, draft, is_import=is_import)
    _check(catalog, draft)
    if not is_import:
        _check_compatible(catalog, subject, draft)
    return as_new(catalog, subject, _with_inherited(catalog, subject, draft))


def already_there(catalog: Catalog, subject: str, draft: Draft) -> Registered | None:
    """The version that ``draft`` is, ``None``: it is new; raises 42207 where it shall have another id."""
    found = _there(catalog, subject, draft, deleted=False)
    if found is not None and draft.id is not None and draft.id != found.schema.id:
        raise refusals.other_id(found.schema.id, draft.id)
    return found


def as_new(catalog: Catalog, subject: str, draft: Draft, *, origin: str = "") -> Registered:
    """``draft`` as the next version, unasked."""
    number = _next_version(catalog, subject, draft)
    known = catalog.find(identity_of(draft))
    schema = known or _new_schema(catalog, draft)
    if known is not None and draft.id is not None and draft.id != known.id:
        raise refusals.other_id(known.id, draft.id)
    version = StoredVersion(subject=subject, version=number, schema_id=schema.id, origin=origin)
    change = Change(
        schemas=() if known else (schema,), versions=(version,), last_id=max(catalog.last_id, schema.id)
    )
    return Registered(schema=schema, version=version, change=change)


def is_allowed(catalog: Catalog, subject: str, draft: Draft, name: str | None) -> list[str]:
    """What speaks against ``draft`` as a version of ``subject``; ``name``: beside one version alone."""
    _check(catalog, draft)
    held = terms.config_in_force(catalog, subject)
    if name is None:
        return judge_next(catalog, subject, draft, held)
    if name in ("latest", "-1") and not catalog.versions(subject):
        return []
    try:
        version = catalog.version(subject, name)
    except refusals.RefusalError as error:
        raise refusals.no_version(name) if error.code == 40401 else error from None
    return judge(catalog, draft, (version,), held)


def guid_of(identity: str) -> str:
    """The same for the same schema, in whichever registry."""
    return str(UUID(bytes=hashlib.md5(identity.encode(), usedforsecurity=False).digest()))


def _there(catalog: Catalog, subject: str, draft: Draft, *, deleted: bool) -> Registered | None:
    """The newest version that ``draft`` is; who says no metadata and no rules means whichever there are."""
    identity, is_bare = identity_of(draft), draft.metadata is None and draft.rule_set is None
    for version in reversed(catalog.versions(subject, deleted=deleted)):
        schema = catalog.schema_of(version)
        if identity == (schema.bare if is_bare else schema.identity):
            return Registered(schema=schema, version=version)
    return None


def _with_inherited(catalog: Catalog, subject: str, draft: Draft) -> Draft:
    """What a version says of itself holds for the next one, unless that says something else."""
    versions = catalog.versions(subject)
    if not versions:
        return draft
    last = catalog.schema_of(versions[-1])
    metadata, rule_set = draft.metadata or last.metadata, draft.rule_set or last.rule_set
    return replace(draft, metadata=metadata, rule_set=rule_set)


def _check_numbers(subject: str, draft: Draft, *, is_import: bool) -> None:
    if is_import and draft.id is None:
        raise refusals.not_permitted(f"Subject {subject} is in import mode: a schema comes with its id")
    if not is_import and draft.id is not None:
        raise refusals.not_permitted(f"Subject {subject} is not in import mode: ids are given here")


def _check(catalog: Catalog, draft: Draft) -> None:
    try:
        LANGUAGES[draft.kind].check(draft, catalog.needed(draft.references))
    except (SchemaTextError, RecursionError) as error:
        raise refusals.bad_schema(_why(draft, error)) from None


def _check_compatible(catalog: Catalog, subject: str, draft: Draft) -> None:
    found = judge_next(catalog, subject, draft, terms.config_in_force(catalog, subject))
    if found:
        raise refusals.is_incompatible(subject, "[" + ", ".join(found) + "]")


def _next_version(catalog: Catalog, subject: str, draft: Draft) -> int:
    known = [version.version for version in catalog.versions(subject, deleted=True)]
    following = max(known, default=0) + 1
    if draft.version is None:
        return following
    if draft.id is None and draft.version != following:
        raise refusals.bad_schema(f"Version is not one more than previous version {following - 1}")
    if draft.version in known:
        raise refusals.not_permitted(f"Overwrite of version {draft.version} of subject {subject} is not permitted")
    return draft.version


def _new_schema(catalog: Catalog, draft: Draft) -> StoredSchema:
    identity = identity_of(draft)
    schema_id = catalog.last_id + 1 if draft.id is None else draft.id
    if draft.id is not None and catalog.has_schema(draft.id):
        raise refusals.not_permitted(f"Overwrite new schema with id {draft.id} is not permitted")
    if schema_id > LARGEST_NUMBER:
        raise refusals.not_permitted("All ids are given")
    kept: Mapping[str, Any] = {"metadata": draft.metadata, "rule_set": draft.rule_set, "serialized": draft.serialized}
    return StoredSchema(
        id=schema_id, guid=guid_of(identity), identity=identity, bare=identity_of(bare(draft)), kind=draft.kind,
        text=draft.text, references=draft.references, **kept,
    )  # fmt: skip


def _newest(catalog: Catalog, subject: str) -> int:
    versions = catalog.versions(subject)
    if not versions:
        raise refusals.bad_schema(f'No schema reference found for subject "{subject}"')
    return versions[-1].version


def _why(draft: Draft, error: Exception) -> str:
    """The kind, and what is wrong: never the schema's text."""
    if isinstance(error, RecursionError):
        return f"of type {draft.kind.value}: nested too deep"
    told = str(error) if isinstance(error, SchemaTextError) else type(error).__name__
    return f"of type {draft.kind.value}: {told}"
