"""Messages: a capture that cannot go on says what to do, and shows no value and no password."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.capture.advice import about_kafka, about_postgres
from streams.capture.log.plugins import pgoutput_options
from streams.capture.options import CaptureError, CaptureOptions
from streams.capture.position import Position
from streams.capture.postgres.catalog import prepare_tables
from streams.capture.postgres.database import Database, Slot
from streams.embedded import EmbeddedPostgres, debian_postgres, postgres

from .process import CapturedDatabase, table_of

WRONG_USE = 2


def streams_capture(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "capture", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip


def prepare(database: CapturedDatabase, *tables: str, **keys: tuple[str, ...]) -> None:
    options = CaptureOptions(database=database.dsn, tables=tables, kafka={}, keys=keys)
    with Database(options, lambda: False).session() as cursor:
        prepare_tables(cursor, options)


# -- the command


def test_programs_get_what_a_capture_says_as_json_lines_on_stdout() -> None:
    done = streams_capture("--database", "postgresql://127.0.0.1:1/x", "--tables", "users", "--output", "json")

    (line,) = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, line["level"], "capture stopped" in done.stderr) == (1, "error", False)
    assert line["message"].startswith("capture stopped: cannot connect to the database")


@pytest.mark.integration
def test_progress_is_json_with_its_numbers(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users (id int PRIMARY KEY)", "INSERT INTO users SELECT generate_series(1, 7)")

    database.stop(database.started("users", "--output", "json"))

    lines = [json.loads(line) for line in database.log.splitlines()]
    (told,) = (line for line in lines if "table" in line)
    assert (told["table"], told["rows"], told["expected"], told["level"]) == ("users", 7, 7, "info")
    assert [line["message"].partition(" at ")[0] for line in lines[-1:]] == ["stopped"]


def test_help_says_what_it_needs_and_how_it_is_used() -> None:
    done = streams_capture("--help")

    assert done.returncode == 0
    for part in ("--database", "--tables", "--key", "--slot", "--metrics-port", "wal_level = logical", "kill -9",
                 "STREAMS_BROKERS", "streams capture --database postgresql://me@localhost/shop"):  # fmt: skip
        assert part in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tables", "users"], "name --database and --tables, or a --config"),
        (["--database", "postgresql://x"], "name --database and --tables, or a --config"),
        (["--database", "postgresql://x", "--tables", " , "], "--tables names no table"),
        (["--database", "postgresql://x", "--tables", "a", "--key", "b=id"], "--key names b, but --tables does not"),
        (["--database", "postgresql://x", "--tables", "a", "--topic", "b=t"], "--topic names b, but --tables does not"),
        (["--database", "postgresql://x", "--tables", "a", "--key", "a"], "write it as table=value"),
        (["--database", "postgresql://x", "--tables", "a", "--partitions", "0"], "--partitions"),
        (["--database", "postgresql://x", "--tables", "a", "--plugin", "wal2json", "--protocol", "2"],
         "--protocol is for --plugin pgoutput"),
        (["--database", "postgresql://x", "--tables", "a", "--wal2json-format", "1"], "is for --plugin wal2json"),
        (["--database", "postgresql://x", "--tables", "a", "--max-slot-lag", "much"], "such as 10GB or 512MB"),
        (["--database", "postgresql://x", "--tables", "a", "--drop-slot-beyond"], "needs --max-slot-lag"),
    ],
)
def test_wrong_use_is_told_with_exit_code_2(arguments: list[str], said: str) -> None:
    done = streams_capture(*arguments)

    assert (done.returncode, "Traceback" in done.stderr) == (WRONG_USE, False)
    assert said in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@[broken", "--database is no URL such as postgresql://user@host:5432/name"),
        ("postgresql://me:secret@127.0.0.1:1/shop", "cannot connect to the database"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_its_password(url: str, said: str) -> None:
    done = streams_capture("--database", url, "--tables", "users", STREAMS_BROKERS="127.0.0.1:1")

    assert (done.returncode, "Traceback" in done.stderr, "secret" in done.stderr) == (1, False, False)
    assert said in done.stderr


# -- Kafka and PostgreSQL


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (KafkaError._FENCED, "another capture has taken over slot orders; only one may run"),
        (KafkaError.INVALID_PRODUCER_EPOCH, "another capture has taken over slot orders; only one may run"),
        (KafkaError._TRANSPORT, "Kafka at kafka:9092 does not answer (_TRANSPORT); check STREAMS_BROKERS"),
        (KafkaError.MSG_SIZE_TOO_LARGE, "raise the topic's max.message.bytes"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "Kafka: TOPIC_AUTHORIZATION_FAILED"),
    ],
)
def test_an_error_of_kafka_says_what_to_do(code: int, said: str) -> None:
    assert said in about_kafka(KafkaException(KafkaError(code)), "orders", "kafka:9092")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (psycopg2.errors.InsufficientPrivilege("x"), "REPLICATION right"),
        (psycopg2.errors.ConfigurationLimitExceeded("x"), "raise max_replication_slots"),
        (psycopg2.errors.InsufficientPrivilege('library "wal2json" may not be used as an output plugin'),
         "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json; SELECT pg_reload_conf();"),
        (psycopg2.errors.UndefinedFile("x"), "apt-get install postgresql-<version>-wal2json"),
        (psycopg2.errors.AdminShutdown("row (7, secret)"), "PostgreSQL: AdminShutdown; start the capture again"),
    ],
)
def test_an_error_of_postgresql_says_what_to_do_and_not_what_the_server_wrote(error: psycopg2.Error, said: str) -> None:
    assert said in about_postgres(error)
    assert "secret" not in about_postgres(error)


# -- what must be put right in the database

TABLES = """
CREATE TABLE users(id bigint PRIMARY KEY, name text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE extra(id bigint PRIMARY KEY);
CREATE TABLE loose(word text);
CREATE TABLE indexed(id bigint PRIMARY KEY, sku text NOT NULL UNIQUE);
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_sku_key;
CREATE TABLE mute(id bigint PRIMARY KEY);
ALTER TABLE mute REPLICA IDENTITY NOTHING;
CREATE TABLE parted(id bigint PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
ALTER TABLE parted_low REPLICA IDENTITY FULL;
CREATE VIEW seen AS SELECT 1 AS id;
"""
FULL = "run: ALTER TABLE {} REPLICA IDENTITY FULL;"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("tables", "keys", "said"),
    [
        (("nowhere",), {}, "there is no table public.nowhere"),
        (("USERS",), {}, "there is no table public.USERS"),
        (("public.users",), {}, "'public.users' is no plain name; letters, digits and _ make one, without a schema"),
        (("seen",), {}, "public.seen is no table"),
        (("users",), {"users": ("nme",)}, "users has no column nme that is stored; correct --key"),
        (("users",), {"users": ("twice",)}, "users has no column twice that is stored; correct --key"),
        (("users",), {"users": ("name",)}, "users: a DELETE does not tell name; " + FULL.format('"users"')),
        (("loose",), {}, "its UPDATE and DELETE would fail; " + FULL.format('"loose"')),
        (("mute",), {}, "its UPDATE and DELETE would fail; " + FULL.format('"mute"')),
        (("indexed",), {}, "deleted rows by sku alone; name --key indexed=sku, or " + FULL.format('"indexed"')),
        (("parted",), {}, "parted: its partitions do not have the same REPLICA IDENTITY"),
    ],
)
def test_a_table_that_cannot_be_captured_is_told_with_the_statement_that_helps(
    database: CapturedDatabase, tables: tuple[str, ...], keys: dict[str, tuple[str, ...]], said: str
) -> None:
    database.sql(TABLES)

    with pytest.raises(CaptureError) as caught:
        prepare(database, *tables, **keys)

    assert said in str(caught.value)
    assert database.sql("SELECT pubname FROM pg_publication") == [], "nothing was made"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("publication", "said"),
    [
        (
            "FOR TABLE users",
            'publication streams lacks extra; run: ALTER PUBLICATION "streams" ADD TABLE public."extra";',
        ),
        (
            "FOR TABLE users (id), extra",
            "publication streams leaves out columns of users: use --mask for that, and run: ALTER PUBLICATION"
            ' "streams" DROP TABLE public."users"; ALTER PUBLICATION "streams" ADD TABLE public."users";',
        ),
        ("FOR TABLE users, extra WHERE (id > 7)", "publication streams leaves out rows of extra: use --filter for"),
        (
            "FOR TABLE users, extra WITH (publish = 'insert, update')",
            'publication streams leaves out delete, truncate; run: ALTER PUBLICATION "streams"'
            " SET (publish = 'insert, update, delete, truncate');",
        ),
    ],
)
def test_a_publication_that_says_too_little_is_told_with_the_statement_that_helps(
    database: CapturedDatabase, publication: str, said: str
) -> None:
    database.sql(TABLES, f"CREATE PUBLICATION streams {publication}")

    with pytest.raises(CaptureError) as caught:
        prepare(database, "users", "extra")

    assert said in str(caught.value)


@pytest.mark.integration
def test_a_publication_that_tells_of_partitions_is_refused_for_their_table(database: CapturedDatabase) -> None:
    database.sql(TABLES, "ALTER TABLE parted REPLICA IDENTITY FULL", "CREATE PUBLICATION streams FOR TABLE parted")

    with pytest.raises(CaptureError, match=r"SET \(publish_via_partition_root = true\);"):
        prepare(database, "parted")


@pytest.mark.integration
def test_a_publication_that_a_capture_made_gets_the_tables_that_are_named_later(database: CapturedDatabase) -> None:
    database.sql(TABLES)
    prepare(database, "users")

    prepare(database, "users", "extra")

    published = database.sql("SELECT tablename FROM pg_publication_tables ORDER BY 1")
    assert published == [("extra",), ("users",)]


@pytest.mark.integration
def test_a_publication_of_all_tables_will_do(database: CapturedDatabase) -> None:
    database.sql(TABLES, "CREATE PUBLICATION streams FOR ALL TABLES")

    prepare(database, "users", "extra")


@pytest.mark.integration
def test_a_database_without_a_logical_log_is_told_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.SETTINGS, "wal_level", "replica")
    options = CaptureOptions(database="", tables=("users",), kafka={})
    with (
        EmbeddedPostgres(tmp_path / "pg") as server,
        psycopg2.connect(server.dsn) as connection,
        pytest.raises(CaptureError, match=r"ALTER SYSTEM SET wal_level = 'logical'; and restart PostgreSQL"),
    ):
        prepare_tables(connection.cursor(), options)


# -- slots


def a_slot(*, plugin: str = "pgoutput", is_ours: bool = True, is_lost: bool = False) -> Slot:
    return Slot(plugin=plugin, is_ours=is_ours, is_lost=is_lost, confirmed_lsn=95)


BEGUN, FOLLOWING = Position(), Position(is_snapshot_done=True, end_lsn=0x1_0000_0095)
EXISTS = "slot orders exists, but application shop has no position of it in Kafka"


@pytest.mark.parametrize(
    ("slot", "position", "said"),
    [
        (None, FOLLOWING, "slot orders is gone, and with it the changes since 1/95; name a new one with --slot"),
        (a_slot(), None, EXISTS),
        (a_slot(plugin="wal2json"), FOLLOWING, "slot orders was made for wal2json, not for pgoutput; start with"),
        (a_slot(is_ours=False), BEGUN, EXISTS),
        (a_slot(is_lost=True), FOLLOWING, "slot orders is lost: PostgreSQL removed log that it needed"),
    ],
)
def test_a_slot_that_does_not_go_with_the_position_is_refused(
    slot: Slot | None, position: Position | None, said: str
) -> None:
    with pytest.raises(CaptureError, match=re.escape(said)):
        a_database().check_slot(slot, position)


@pytest.mark.parametrize(("slot", "position"), [(None, None), (None, BEGUN), (a_slot(), BEGUN), (a_slot(), FOLLOWING)])
def test_a_slot_that_goes_with_the_position_is_taken(slot: Slot | None, position: Position | None) -> None:
    a_database().check_slot(slot, position)


def a_database(dsn: str = "", slot: str = "orders") -> Database:
    options = CaptureOptions(database=dsn, tables=("users",), kafka={}, app="shop", slot=slot)
    return Database(options, lambda: False)


@pytest.mark.integration
def test_a_slot_that_somebody_else_reads_is_told_with_the_query_that_finds_them(
    database: CapturedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.capture.postgres.database.SLOT_PATIENCE_SECONDS", 0.0)
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)", "CREATE PUBLICATION streams FOR TABLE users")
    held = a_database(database.dsn, database.name)
    with closing(held.connect_replication()) as first, closing(held.connect_replication()) as second:
        lsn, _ = held.create_slot(first)
        position = Position(is_snapshot_done=True, end_lsn=lsn)
        told = pgoutput_options(CaptureOptions(database="", tables=(), kafka={}), held.version())
        held.start_replication(first, position, told)

        with pytest.raises(CaptureError, match=f"slot {database.name} is in use by another process; .*active_pid"):
            held.start_replication(second, position, told)


@pytest.mark.integration
def test_a_capture_asked_to_stop_while_its_slot_is_made_stops_and_leaves_none(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    with closing(psycopg2.connect(database.dsn)) as busy, busy.cursor() as cursor:
        cursor.execute("INSERT INTO users VALUES (1)")
        capture = database.start("users")
        slots = "SELECT 1 FROM pg_replication_slots"
        database.wait_until(lambda: database.sql(f"{slots} WHERE active"), "it waits", capture)

        assert database.stop(capture) == 0
        assert database.sql(slots) == []
        busy.commit()
    database.flush(database.started("users"))
    assert [record.op for record in database.told("users")] == ["r"]


def made_with_wal2json(dsn: str) -> str:
    """What is said where a server does not make a slot for wal2json."""
    options = CaptureOptions(database=dsn, tables=("users",), kafka={}, slot="refused", plugin="wal2json")
    database = Database(options, lambda: False)
    with closing(database.connect_replication()) as replication, pytest.raises(psycopg2.Error) as caught:
        database.create_slot(replication)
    return about_postgres(caught.value)


@pytest.mark.integration
def test_a_server_without_wal2json_is_told_what_to_install(postgres: EmbeddedPostgres) -> None:
    assert "the server has no wal2json; install it there" in made_with_wal2json(postgres.dsn)


@pytest.mark.integration
def test_a_server_that_does_not_let_wal2json_be_used_is_told_how_to(debian: EmbeddedPostgres, tmp_path: Path) -> None:
    with closing(psycopg2.connect(debian.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_settings WHERE name = 'output_plugin_libraries'")
        if cursor.fetchone() is None:
            pytest.skip("this server lets every plugin be used; install PostgreSQL 15.20 or later")
    with debian_postgres(tmp_path / "strict", settings={"output_plugin_libraries": "pgoutput"}) as strict:
        assert "run: ALTER SYSTEM SET output_plugin_libraries" in made_with_wal2json(strict.dsn)


@pytest.mark.integration
def test_a_second_capture_of_a_slot_takes_over_and_the_first_says_so(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    first = database.started("users")

    second = database.started("users")

    assert first.wait(60) == 1
    assert f"another capture has taken over slot {database.name}; only one may run" in database.log
    database.sql("INSERT INTO users VALUES (1)")
    database.flush(second)
    assert [record.op for record in database.told("users")] == ["c"]
    assert database.stop(second) == 0


@pytest.mark.integration
def test_a_capture_of_another_application_leaves_the_slot_alone(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    first = database.started("users")
    database.stop(first)

    other = database.start("users", app="other")

    assert other.wait(60) == 1
    assert f"slot {database.name} exists, but application other has no position of it in Kafka" in database.log
    database.sql("INSERT INTO users VALUES (1)")
    database.flush(database.started("users"))
    assert [record.op for record in database.told("users")] == ["c"]


@pytest.mark.integration
def test_a_slot_that_is_gone_is_told_with_the_way_on(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    database.stop(database.started("users"))
    database.sql(f"SELECT pg_drop_replication_slot('{database.name}')", "INSERT INTO users VALUES (1)")

    again = database.start("users")

    assert again.wait(60) == 1
    assert f"slot {database.name} is gone, and with it the changes since" in database.log
    fresh = database.started("users", slot=f"{database.name}_2")
    assert [row["id"] for row in table_of(database.told("users")).values()] == [1]
    assert database.stop(fresh) == 0


@pytest.mark.integration
def test_a_row_that_does_not_fit_into_a_record_is_told_by_its_topic_alone(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY, name text)")
    capture = database.started("users")
    database.sql("INSERT INTO users VALUES (1, repeat('secret', 4000000))")

    assert capture.wait(60) == 1
    assert f"a change for {database.topic('users')} is larger than Kafka takes" in database.log
    assert ("secret" in database.log, "Traceback" in database.log) == (False, False)
