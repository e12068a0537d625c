"""Reading: records of a topic as rows, before there is a contract: with one that asks for nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from streams.contracts.build import Dataset, SchemaFile, build_contracts
from streams.contracts.iglu import parse_criterion, version_numbers
from streams.contracts.model import ContractFamily
from streams.contracts.odcs import DatasetTerms
from streams.contracts.registry import SchemaSource
from streams.errors import PipelineError
from streams.pipeline.formats.codecs import build_codec
from streams.pipeline.plan import Codec, EventTime
from streams.pipeline.spec import Source
from streams.records import ChangeEvent, SourceRecord

IGLU, DEBEZIUM, JSON = "iglu-json", "debezium-json", "json"
Read = Callable[[SourceRecord], tuple[ChangeEvent, ...] | None]
"""The events of a record; none of a tombstone or a heartbeat; ``None``: it cannot be read."""


class UnknownFormError(ValueError):
    """Nobody said how records are written, and they do not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfDescribed:
    """The schema that Iglu's events name."""

    vendor: str
    name: str
    version: str


def guess_format(records: Iterable[SourceRecord]) -> str:
    """The format of most ``records``; raises ``UnknownFormError``."""
    found = Counter(_form_of(record.value) for record in records if record.value)
    form = found.most_common(1)[0][0] if found else None
    if form is None:
        raise UnknownFormError("records are no JSON, or there are none: say what they are with --format")
    return form


def _form_of(value: bytes) -> str | None:
    held = _object_of(value)
    if held is None:
        return None
    if set(held) == {"schema", "data"} and isinstance(held["schema"], str) and held["schema"].startswith("iglu:"):
        return IGLU
    payload = held.get("payload") if set(held) == {"schema", "payload"} else held
    return DEBEZIUM if isinstance(payload, Mapping) and {"op", "source"} <= set(payload) else JSON


def _object_of(value: bytes) -> Mapping[str, Any] | None:
    try:
        held = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return held if isinstance(held, Mapping) else None


def described_by(records: Iterable[SourceRecord]) -> tuple[SelfDescribed, ...]:
    """The schemas that events name: of the dataset that most of them name, the versions, oldest first."""
    named = Counter(held for record in records if (held := _name_of(record.value or b"")) is not None)
    if not named:
        return ()
    most = named.most_common(1)[0][0]
    versions = (held for held in named if (held.vendor, held.name) == (most.vendor, most.name))
    return tuple(sorted(versions, key=lambda held: version_numbers(held.version)))


def _name_of(value: bytes) -> SelfDescribed | None:
    held = _object_of(value) or {}
    try:
        criterion = parse_criterion(str(held.get("schema")))
        version_numbers(criterion.version)
    except ValueError:
        return None
    _, vendor, name, _ = criterion.subject.replace("iglu:", "iglu:/", 1).split("/")
    return SelfDescribed(vendor=vendor, name=name, version=criterion.version)


def reader_of(source: Source, registry: SchemaSource | None, described: SelfDescribed | None = None) -> Read:
    """Reads records of ``source`` by a schema that admits everything; ``described``: what Iglu's events name."""
    named = described or SelfDescribed(vendor="drafts", name="rows", version="1-0-0")
    codec = build_codec(source, _anything(named), EventTime(column=None, read=None), frozenset(), registry)

    def read(record: SourceRecord) -> tuple[ChangeEvent, ...] | None:
        try:
            return _events(codec, record)
        except PipelineError:
            return None

    return read


def _events(codec: Codec, record: SourceRecord) -> tuple[ChangeEvent, ...]:
    event = codec.decode(record)
    if event is None:
        return ()
    return (event,) if codec.split is None else tuple(codec.split(event))


def _anything(named: SelfDescribed) -> ContractFamily:
    described = {"vendor": named.vendor, "name": named.name, "format": "jsonschema", "version": named.version}
    value = {"self": described, "type": "object"}
    file = SchemaFile(file="", version=named.version, text=json.dumps(value), value=value)
    dataset = Dataset(vendor=named.vendor, name=named.name, terms=DatasetTerms(file=""), schemas=(file,))
    return ContractFamily(subject=dataset.subject, versions=tuple(build_contracts(dataset, {}, [])))
