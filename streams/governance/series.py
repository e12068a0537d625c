"""Series: the versions of one schema in their order, and what each step from one to the next says and does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from streams.contracts import Contract
from streams.contracts.compatibility import BUMPS, Comparison, SchemaTextError, compare
from streams.contracts.compatibility.compare import Kind
from streams.contracts.compatibility.model import Bump
from streams.contracts.documents import Document, DocumentError, Path, parse_yaml
from streams.contracts.iglu import FORMATS, is_version, version_numbers
from streams.contracts.validation import check_schema
from streams.errors import Problem

from .files import Files
from .places import problem_at

JSON = "jsonschema"
KINDS: Mapping[str, Kind] = {JSON: "json", "avro": "avro", "protobuf": "protobuf"}
"""By folder, what the schemas in it are."""
STEPS: tuple[Bump, ...] = ("model", "revision", "addition")
"""Places of a version, MODEL-REVISION-ADDITION."""


@dataclass(frozen=True, kw_only=True)
class SchemaVersion:
    """One version of a schema, as its file says."""

    file: str
    dataset: str
    """``vendor/name``."""
    format: str
    version: str
    text: str

    @property
    def uri(self) -> str:
        """``iglu:vendor/name/format/M-R-A``."""
        return f"iglu:{self.dataset}/{self.format}/{self.version}"

    @cached_property
    def value(self) -> Any:
        """Of a JSON Schema, as any JSON reader has it; ``None`` for what is no JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def problem(self, path: Path, message: str) -> Problem:
        """A mistake at ``path``, with its line."""
        try:
            document = parse_yaml(self.text, self.file)
        except DocumentError:  # Protobuf, and JSON with a tab between tokens
            document = Document(file=self.file, value=None, lines={})
        return problem_at(document, path, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All versions of a dataset's schema in one format, oldest first."""

    dataset: str
    format: str
    versions: tuple[SchemaVersion, ...]

    def steps(self) -> Iterator[tuple[SchemaVersion, SchemaVersion]]:
        """Each version with the one before it."""
        return pairwise(self.versions)


def all_series(files: Files) -> tuple[Series, ...]:
    """What ``files`` hold; what is no text or has no version as its name is told by the loader."""
    found: dict[tuple[str, str], list[SchemaVersion]] = {}
    for file, content in files.items():
        version = version_of(file, content)
        if version is not None:
            found.setdefault((version.dataset, version.format), []).append(version)
    return tuple(
        Series(
            dataset=dataset,
            format=format_name,
            versions=tuple(sorted(held, key=lambda one: version_numbers(one.version))),
        )
        for (dataset, format_name), held in sorted(found.items())
    )


def is_published(file: str) -> bool:
    """Whether ``file`` is a version of a schema, which never changes."""
    parts = file.split("/")
    return len(parts) == 4 and parts[2] in KINDS and is_version(parts[3])


def version_of(file: str, content: bytes) -> SchemaVersion | None:
    """``file`` as a version of a schema; ``None`` if it is none, or no text."""
    if not is_published(file):
        return None
    vendor, name, format_name, version = file.split("/")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return SchemaVersion(file=file, dataset=f"{vendor}/{name}", format=format_name, version=version, text=text)


def resources_of(series: Iterable[Series]) -> Mapping[str, object]:
    """What a ``$ref`` may name, by URI."""
    versions = [version for one in series if one.format == JSON for version in one.versions]
    return {one.uri: one.value for one in versions if isinstance(one.value, dict) and not check_schema(one.value)}


def compare_contracts(old: Contract, new: Contract, resources: Mapping[str, object]) -> Comparison:
    """What became of ``old``, a version of the same subject, as the loader took both."""
    if new.format != JSON:
        return compare(old.text, new.text, kind=KINDS[new.format])
    return compare(old.schema, new.schema, resources=resources)


def leading_formats(series: Iterable[Series]) -> Mapping[str, str]:
    """By dataset the format that its name means."""
    found: dict[str, str] = {}
    for one in sorted(series, key=lambda held: FORMATS.index(held.format)):
        found.setdefault(one.dataset, one.format)
    return found


def said_step(old: str, new: str) -> Bump:
    """What a new version says of the change: the first number that differs."""
    pairs = zip(version_numbers(old), version_numbers(new), strict=True)
    return next((step for step, (was, now) in zip(STEPS, pairs, strict=True) if was != now), "none")


def is_more(one: Bump, other: Bump) -> bool:
    """Whether ``one`` is a larger step than ``other``."""
    return BUMPS.index(one) > BUMPS.index(other)


def compare_versions(old: SchemaVersion, new: SchemaVersion, resources: Mapping[str, object]) -> Comparison:
    """What became of ``old``; raises ``SchemaTextError``."""
    if new.format != JSON:
        return compare(old.text, new.text, kind=KINDS[new.format])
    if old.value is None or new.value is None:
        raise SchemaTextError("is no JSON")
    return compare(old.value, new.value, resources=resources)
