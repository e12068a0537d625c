"""Drafts: a schema that is to become the next version, and what that version is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import Any

from streams.contracts import SchemaError, compile_validator
from streams.contracts.compatibility import Comparison, SchemaTextError
from streams.contracts.compatibility.versions import next_schemaver
from streams.contracts.documents import Document, DocumentError, Path, parse_yaml, split_path
from streams.contracts.drafts import draft_of
from streams.errors import ConfigurationError, Problem

from .places import problem_at
from .series import JSON, SchemaVersion, Series, compare_versions
from .steps import FIRST

_SELF = re.compile(r'"self"\s*:\s*\{[^{}]*\}')
_VERSION = re.compile(r'("version"\s*:\s*)"[^"]*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A schema that is to be published."""

    file: str
    dataset: str
    """``vendor/name``."""
    format: str
    text: str

    def as_version(self, version: str) -> SchemaVersion:
        """The draft as it is written, as a version."""
        return SchemaVersion(
            file=f"{self.dataset}/{self.format}/{version}",
            dataset=self.dataset,
            format=self.format,
            version=version,
            text=self.text if self.text.endswith("\n") else self.text + "\n",
        )


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


def format_of(file: str) -> str:
    """What a draft is, by its name."""
    return {".avsc": "avro", ".proto": "protobuf"}.get(PurePath(file).suffix, JSON)


def bump(draft: Draft, series: Series | None, resources: Mapping[str, object]) -> Bumped:
    """The next version of a dataset: the draft with its name; raises ``ConfigurationError`` with what is wrong."""
    named: Callable[[str], SchemaVersion] = draft.as_version
    if draft.format == JSON:
        named = partial(_named, draft, _checked(draft, resources))
    old = None if series is None else series.versions[-1]
    first = named(FIRST if old is None else old.version)
    try:
        comparison = compare_versions(old or first, first, resources)
    except SchemaTextError as error:
        raise ConfigurationError([Problem(file=draft.file, line=1, message=str(error))]) from None
    if old is None:
        return Bumped(version=first, old=None, comparison=None)
    step = comparison.bump
    if step == "none" and not _is_same(old, first):
        step = "addition"  # words for people: all old data is valid, and a published file never changes
    return Bumped(version=named(next_schemaver(old.version, step)), old=old, comparison=comparison)


def _is_same(old: SchemaVersion, new: SchemaVersion) -> bool:
    return old.text == new.text if old.format != JSON else old.value == new.value


def _checked(draft: Draft, resources: Mapping[str, object]) -> dict[str, Any]:
    """What a draft of rows says."""
    try:
        value = json.loads(draft.text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigurationError([Problem(file=draft.file, line=line, message="no valid JSON")]) from None
    try:
        document = parse_yaml(draft.text, draft.file)
    except DocumentError:
        document = Document(file=draft.file, value=value, lines={})
    problems = [problem_at(document, path, message) for path, message in _faults(draft, value, resources)]
    if problems:
        raise ConfigurationError(problems)
    held: dict[str, Any] = value
    return held


def _faults(draft: Draft, value: Any, resources: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, dict) or value.get("type") != "object":
        yield ("type",), 'a row is an object: write "type": "object"'
    elif isinstance(named := value.get("self"), dict):
        mine = dict(zip(("vendor", "name"), draft.dataset.split("/"), strict=True)) | {"format": JSON}
        for part, wanted in mine.items():
            if named.get(part, wanted) != wanted:
                yield ("self", part), f"is not {wanted!r}: a draft of {draft.dataset}"
    try:
        compile_validator(value, resources=resources)
    except SchemaError as error:
        kind = f" (JSON Schema, {draft_of(value)})"
        yield from ((split_path(one.path), one.message + kind) for one in error.violations)


def _named(draft: Draft, value: Mapping[str, Any], version: str) -> SchemaVersion:
    """The draft under its name, otherwise as it is written."""
    vendor, name = draft.dataset.split("/")
    described = {"vendor": vendor, "name": name, "format": JSON, "version": version}
    wanted = {**value, "self": described}
    text = _SELF.sub(lambda found: _VERSION.sub(rf'\g<1>"{version}"', found[0]), draft.text, count=1)
    if json.loads(text) != wanted:
        first = {"$schema": value["$schema"]} if "$schema" in value else {}
        text = json.dumps({**first, "self": described, **wanted}, indent=2, ensure_ascii=False)
    return replace(draft, text=text).as_version(version)
