"""What ``schemas/`` holds, as values: contracts, their versions and their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.errors import Problem

from .documents import Document
from .iglu import FORMATS, Criterion, dataset_of, parse_criterion, version_numbers
from .numbers import Recorded
from .validation import Validator


class ColumnType(Enum):
    """The type that expressions see, whatever the column's JSON looks like."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "numeric"
    DOUBLE = "double precision"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    BYTES = "bytea"
    OBJECT = "object"
    ARRAY = "array"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a dataset: its schema and what its contract adds."""

    name: str
    type: ColumnType
    nullable: bool = True
    json_types: frozenset[str] = frozenset()
    """JSON Schema types without ``null``; empty: any."""
    format: str | None = None
    physical_type: str | None = None
    """As the source database names it, such as ``numeric(12,2)``."""
    scale: int | None = None
    """Digits after the point of a decimal whose bytes do not say it."""
    unit: str | None = None
    """``s ms us ns`` of an integer timestamp or time, ``days`` of an integer date."""
    encoding: str | None = None
    """``base64``: decimals come as big-endian two's complement (Debezium's precise mode). Of bytes that come as text:
    ``base64`` (default), ``hex`` or ``base64url``."""
    items: Column | None = None
    """Of an array: what it holds, where its schema says so."""
    fields: Mapping[str, Column] = field(default_factory=dict)
    """Of an object: its own columns."""
    classification: str | None = None
    """Privacy class, such as ``pii``; of an object, its own or that of what is inside."""


MANY_SETS = 1_024
"""Sets of columns that a source leaves out: a table has a few, and only nonsense has more."""


class UnknownContractError(LookupError):
    """No version in ``schemas/`` is what a pipeline asks for."""

    def __init__(self, criterion: str, known: tuple[str, ...]) -> None:
        self.criterion = criterion
        self.subject = criterion.rpartition("/")[0]
        self.known = known
        super().__init__(f"no contract {criterion}; there are: {', '.join(known) or 'none'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One version of a dataset's contract."""

    uri: str
    """``iglu:vendor/name/jsonschema/M-R-A``; or ``avro``, ``protobuf``."""
    subject: str
    """``iglu:vendor/name/jsonschema``."""
    version: str
    key: tuple[str, ...]
    """Key columns in their order; empty: the dataset has no key."""
    columns: Mapping[str, Column]
    schema: Mapping[str, object]
    """What rows look like; of Avro and Protobuf, what their readers make of records."""
    validator: Validator
    compile_without: Callable[[frozenset[str]], Validator]
    text: str = field(default="", repr=False)
    """The schema as it is written in its file."""
    _without: dict[frozenset[str], Validator] = field(default_factory=dict, repr=False, compare=False)

    def validator_without(self, columns: frozenset[str]) -> Validator:
        """The same check with ``columns`` neither required nor checked; compiled once per set; many are forgotten."""
        validator = self._without.get(columns)
        if validator is None:
            if len(self._without) >= MANY_SETS:
                self._without.clear()
            validator = self._without[columns] = self.compile_without(columns)
        return validator

    @property
    def format(self) -> str:
        """``jsonschema``, ``avro`` or ``protobuf``."""
        return self.subject.rpartition("/")[2]

    @property
    def is_closed(self) -> bool:
        """The schema allows no unknown fields."""
        return self.schema.get("additionalProperties") is False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFamily:
    """The versions of one subject that a pipeline accepts."""

    subject: str
    versions: tuple[Contract, ...]
    """Oldest first; at least one."""

    @property
    def newest(self) -> Contract:
        """What holds for records that name no version."""
        return self.versions[-1]

    def version(self, version: str) -> Contract | None:
        """The contract of ``version``, if it is accepted."""
        for contract in self.versions:
            if contract.version == version:
                return contract
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """Everything in ``schemas/``."""

    folder: str
    families: Mapping[str, ContractFamily]
    """By subject, one of each dataset."""
    pipeline_texts: Mapping[str, str]
    """By file, relative to ``folder``: pipelines as written."""
    quality_texts: Mapping[str, str] = field(default_factory=dict)
    """By file: quality rules by dataset, as written."""
    contract_documents: Mapping[str, Document] = field(default_factory=dict)
    """By subject: the ``contract.yaml`` of datasets that have one."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the files; what they would say is missing above."""
    broken: frozenset[str] = frozenset()
    """Subjects that some of ``problems`` are about; none of their versions is above."""
    beside: Mapping[str, ContractFamily] = field(default_factory=dict)
    """By subject: datasets of ``families`` in further formats, for who names these."""
    numbers: Mapping[str, Recorded] = field(default_factory=dict)
    """By dataset: recorded numbers of Protobuf's fields."""

    def resolve(self, criterion: str) -> ContractFamily:
        """The versions that ``criterion`` admits; ``ValueError`` or ``UnknownContractError``."""
        wanted: Criterion = parse_criterion(criterion)
        family = self.family(wanted.subject)
        admitted = () if family is None else tuple(c for c in family.versions if wanted.admits(c.version))
        if not admitted:
            raise UnknownContractError(criterion, self._similar(wanted.subject))
        return ContractFamily(subject=wanted.subject, versions=admitted)

    def family(self, subject: str) -> ContractFamily | None:
        """All versions of ``subject``."""
        return self.families.get(subject) or self.beside.get(subject)

    def history_of(self, contract: Contract) -> tuple[Contract, ...]:
        """The versions up to ``contract``, oldest first."""
        family = self.family(contract.subject)
        own = version_numbers(contract.version)
        return tuple(one for one in family.versions if version_numbers(one.version) <= own) if family else (contract,)

    def numbers_of(self, contract: Contract) -> Recorded:
        """What is recorded of its dataset."""
        return self.numbers.get(dataset_of(contract.subject), {})

    def subject_of(self, dataset: str, format_name: str | None = None) -> str:
        """The subject that ``vendor/name`` means; ``format_name`` where one is asked for."""
        subjects = [f"iglu:{dataset}/{one}" for one in FORMATS]
        known = (one for one in subjects if one in self.families or one in self.broken)
        return f"iglu:{dataset}/{format_name}" if format_name else next(known, subjects[0])

    def document_of(self, subject: str) -> Document | None:
        """The ``contract.yaml`` of the subject's dataset."""
        return self.contract_documents.get(self.subject_of(dataset_of(subject)))

    def _similar(self, subject: str) -> tuple[str, ...]:
        family = self.family(subject)
        if family is not None:
            return tuple(contract.uri for contract in family.versions)
        return tuple(sorted(self.families))


def family_of(subject: str, contracts: list[Contract]) -> ContractFamily:
    """``contracts`` of one subject, oldest first."""
    ordered = sorted(contracts, key=lambda contract: version_numbers(contract.version))
    return ContractFamily(subject=subject, versions=tuple(ordered))


_PHYSICAL = re.compile(
    r"\s*(?P<name>[a-z][a-z0-9_ ]*?)\s*(?:\(\s*(?P<first>\d+)\s*(?:,\s*(?P<second>\d+)\s*)?\)\s*(?P<rest>[a-z ]*))?"
)


def split_physical_type(text: str | None) -> tuple[str, int | None, int | None]:
    """``numeric(12,2)`` as ("numeric", 12, 2); a type without arguments has ``None`` there.

    >>> split_physical_type("timestamp(3) with time zone")
    ('timestamp with time zone', 3, None)
    """
    match = _PHYSICAL.fullmatch((text or "").lower())
    if match is None:
        return (text or "").lower(), None, None
    first, second = match["first"], match["second"]
    name = " ".join(f"{match['name']} {match['rest'] or ''}".split())
    return name, None if first is None else int(first), None if second is None else int(second)
