"""Debian's PostgreSQL: found where it has wal2json, told what to install where it is not, run beside Debian's own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from streams.embedded import EmbeddedPostgres, MissingToolError, debian_postgres


def test_without_wal2json_it_says_which_packages_to_install(tmp_path: Path) -> None:
    (tmp_path / "15" / "bin").mkdir(parents=True)
    (tmp_path / "15" / "bin" / "postgres").touch()

    with pytest.raises(MissingToolError, match="apt-get install postgresql-15 postgresql-15-wal2json"):
        debian_postgres(tmp_path / "data", root=tmp_path)


@pytest.mark.integration
def test_it_makes_slots_that_speak_wal2json(debian: EmbeddedPostgres) -> None:
    with closing(psycopg2.connect(debian.dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT lsn FROM pg_create_logical_replication_slot('trial', 'wal2json', true)")
            assert cursor.fetchone() is not None
