"""Iglu's names of schemas: ``iglu:vendor/name/format/M-R-A``, and criteria such as ``1-*-*``.

Source: the meta-schema of self-describing JSON and SchemaVer (MODEL-REVISION-ADDITION, first is 1-0-0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUBJECT = r"iglu:(?P<vendor>[a-zA-Z0-9-_.]+)/(?P<name>[a-zA-Z0-9-_]+)/(?P<format>[a-zA-Z0-9-_]+)"
_NUMBER = r"(?:0|[1-9][0-9]*)"
_CRITERION = re.compile(_SUBJECT + rf"/(?P<version>(?:[1-9][0-9]*|\*)-(?:{_NUMBER}|\*)-(?:{_NUMBER}|\*))")
_VERSION = re.compile(rf"[1-9][0-9]*-{_NUMBER}-{_NUMBER}")
_VENDOR = re.compile(r"[a-zA-Z0-9-_.]+")
_NAME = re.compile(r"[a-zA-Z0-9-_]+")

VersionNumbers = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A subject and the versions of it that are meant."""

    subject: str
    """``iglu:vendor/name/format``."""
    version: str
    """``M-R-A``, any part may be ``*``."""

    def admits(self, version: str) -> bool:
        """Whether ``version`` is meant."""
        parts = zip(self.version.split("-"), version.split("-"), strict=True)
        return all(wanted in ("*", found) for wanted, found in parts)


def parse_criterion(text: str) -> Criterion:
    """The criterion in ``text``; ``ValueError`` says how one is written."""
    match = _CRITERION.fullmatch(text)
    if match is None:
        raise ValueError("write it as iglu:vendor/name/jsonschema/1-*-* (MODEL-REVISION-ADDITION)")
    subject = f"iglu:{match['vendor']}/{match['name']}/{match['format']}"
    return Criterion(subject=subject, version=match["version"])


def is_version(text: str) -> bool:
    """Whether ``text`` is a full SchemaVer."""
    return _VERSION.fullmatch(text) is not None


def is_vendor(text: str) -> bool:
    """Whether ``text`` can be the vendor of a schema."""
    return _VENDOR.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether ``text`` can be the name of a schema."""
    return _NAME.fullmatch(text) is not None


def version_numbers(version: str) -> VersionNumbers:
    """(model, revision, addition), for sorting."""
    model, revision, addition = version.split("-")
    return int(model), int(revision), int(addition)
