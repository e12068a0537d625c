"""Judge: may a schema follow those before it? By Confluent's rules, which their registry would apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.contracts.compatibility import Comparison, Mode, SchemaTextError, compare
from streams.contracts.compatibility.compare import Rules

from .catalog import Catalog
from .kinds.language import LANGUAGES
from .model import Draft, StoredVersion

_RULES: Mapping[str, Rules] = {"STRICT": "confluent-strict", "LENIENT": "confluent-lenient"}
_BREAKS = {"backward": "the new schema does not read data of the old one",
           "forward": "the old schema does not read data of the new one"}  # fmt: skip


def judge_next(catalog: Catalog, subject: str, draft: Draft, terms: Mapping[str, Any]) -> list[str]:
    """What speaks against ``draft`` as the subject's next version; nothing: it may be."""
    level = Mode[terms["compatibilityLevel"]]
    versions = _of_group(catalog, catalog.versions(subject), draft, terms.get("compatibilityGroup"))
    asked = versions[::-1] if level.is_transitive else versions[-1:]
    return judge(catalog, draft, asked, terms)


def judge(catalog: Catalog, draft: Draft, asked: Sequence[StoredVersion], terms: Mapping[str, Any]) -> list[str]:
    """What speaks against ``draft`` beside the versions ``asked``, those of the first one that says no."""
    level = Mode[terms["compatibilityLevel"]]
    if level is Mode.NONE:
        return []
    for version in asked:
        found = _judge_one(catalog, draft, version, level, terms)
        if found:
            return [*found, f"{{oldSchemaVersion: {version.version}}}", f"{{compatibility: '{level.name}'}}"]
    return []


def _judge_one(
    catalog: Catalog, draft: Draft, version: StoredVersion, level: Mode, terms: Mapping[str, Any]
) -> list[str]:
    old = catalog.schema_of(version)
    if old.kind is not draft.kind:
        return [_told("SCHEMA_TYPE_CHANGED", f"{old.kind.value} became {draft.kind.value}", "#")]
    language = LANGUAGES[draft.kind]
    try:
        comparison = compare(
            old.text,
            draft.text,
            kind=language.word,
            rules=_RULES[terms.get("compatibilityPolicy", "STRICT")],
            resources=language.resources(draft, catalog.needed(draft.references)),
            old_resources=language.resources(old, catalog.needed(old.references)),
        )
    except SchemaTextError as error:
        return [_told("NOT_COMPARABLE", str(error), "#")]
    return [] if level.holds(comparison) else list(_reasons(comparison, level))


def _reasons(comparison: Comparison, level: Mode) -> Iterable[str]:
    name = level.value.removesuffix("_transitive")
    ways = ("backward", "forward") if name == "full" else (name,)
    for difference in comparison.differences:
        for way in ways:
            if way in difference.breaks:
                yield _told(difference.code, f"{difference.message}: {_BREAKS[way]}", difference.path)


def _told(code: str, description: str, path: str) -> str:
    return f"{{errorType:'{code}', description:'{description}', path:'{path}'}}"


def _of_group(
    catalog: Catalog, versions: list[StoredVersion], draft: Draft, group: str | None
) -> list[StoredVersion]:
    """Where a property of the metadata divides a subject's versions, those with the draft's value."""
    if group is None:
        return versions
    own = _property(draft.metadata, group)
    return [held for held in versions if _property(catalog.schema_of(held).metadata, group) == own]


def _property(metadata: Mapping[str, Any] | None, name: str) -> Any:
    return ((metadata or {}).get("properties") or {}).get(name)
