"""Snapshots while others write and captures are killed: the topic ends with the database's rows, for any reader."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg2
import pytest

from .process import CapturedDatabase, Told, resolved
from .writers import writing

pytestmark = pytest.mark.integration

ROWS = 20_000
SMALL = ("--partitions", "1", "--snapshot-rows", "200")
"""One partition, so that the old and the new key of a row are in order; many chunks."""
SCHEMA = f"""
CREATE TABLE parts(shop int, id bigint, word text, note text, PRIMARY KEY (shop, id));
ALTER TABLE parts ALTER COLUMN note SET STORAGE EXTERNAL;
INSERT INTO parts SELECT i % 3, i, 'first', CASE WHEN i % 4 = 0 THEN repeat(i::text || ' ', 500) END
  FROM generate_series(1, {ROWS}) i;
"""
SIGNAL_TABLE = "CREATE TABLE dbz_signal(id text PRIMARY KEY, type text NOT NULL, data text)"
EXECUTE = """INSERT INTO dbz_signal VALUES ('{}', 'execute-snapshot',
  '{{"data-collections": ["public.parts"], "type": "incremental"}}')"""

ASK = """SELECT pg_logical_emit_message(true, 'streams-signal',
  '{"id": "1", "type": "%s", "data": {"data-collections": ["public.parts"]}}')"""


def change(cursor: Any, chance: random.Random, number: int) -> None:
    """A row of those that ``number`` has to itself comes, changes, goes, or moves: far before or behind the others."""
    key = chance.randrange(ROWS) // 3 * 3 + number
    match chance.randrange(8):
        case 0:
            cursor.execute(
                "INSERT INTO parts VALUES (%s, %s, 'came', %s)", (chance.randrange(3), new_key(chance), "z" * 3_000)
            )
        case 1:
            cursor.execute("DELETE FROM parts WHERE id = %s", (key,))
        case 2:
            cursor.execute("UPDATE parts SET note = %s WHERE id = %s", ("n" * chance.randrange(4_000), key))
        case 3:
            cursor.execute("UPDATE parts SET shop = shop - 5, word = 'moved ahead' WHERE id = %s", (key,))
        case 4:
            cursor.execute("UPDATE parts SET shop = shop + 5, word = 'moved behind' WHERE id = %s", (key,))
        case _:
            cursor.execute("UPDATE parts SET word = %s WHERE id = %s", (f"w{chance.randrange(99)}", key))


def hot(cursor: Any, chance: random.Random, number: int) -> None:
    """Few rows change often, and their long values never."""
    cursor.execute("UPDATE parts SET word = %s WHERE shop = %s", (f"w{chance.randrange(99)}", number))


def new_key(chance: random.Random) -> int:
    return chance.randrange(10_000_000, 10_000_000_000)


def writers(
    database: CapturedDatabase, change: Callable[[Any, random.Random, int], None] = change
) -> AbstractContextManager[Callable[[], int]]:
    """Connections that change parts all the time; gives how many transactions there were."""

    def transact(cursor: Any, chance: random.Random, number: int) -> None:
        for _ in range(chance.choice((1, 3, 10))):
            change(cursor, chance, number)

    return writing(database, transact, pause_s=0.01)


def parts_of(database: CapturedDatabase) -> dict[str, Any]:
    rows = [json.loads(text) for (text,) in database.sql("SELECT to_jsonb(p)::text FROM parts p")]
    return {json.dumps({"shop": row["shop"], "id": row["id"]}): row for row in rows}


def reads_of(told: list[Told]) -> list[Told]:
    return [record for record in told if record.op == "r"]


def rows_said(database: CapturedDatabase) -> int:
    """Rows of the snapshot that the captures have told of, as their log says."""
    said = re.findall(r"snapshot of parts: ([\d,]+) ", database.log)
    return int(said[-1].replace(",", "")) if said else 0


def markers_of(told: list[Told]) -> list[str]:
    return [record.value["source"]["snapshot"] for record in reads_of(told)]


def test_a_snapshot_killed_again_and_again_under_load_ends_with_the_databases_rows(database: CapturedDatabase) -> None:
    database.sql(SCHEMA)
    chance, cut = random.Random(7), [0]
    with writers(database):
        for _ in range(4):
            capture = database.start("parts", *SMALL)
            # By the rows of the snapshot: on a slow machine any number of changes come before the first of them.
            enough = max(cut[-1], rows_said(database)) + chance.randrange(2_000, 3_000)
            database.wait_until(lambda: rows_said(database) > enough, "rows come", capture)  # noqa: B023
            database.kill(capture)
            cut.append(len(reads_of(database.told("parts"))))
        capture = database.started("parts", *SMALL)
    database.flush(capture)

    told = database.told("parts")
    assert resolved(told) == parts_of(database)
    # The first may die before its first transaction is committed: what is told is not stored yet. On a busy machine the
    # last may have ended before it is killed.
    count = len(reads_of(told))
    assert cut == sorted(cut) and count < ROWS * 1.2, "each went on after the one before"
    assert any(0 < place < count for place in cut), "one was killed on its way"


def test_rows_that_change_while_they_are_read_are_whole_though_the_log_did_not_send_all(
    database: CapturedDatabase,
) -> None:
    database.sql(SCHEMA, "UPDATE parts SET note = repeat('long ', 600)", "DELETE FROM parts WHERE id > 400")
    with writers(database, hot):
        capture = database.started("parts", "--partitions", "1")
    database.flush(capture)

    told = database.told("parts")
    assert resolved(told) == parts_of(database)
    assert any(record.value["after"]["word"] != "first" for record in reads_of(told)), "some were told as newer"


def test_a_signal_has_a_table_read_again_while_the_log_is_followed_also_over_kills(database: CapturedDatabase) -> None:
    database.sql(SCHEMA, SIGNAL_TABLE)
    options = (*SMALL, "--signal-table", "public.dbz_signal")
    capture = database.started("parts", *options)
    with writers(database):
        database.sql(EXECUTE.format(1))
        for _ in range(3):
            enough = database.size("parts") + 1_500
            database.wait_until(lambda: database.size("parts") > enough, "rows come", capture)  # noqa: B023
            database.kill(capture)
            capture = database.started("parts", *options)
        database.wait_until(lambda: database.log.count("rows, all told") == 2, "it is read", capture)
    database.flush(capture)

    told = database.told("parts")
    again = [record for record in reads_of(told) if record.value["source"]["snapshot"] == "incremental"]
    assert resolved(told) == parts_of(database)
    assert len({json.dumps(record.key) for record in again}) > ROWS * 0.5
    sources = [record.value["source"] for record in again]
    assert {(source["lsn"], source["txId"]) for source in sources} == {(None, None)}
    assert {record.value["transaction"] for record in again} == {None}
    assert [part for source in sources for part in json.loads(source["sequence"]) if not part.isdigit()] == []
    assert database.stop(capture) == 0


@pytest.mark.parametrize("form", ["1", "2"])
def test_snapshots_and_signals_work_with_wal2json_as_well(wal2json_database: CapturedDatabase, form: str) -> None:
    database = wal2json_database
    database.sql(SCHEMA, SIGNAL_TABLE)
    options = (*SMALL, "--plugin", "wal2json", "--wal2json-format", form, "--signal-table", "dbz_signal")
    with writers(database):
        capture = database.start("parts", *options)
        database.wait_until(lambda: database.size("parts") > 3_000, "rows come", capture)
        database.kill(capture)
        capture = database.started("parts", *options)
        database.sql(EXECUTE.format(1))
        database.wait_until(lambda: database.log.count("rows, all told") == 2, "it is read twice", capture)
    database.flush(capture)

    told = database.told("parts")
    assert resolved(told) == parts_of(database)
    assert {"true", "incremental"} < set(markers_of(told))


def test_a_commit_that_the_log_has_and_no_snapshot_shows_yet_is_waited_for(database: CapturedDatabase) -> None:
    database.sql(
        "CREATE TABLE parts(id int PRIMARY KEY, word text)",
        "INSERT INTO parts VALUES (1, 'old')",
        f"ALTER DATABASE {database.name} SET synchronous_commit = local",
    )
    capture = database.started("parts")
    with a_standby_that_does_not_answer(database):
        committing = threading.Thread(target=update_slowly, args=(database.dsn,))
        committing.start()
        database.wait_until(lambda: database.told("parts")[-1].op == "u", "the log tells it", capture)
        assert database.sql("SELECT word FROM parts") == [("old",)]
        database.sql(ASK % "execute-snapshot")
        database.flush(capture)
    committing.join()
    database.wait_until(lambda: database.told("parts")[-1].op == "r", "it is read", capture)

    assert [record.value["after"]["word"] for record in database.told("parts")] == ["old", "new", "new"]


def update_slowly(dsn: str) -> None:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("UPDATE parts SET word = 'new'")
    connection.close()


@contextmanager
def a_standby_that_does_not_answer(database: CapturedDatabase) -> Iterator[None]:
    """Commits are in the log, and not seen by anybody, as long as this lasts."""
    reload = "SELECT pg_reload_conf()"
    database.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", reload)
    try:
        database.wait_until(lambda: database.sql("SHOW synchronous_standby_names") == [("nobody",)], "it is set")
        yield
    finally:
        database.sql("ALTER SYSTEM RESET synchronous_standby_names", reload)


def test_a_message_asks_for_a_snapshot_and_a_stop_ends_it(database: CapturedDatabase) -> None:
    database.sql(SCHEMA)
    capture = database.started("parts", "--snapshot-rows", "20")
    before = len(database.told("parts"))
    database.sql(ASK % "execute-snapshot")
    database.wait_until(lambda: database.size("parts") > before + 100, "rows come", capture)

    database.sql(ASK % "pause-snapshot")
    database.flush(capture)
    paused = len(database.told("parts"))
    database.sql(ASK % "resume-snapshot")
    database.wait_until(lambda: database.size("parts") > paused + 100, "it goes on", capture)
    database.sql(ASK % "stop-snapshot")
    database.flush(capture)

    told = database.told("parts")
    assert before < len(told) < before + ROWS
    assert database.stop(capture) == 0


def test_a_table_that_comes_later_to_tables_gets_its_snapshot(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE old(id int PRIMARY KEY)", "INSERT INTO old VALUES (1)")
    database.stop(database.started("old"))
    database.sql("CREATE TABLE parts(id int PRIMARY KEY)", "INSERT INTO parts SELECT generate_series(1, 500)")

    capture = database.started("old,parts")
    database.sql("INSERT INTO parts VALUES (501)")
    database.wait_until(lambda: database.size("parts") >= 501, "it is read", capture)
    database.flush(capture)
    database.stop(capture)
    database.flush(database.started("old,parts"))

    told = database.told("parts")
    assert Counter(record.op for record in told) == {"r": 500, "c": 1}
    assert set(markers_of(told)) == {"incremental"}
    assert [record.op for record in database.told("old")] == ["r"]


def test_the_first_snapshot_has_debeziums_markers_also_when_it_was_killed(database: CapturedDatabase) -> None:
    database.sql(
        SCHEMA,
        "CREATE TABLE one(id int PRIMARY KEY)",
        "INSERT INTO one VALUES (1)",
        "CREATE TABLE many(id int PRIMARY KEY)",
        "INSERT INTO many SELECT generate_series(1, 300)",
        "CREATE TABLE empty(id int PRIMARY KEY)",
    )
    capture = database.start("parts,one,many,empty", *SMALL)
    database.wait_until(lambda: database.size("parts") > 2_000, "rows come", capture)
    database.kill(capture)
    database.flush(database.started("parts,one,many,empty", *SMALL))

    assert markers_of(database.told("parts")) == ["first", *["true"] * (ROWS - 2), "last_in_data_collection"]
    assert markers_of(database.told("one")) == ["last_in_data_collection"]
    assert markers_of(database.told("many")) == ["first_in_data_collection", *["true"] * 298, "last"]


def test_a_capture_asked_to_stop_during_its_snapshot_stops_and_goes_on_there(database: CapturedDatabase) -> None:
    database.sql(SCHEMA)
    capture = database.start("parts", *SMALL)
    database.wait_until(lambda: database.size("parts"), "rows come", capture)

    assert database.stop(capture) == 0
    assert 0 < len(database.told("parts")) < ROWS
    capture = database.started("parts", *SMALL)
    database.flush(capture)
    assert Counter(record.op for record in database.told("parts")) == {"r": ROWS}
    assert resolved(database.told("parts")) == parts_of(database)


def test_a_table_without_a_primary_key_is_told_once_under_load_and_over_kills(database: CapturedDatabase) -> None:
    database.sql(
        "CREATE TABLE loose(word text, note text)",
        "ALTER TABLE loose REPLICA IDENTITY FULL",
        "INSERT INTO loose SELECT 'w' || i % 50, repeat('x', 300) FROM generate_series(1, 60000) i",
        "CREATE TABLE keyed(id int PRIMARY KEY)",
        "INSERT INTO keyed SELECT generate_series(1, 100)",
    )
    stop = threading.Event()

    def write() -> None:
        chance = random.Random(3)
        connection = psycopg2.connect(database.dsn)
        while not stop.is_set():
            with connection, connection.cursor() as cursor:
                one = f"ctid IN (SELECT ctid FROM loose WHERE word = 'w{chance.randrange(50)}' LIMIT 1)"
                cursor.execute(chance.choice((
                    f"INSERT INTO loose VALUES ('w{chance.randrange(50)}', 'new')",
                    f"UPDATE loose SET word = 'w{chance.randrange(50)}' WHERE {one}",
                    f"DELETE FROM loose WHERE {one}",
                )))  # fmt: skip
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            capture = database.start("keyed,loose", *SMALL)
            enough = database.size("loose") + 1_000
            database.wait_until(lambda: database.size("loose") > enough, "rows come", capture)  # noqa: B023
            database.kill(capture)
        capture = database.started("keyed,loose", *SMALL)
    finally:
        stop.set()
        thread.join()
    database.flush(capture)

    held: Counter[tuple[str, str]] = Counter()
    for record in database.told("loose"):
        before, after = record.value["before"], record.value["after"]
        if before:
            held[before["word"], before["note"]] -= 1
        if after:
            held[after["word"], after["note"]] += 1
    counts = database.sql("SELECT word, note, count(*) FROM loose GROUP BY 1, 2")
    assert +held == {(word, note): count for word, note, count in counts}
    assert not -held, "nothing goes that did not come"
