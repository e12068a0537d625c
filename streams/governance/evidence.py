"""Evidence: what real records say of a candidate: how many it would refuse and why, and never their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.build import Dataset, SchemaFile, build_contracts
from streams.contracts.model import Contract, ContractFamily, Contracts
from streams.contracts.odcs import DatasetTerms, read_terms
from streams.contracts.registry import SchemaSource
from streams.errors import ConfigurationError, PipelineError, Problem
from streams.pipeline.canary.judge import NO_ROW, Cause, causes_of
from streams.pipeline.canary.plan import Candidate
from streams.pipeline.formats.codecs import REGISTERED_FORMATS, build_codec
from streams.pipeline.grammar import grammar_schema
from streams.pipeline.plan import Codec, EventTime
from streams.pipeline.spec import Source
from streams.records import ChangeEvent, SourceRecord

FORMATS: tuple[str, ...] = tuple(grammar_schema()["properties"]["source"]["properties"]["format"]["enum"])
NO_TIME = EventTime(column=None, read=None)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has been counted so far."""

    records: int = 0
    judged: int = 0
    """Rows that were held against the candidate; tombstones, deletes and heartbeats are none."""
    failed: int = 0
    """Of those, rows that the candidate refuses, or that cannot be read under it."""
    failed_before: int = 0
    """Of the failed, those that the old schema refuses as well."""
    causes: Counter[Cause] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """For a file that is gone on from later."""
        causes = [[code, path, rows] for (code, path), rows in self.causes.most_common()]
        return {"records": self.records, "judged": self.judged, "failed": self.failed,
                "failed_before": self.failed_before, "causes": causes}  # fmt: skip


def tally_of(held: Mapping[str, Any]) -> Tally:
    """What ``as_json`` gave; raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    counts = {name: int(held[name]) for name in ("records", "judged", "failed", "failed_before")}
    return Tally(**counts, causes=Counter({(str(code), str(path)): int(rows) for code, path, rows in held["causes"]}))


class Judge:
    """Holds records against a new schema, and those that it refuses against the old one."""

    def __init__(self, old: Contract, new: Contract, make_codec: Callable[[Contract], Codec]) -> None:
        self._codec = make_codec(new)
        self._new = Candidate(contract=new)
        # The form of a value may follow from the schema: each schema judges rows as they would be under it.
        self._old_codec = self._codec if old.columns == new.columns else make_codec(old)
        self._old = Candidate(contract=old)

    def judge(self, records: Iterable[SourceRecord], tally: Tally) -> None:
        """Count ``records`` into ``tally``."""
        for codec in (self._codec, self._old_codec):
            if codec.start_batch is not None:
                codec.start_batch()
        for record in records:
            tally.records += 1
            found = _causes(record, self._codec, self._new)
            tally.judged += len(found)
            for place, causes in enumerate(found):
                if causes:
                    tally.failed += 1
                    tally.causes.update(causes)
                    before = _causes(record, self._old_codec, self._old)
                    tally.failed_before += place < len(before) and bool(before[place])


def _causes(record: SourceRecord, codec: Codec, candidate: Candidate) -> list[Iterable[Cause]]:
    """For each row of ``record`` why it is refused."""
    try:
        event = codec.decode(record)
        if event is None:
            return []
        events: tuple[ChangeEvent, ...] = (event,) if codec.split is None else codec.split(event)
    except PipelineError as error:
        return [((error.reason, ""),)]
    return [causes_of(one, candidate) for one in events if one.operation not in NO_ROW]


def codec_maker(
    source: Source, family: ContractFamily | None, registry: SchemaSource | None
) -> Callable[[Contract], Codec]:
    """Decoders of ``source``'s format by contract; ``family``: versions that records may name.

    Raises ``ConfigurationError`` for a format that needs a registry where there is none.
    """
    if source.format in REGISTERED_FORMATS and registry is None:
        message = f"{source.format} names its schemas by id: set it to a registry's URL"
        raise ConfigurationError([Problem(file="STREAMS_REGISTRY", message=message)])

    def make(contract: Contract) -> Codec:
        others = () if family is None else tuple(one for one in family.versions if one.uri != contract.uri)
        versions = ContractFamily(subject=contract.subject, versions=(*others, contract))
        return build_codec(source, versions, NO_TIME, frozenset(), registry)

    return make


def contract_of(name: str, schema: Mapping[str, Any], text: str, subject: str, contracts: Contracts) -> Contract:
    """A schema as a contract, with the terms of ``subject`` where the folder has them.

    Raises ``ConfigurationError`` with what is wrong with the schema.
    """
    vendor, dataset, kind = subject.removeprefix("iglu:").split("/")
    named = schema.get("self")
    version = str(named.get("version", "1-0-0")) if isinstance(named, dict) else "1-0-0"
    described = {"vendor": vendor, "name": dataset, "format": kind, "version": version}
    file = SchemaFile(file=name, version=version, text=text, value={**schema, "self": described})
    document, problems = contracts.document_of(subject), list[Problem]()
    terms = DatasetTerms(file=name) if document is None else read_terms(document, [])
    resources = {one.uri: one.schema for family in contracts.families.values() for one in family.versions}
    described_by = Dataset(vendor=vendor, name=dataset, terms=terms, schemas=(file,), format=kind)
    built = build_contracts(described_by, resources, problems)
    if not built:
        raise ConfigurationError(problems)
    return built[0]
