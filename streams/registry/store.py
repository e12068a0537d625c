"""Store: the registry's folder. A change is on disk, whole, before anybody hears of it.

SQLite in write-ahead mode: one transaction a change, synced to disk with its commit. One process at a time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from streams.contracts.registry import SchemaKind
from streams.errors import ConfigurationError, Problem

from .model import Change, Contents, Reference, StoredSchema, StoredVersion, compact

FILE = "registry.sqlite"
LAYOUT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS schemas (
  id INTEGER PRIMARY KEY, guid TEXT NOT NULL UNIQUE, identity TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  text TEXT NOT NULL, more TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS versions (
  subject TEXT NOT NULL, version INTEGER NOT NULL, schema_id INTEGER NOT NULL REFERENCES schemas (id),
  is_deleted INTEGER NOT NULL, origin TEXT NOT NULL, PRIMARY KEY (subject, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (
  subject TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (subject, name)
) STRICT, WITHOUT ROWID;
"""


class RegistryStore:
    """The file. Methods block; callers see to it that one change is written at a time."""

    def __init__(self, folder: Path) -> None:
        """Open ``folder``, made where it is missing; raises ``ConfigurationError``."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(folder / FILE, isolation_level=None, timeout=1, check_same_thread=False)
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError([Problem(file=str(folder), message=_told(error))]) from None

    def _open(self) -> None:
        file = self._file
        # Exclusive: a second process would count ids of its own.
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        file.execute("PRAGMA foreign_keys = ON")
        (layout,) = file.execute("PRAGMA user_version").fetchone()
        if layout not in (0, LAYOUT):
            raise sqlite3.DatabaseError(f"it has layout {layout}, this version reads {LAYOUT}")
        file.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;")

    def read(self) -> Contents:
        """Everything."""
        file = self._file
        settings = {
            (subject, name): json.loads(value)
            for subject, name, value in file.execute("SELECT subject, name, value FROM settings")
        }
        return Contents(
            schemas=tuple(map(_schema, file.execute("SELECT id, guid, identity, kind, text, more FROM schemas"))),
            versions=tuple(
                StoredVersion(subject=row[0], version=row[1], schema_id=row[2], is_deleted=bool(row[3]), origin=row[4])
                for row in file.execute("SELECT subject, version, schema_id, is_deleted, origin FROM versions")
            ),
            last_id=settings.pop(("", "last_id"), 0),
            settings=settings,
        )

    def write(self, change: Change) -> None:
        """Keep ``change``; when this returns it is on disk. Raises ``sqlite3.Error``, and then nothing is kept."""
        file = self._file
        file.execute("BEGIN IMMEDIATE")
        try:
            for statement, rows in _statements(change):
                file.executemany(statement, rows)
            file.execute("COMMIT")
        except BaseException:
            if file.in_transaction:
                file.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Leave the file to others."""
        self._file.close()


def _statements(change: Change) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    """In an order that the references between the tables allow."""
    yield "INSERT INTO schemas VALUES (?, ?, ?, ?, ?, ?)", map(_schema_row, change.schemas)
    yield (
        "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?)",
        ((held.subject, held.version, held.schema_id, int(held.is_deleted), held.origin) for held in change.versions),
    )
    yield "DELETE FROM versions WHERE subject = ? AND version = ?", change.forgotten
    yield "DELETE FROM schemas WHERE id = ?", ((schema_id,) for schema_id in change.forgotten_schemas)
    settings = dict(change.settings)
    if change.last_id is not None:
        settings["", "last_id"] = change.last_id
    kept = ((*scope, compact(value)) for scope, value in settings.items() if value is not None)
    yield "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", kept
    gone = (scope for scope, value in settings.items() if value is None)
    yield "DELETE FROM settings WHERE subject = ? AND name = ?", gone


def _schema_row(schema: StoredSchema) -> tuple[Any, ...]:
    more = {
        "references": [reference.shown() for reference in schema.references],
        "metadata": schema.metadata,
        "rule_set": schema.rule_set,
        "serialized": schema.serialized,
        "bare": schema.bare,
    }
    return schema.id, schema.guid, schema.identity, schema.kind.value, schema.text, compact(more)


def _schema(row: tuple[Any, ...]) -> StoredSchema:
    more = json.loads(row[5])
    references = tuple(Reference(**reference) for reference in more.pop("references"))
    return StoredSchema(
        id=row[0], guid=row[1], identity=row[2], kind=SchemaKind(row[3]), text=row[4], references=references, **more
    )


def _told(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "another registry serves this folder; stop it, or name another one with --data"
    return f"cannot be used as the registry's folder: {getattr(error, 'strerror', None) or error}"
