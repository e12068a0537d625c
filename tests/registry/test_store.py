"""The store: a change is kept whole or not at all, and is on disk when it is kept."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from streams.contracts.registry import SchemaKind
from streams.registry.model import Change, Contents, StoredSchema, StoredVersion
from streams.registry.store import FILE, RegistryStore


def a_schema(number: int) -> StoredSchema:
    return StoredSchema(
        id=number, guid=f"guid-{number}", identity=f"identity-{number}", bare=f"identity-{number}",
        kind=SchemaKind.AVRO, text='"string"',
    )  # fmt: skip


def a_version(number: int, schema_id: int) -> StoredVersion:
    return StoredVersion(subject="user", version=number, schema_id=schema_id)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    change = Change(schemas=(a_schema(1),), versions=(a_version(1, 1),), settings={("", "mode"): "IMPORT"}, last_id=1)
    store = RegistryStore(tmp_path)
    store.write(change)
    store.close()

    assert RegistryStore(tmp_path).read() == Contents(
        schemas=change.schemas, versions=change.versions, settings=change.settings, last_id=1
    )


@pytest.mark.parametrize(
    "change",
    [
        Change(schemas=(a_schema(2), a_schema(1)), last_id=2),
        Change(schemas=(a_schema(2),), versions=(a_version(2, 3),), last_id=2),
        Change(settings={("", "mode"): "READONLY"}, forgotten_schemas=(1,)),
    ],
    ids=["an id twice", "a version of no schema", "a schema that is in use"],
)
def test_of_a_change_that_fails_nothing_is_kept(tmp_path: Path, change: Change) -> None:
    store = RegistryStore(tmp_path)
    store.write(Change(schemas=(a_schema(1),), versions=(a_version(1, 1),), last_id=1))
    before = store.read()

    with pytest.raises(sqlite3.IntegrityError):
        store.write(change)

    assert store.read() == before
    store.write(Change(versions=(a_version(2, 1),)))
    assert len(store.read().versions) == 2


def test_a_full_disk_keeps_nothing_of_a_change_and_spoils_nothing(tmp_path: Path) -> None:
    store = RegistryStore(tmp_path)
    store._file.execute("PRAGMA max_page_count = 12")
    store.write(Change(schemas=(a_schema(1),), last_id=1))
    before = store.read()

    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.write(Change(schemas=(replace(a_schema(2), text="x" * 100_000),), last_id=2))

    assert store.read() == before
    store._file.execute("PRAGMA max_page_count = 1000")
    store.write(Change(schemas=(a_schema(2),), last_id=2))
    assert store.read().last_id == 2


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    store = RegistryStore(tmp_path)

    (mode,), (synchronous,) = (
        store._file.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "synchronous")
    )

    assert (mode, synchronous) == ("wal", 2), "2 is FULL: the log is synced with each commit"
    assert (tmp_path / FILE).exists()
