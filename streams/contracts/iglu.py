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
FORMATS = ("jsonschema", "avro", "protobuf")
"""What schemas are written in. Of a dataset in several, the first leads: names that say no format mean it."""


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
        raise ValueError("write it as iglu:vendor/name/jsonschema/1-*-* (MODEL-REVISION-ADDITION; or avro, protobuf)")
    subject = f"iglu:{match['vendor']}/{match['name']}/{match['format']}"
    return Criterion(subject=subject, version=match["version"])


def dataset_of(subject: str) -> str:
    """``vendor/name`` of a subject.

    >>> dataset_of("iglu:com.acme.shop/users/jsonschema")
    'com.acme.shop/users'
    """
    return "/".join(subject.removeprefix("iglu:").split("/")[:2])


def split_format(name: str) -> tuple[str, str | None]:
    """(``name`` without ``iglu:`` and its format, that format, where it says one).

    >>> split_format("iglu:com.acme.shop/users/avro/1-0-0")
    ('com.acme.shop/users/1-0-0', 'avro')
    """
    parts = name.removeprefix("iglu:").split("/")
    if len(parts) < 3 or parts[2] not in FORMATS:
        return "/".join(parts), None
    return "/".join([*parts[:2], *parts[3:]]), parts[2]


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
