"""Schema watch: tables whose columns change are told of, beside their contracts. It never holds a capture up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg2

from streams.contracts import Contract, Contracts, read_contracts
from streams.records import Delivery

from ..log.pgoutput import ColumnShape, Relation
from ..options import CaptureOptions
from ..outgoing.envelope import TableTarget, encode_json
from ..postgres.catalog_facts import relation_now
from ..postgres.database import Database
from .changes import ChangeKind, ColumnChange, column_changes, contract_gaps, proposed_version

logger = logging.getLogger("streams.capture")

NameType = Callable[[ColumnShape], str]
"""A column's type in PostgreSQL's words."""
Current = Callable[[str], Relation | None]
"""A table as the catalog has it now; ``None``: it is not there, or the catalog cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaReport:
    """What has changed in a table, and what its contracts should become."""

    table: str
    changes: tuple[ColumnChange, ...]
    words: tuple[str, ...]
    """Each change as people read it."""
    proposals: tuple[tuple[str, str], ...]
    """(contract that there is, version that it asks for)."""

    @property
    def text(self) -> str:
        """``orders: column added: phone text; proposes 1-1-0 (iglu:…/orders/jsonschema/1-0-0)``."""
        proposed = [f"proposes {version} ({uri})" for uri, version in self.proposals]
        return f"{self.table}: {'; '.join([*self.words, *proposed])}"


class SchemaWatch:
    """Compares every shape of a table with the one before, and tables at the start with their contracts."""

    def __init__(self, contracts: Contracts | None, name_type: NameType, current: Current) -> None:
        self._contracts: dict[str, list[Contract]] = {}
        for family in () if contracts is None else contracts.families.values():
            name = family.subject.split("/")[-2]
            self._contracts.setdefault(name, []).append(family.newest)
        self._name_type = name_type
        self._current = current
        self._shapes: dict[str, tuple[ColumnShape, ...]] = {}
        self._at_start: dict[str, tuple[ColumnShape, ...]] = {}

    def start(self, relation: Relation) -> SchemaReport | None:
        """A table as the catalog has it now: what its contracts lack."""
        self._at_start[relation.table] = relation.columns
        gaps = [contract_gaps(relation, contract) for contract in self._contracts.get(relation.table, ())]
        changes = tuple({(change.kind, change.name): change for found in gaps for change in found}.values())
        return self._report(relation.table, changes) if changes else None

    def see(self, relation: Relation) -> SchemaReport | None:
        """A table as the log has it from here on; ``None``: as before, or not ours."""
        if relation.table not in self._at_start:
            return None
        before = self._shapes.get(relation.table)
        self._shapes[relation.table] = relation.columns
        if before is None:
            before = self._at_start[relation.table]
            if column_changes(before, relation.columns) and not self._is_now(relation):
                return None  # the log is from before the start: this is the first shape that we know
        changes = column_changes(before, relation.columns)
        return self._report(relation.table, changes) if changes else None

    def _is_now(self, relation: Relation) -> bool:
        now = self._current(relation.table)
        return now is not None and not column_changes(now.columns, relation.columns)

    def _report(self, table: str, changes: tuple[ColumnChange, ...]) -> SchemaReport:
        proposals = tuple(
            (contract.uri, version)
            for contract in self._contracts.get(table, ())
            if (version := proposed_version(changes, contract)) is not None
        )
        words = tuple(self._words(change) for change in changes)
        return SchemaReport(table=table, changes=changes, words=words, proposals=proposals)

    def _words(self, change: ColumnChange) -> str:
        before, after = (None if shape is None else self._name_type(shape) for shape in (change.before, change.after))
        match change.kind:
            case ChangeKind.ADDED:
                return f"column added: {change.name} {after}"
            case ChangeKind.DROPPED:
                return f"column dropped: {change.name}"
            case ChangeKind.RENAMED:
                return f"column renamed: {'' if change.before is None else change.before.name} to {change.name}"
            case ChangeKind.RETYPED:
                return f"column changed: {change.name} from {before} to {after}"

    def delivery(self, report: SchemaReport, topic: str, lsn: int, *, now_us: int) -> Delivery:
        """The record of a report; the key is the table, so that compaction keeps the newest."""
        value = {
            "table": report.table,
            "lsn": lsn,
            "ts_ms": now_us // 1_000,
            "changes": [_told(change, self._name_type) for change in report.changes],
            "columns": {column.name: self._name_type(column) for column in self._shapes.get(report.table, ())},
            "proposals": [{"contract": uri, "proposes": version} for uri, version in report.proposals],
        }
        key = encode_json({"table": report.table})
        return Delivery(topic=topic, key=key, value=encode_json(value), timestamp_ms=now_us // 1_000)


def _told(change: ColumnChange, name_type: NameType) -> dict[str, object]:
    return {
        "change": change.kind.value,
        "column": change.name,
        "was": None if change.before is None else change.before.name,
        "type": None if change.after is None else name_type(change.after),
        "type_before": None if change.before is None else name_type(change.before),
    }


def _known_contracts(options: CaptureOptions) -> Contracts | None:
    """Contracts in the folder of the options; what is wrong there is for ``streams contracts check`` to tell."""
    if options.schemas is None or not options.schemas.is_dir():
        return None
    contracts = read_contracts(options.schemas)
    if contracts.problems:
        logger.warning("contracts in %s have mistakes; streams contracts check tells them", options.schemas)
    return contracts


def open_watch(options: CaptureOptions, database: Database, targets: Mapping[str, TableTarget]) -> SchemaWatch:
    """The watch of a capture that starts."""
    return SchemaWatch(_known_contracts(options), _type_namer(database), _reader_of_shapes(database, targets))


def _reader_of_shapes(database: Database, targets: Mapping[str, TableTarget]) -> Current:
    def current(table: str) -> Relation | None:
        try:
            with database.session() as cursor:
                return relation_now(cursor, targets[table])
        except psycopg2.Error:
            return None

    return current


def _type_namer(database: Database) -> NameType:
    known: dict[tuple[int, int | None], str] = {}

    def name_type(column: ColumnShape) -> str:
        kind = column.type_oid, column.typmod
        if kind not in known:
            with database.session() as cursor:
                cursor.execute("SELECT format_type(%s, %s)", kind)
                known[kind] = str(cursor.fetchone()[0])
        return known[kind]

    return name_type
