"""Drafts: a schema that is to become the next version, and what that version is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.contracts import SchemaError, compile_validator
from streams.contracts.compatibility import Comparison, SchemaTextError
from streams.contracts.compatibility.versions import next_schemaver
from streams.contracts.documents import Document, DocumentError, parse_yaml, split_path
from streams.contracts.drafts import draft_of
from streams.errors import ConfigurationError, Problem

from .series import JSON, SchemaVersion, Series, compare_versions
from .steps import FIRST

_SELF = re.compile(r'"self"\s*:\s*\{[^{}]*\}')
_VERSION = re.compile(r'("version"\s*:\s*)"[^"]*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Bumped:
    """The version that a draft becomes."""

    version: SchemaVersion
    old: SchemaVersion | None
    """The version before; ``None`` for the first of a dataset."""
    comparison: Comparison | None

    @property
    def is_new(self) -> bool:
        """Whether anything changed."""
        return self.old is None or self.version.version != self.old.version


def bump(draft: str, file: str, dataset: str, series: Series | None, resources: Mapping[str, object]) -> Bumped:
    """The next version of ``dataset``: ``draft`` with its name; raises ``ConfigurationError`` with what is wrong."""
    value = _checked(draft, file, dataset, resources)
    old = None if series is None else series.versions[-1]
    if old is None:
        return Bumped(version=_named(draft, value, dataset, FIRST), old=None, comparison=None)
    candidate = _named(draft, value, dataset, old.version)
    try:
        comparison = compare_versions(old, candidate, resources)
    except SchemaTextError as error:
        raise ConfigurationError([Problem(file=file, message=str(error))]) from None
    step = comparison.bump
    if step == "none" and old.value != candidate.value:
        step = "addition"  # words for people: all old data is valid, and a published file never changes
    version = _named(draft, value, dataset, next_schemaver(old.version, step))
    return Bumped(version=version, old=old, comparison=comparison)


def _checked(draft: str, file: str, dataset: str, resources: Mapping[str, object]) -> dict[str, Any]:
    try:
        value = json.loads(draft)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigurationError([Problem(file=file, line=line, message="no valid JSON")]) from None
    try:
        document = parse_yaml(draft, file)
    except DocumentError:
        document = Document(file=file, value=value, lines={})
    problems = []
    if not isinstance(value, dict) or value.get("type") != "object":
        problems.append(document.problem(("type",), 'a row is an object: write "type": "object"'))
    elif isinstance(named := value.get("self"), dict):
        mine = dict(zip(("vendor", "name"), dataset.split("/"), strict=True)) | {"format": JSON}
        wrong = [part for part, held in mine.items() if named.get(part, held) != held]
        problems += [document.problem(("self", part), f"is not {mine[part]!r}: a draft of {dataset}") for part in wrong]
    try:
        compile_validator(value, resources=resources)
    except SchemaError as error:
        kind = f" (JSON Schema, {draft_of(value)})"
        problems += [document.problem(split_path(one.path), one.message + kind) for one in error.violations]
    if problems:
        raise ConfigurationError(problems)
    held: dict[str, Any] = value
    return held


def _named(draft: str, value: Mapping[str, Any], dataset: str, version: str) -> SchemaVersion:
    """The draft under its name, otherwise as it is written."""
    vendor, name = dataset.split("/")
    described = {"vendor": vendor, "name": name, "format": JSON, "version": version}
    wanted = {**value, "self": described}
    text = _SELF.sub(lambda found: _VERSION.sub(rf'\g<1>"{version}"', found[0]), draft, count=1)
    if json.loads(text) != wanted:
        first = {"$schema": value["$schema"]} if "$schema" in value else {}
        text = json.dumps({**first, "self": described, **wanted}, indent=2, ensure_ascii=False)
    text = text if text.endswith("\n") else text + "\n"
    file = f"{dataset}/{JSON}/{version}"
    return SchemaVersion(file=file, dataset=dataset, format=JSON, version=version, text=text)
