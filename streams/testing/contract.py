"""Contract: a contract as tests of other teams use it, of services that send its rows and of those that read them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from streams.contracts import Contract, read_contracts
from streams.contracts.iglu import dataset_of
from streams.contracts.model import Contracts
from streams.contracts.registry import SchemaSource
from streams.errors import ConfigurationError
from streams.records import SourceRecord

from .checker import Checker, Fault, find_contract
from .mock import Miss, Mock
from .mock.records import FORMATS, Format, value_of

Sent = Mapping[str, Any] | str | bytes
"""What a service sends: the row, or the bytes or the text of a record."""
Row = dict[str, Any]
MOMENT_MS = 1_772_359_200_000
"""Mock rows are of before then (2026-03-01 10:00 UTC), so that they are the same in every run."""
_encode = msgspec.json.Encoder(decimal_format="number").encode


class ContractBrokenError(AssertionError):
    """What was sent does not honour its contract; says where and what, never a value."""

    def __init__(self, contract: str, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"does not honour {contract}:\n{listed}")


class ContractUnderTest:
    """One version of a contract: checks what a producer sends, makes what a consumer gets."""

    def __init__(
        self, dataset: str, schemas: str | Path, *, seed: int = 1, registry: SchemaSource | None = None
    ) -> None:  # fmt: skip
        self._contracts = _usable(schemas)
        self.contract: Contract = _found(dataset, self._contracts)
        self._registry = registry
        self._seed = seed
        self._checkers: dict[str, Checker] = {}

    @property
    def name(self) -> str:
        """``com.acme.shop/orders/1-0-0``."""
        return f"{dataset_of(self.contract.subject)}/{self.contract.version}"

    def faults(
        self, sent: Sent, *, format: str = "json", headers: Iterable[tuple[str, bytes]] = ()
    ) -> tuple[Fault, ...]:  # fmt: skip
        """What is wrong with ``sent``; empty: nothing is. Of something that holds no row, that it holds none."""
        record = SourceRecord(
            topic=self.name, partition=0, offset=0, timestamp_ms=0, key=None, value=_bytes(sent), headers=tuple(headers)
        )  # fmt: skip
        rows = tuple(self._checker(format).rows(record))
        return tuple(fault for faults in rows for fault in faults) if rows else (Fault(path="", code="no_row"),)

    def check(self, sent: Sent, *, format: str = "json", headers: Iterable[tuple[str, bytes]] = ()) -> None:
        """Raises ``ContractBrokenError`` with everything that is wrong."""
        if faults := self.faults(sent, format=format, headers=headers):
            raise ContractBrokenError(self.name, faults)

    def rows(self, count: int = 20) -> list[Row]:
        """Rows that the contract and its rules admit; the same in every run."""
        return self._mock().rows(self.contract.subject, count)

    def near_misses(self) -> list[Miss]:
        """For each rule that one row can break, a row that breaks it alone and by a hair."""
        return [miss for miss in self._mock().misses(self.contract.subject) if len(miss.rows) == 1]

    def record(self, row: Mapping[str, Any], format: Format = "rows", *, number: int = 0) -> bytes:
        """``row`` as the value of a record: ``rows`` (JSON), ``debezium-json`` or ``iglu-json``."""
        if format not in FORMATS:
            raise ValueError(f"a mock record is one of: {', '.join(FORMATS)}")
        return value_of(row, self.contract, format, number=number, at_ms=MOMENT_MS)

    def _mock(self) -> Mock:
        family = self._contracts.family(self.contract.subject)
        if family is None or self.contract is not family.newest:
            raise ValueError(f"rows are made of the newest version only, and {self.name} is not")
        return Mock(self._contracts, seed=self._seed, at_ms=MOMENT_MS)

    def _checker(self, form: str) -> Checker:
        if form not in self._checkers:
            now_ms = time.time_ns() // 1_000_000
            self._checkers[form] = Checker(
                self.contract, self._contracts, form=form, now_ms=now_ms, registry=self._registry
            )
        return self._checkers[form]


def _usable(schemas: str | Path) -> Contracts:
    contracts = read_contracts(schemas)
    if contracts.problems:
        raise ConfigurationError(contracts.problems)
    return contracts


def _found(dataset: str, contracts: Contracts) -> Contract:
    try:
        return find_contract(dataset, contracts)
    except LookupError as error:
        raise ValueError(str(error)) from None


def _bytes(sent: Sent) -> bytes:
    if isinstance(sent, bytes):
        return sent
    if isinstance(sent, str):
        return sent.encode()
    return _encode(sent)
