"""Tables as they are: keys of every kind, values of every type, told alike by the snapshot and by the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest

from streams.capture.outgoing.envelope import UNAVAILABLE
from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from streams.embedded.process import free_port

from ..integration.cluster import read_committed
from .process import CapturedDatabase, Told, table_of

pytestmark = pytest.mark.integration

TYPES = {
    "b": ("boolean", "true"),
    "i": ("int", "-1"),
    "n": ("numeric", "123456789012345678901234567890.10"),
    "nan": ("numeric", "NaN"),
    "f": ("double precision", "0.1"),
    "inf": ("real", "-Infinity"),
    "c": ("char(5)", "ab"),
    "v": ("varchar(9)", "Zoë 😀"),
    "d": ("date", "2026-01-02"),
    "bc": ("date", "0044-03-15 BC"),
    "t": ("timestamptz", "2026-01-02 05:04:05.5+02"),
    "tinf": ("timestamp", "infinity"),
    "h": ("time", "24:00:00"),
    "p": ("interval", "1 year 2 days"),
    "u": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "j": ("jsonb", '{"n": 12345678901234567890}'),
    "y": ("bytea", "\\x00ff"),
    "a": ("text[]", '{"Zoë",NULL,"a,b"}'),
    "aa": ("int[][]", "{{1,2},{3,4}}"),
    "mood": ("mood", "happy"),
    "few": ("few", "3"),
    "nothing": ("text", None),
}
SHOWN = {
    "b": True, "i": -1, "n": "123456789012345678901234567890.10", "nan": "NaN", "f": 0.1, "inf": "-Infinity",
    "c": "ab   ", "v": "Zoë 😀", "d": "2026-01-02", "bc": "0044-03-15 BC", "t": "2026-01-02T03:04:05.500000Z",
    "tinf": "infinity", "h": "24:00:00", "p": "P1Y2D", "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "j": '{"n": 12345678901234567890}', "y": "AP8=", "a": ["Zoë", None, "a,b"], "aa": [[1, 2], [3, 4]],
    "mood": "happy", "few": 3, "nothing": None,
}  # fmt: skip
VALUES = ", ".join("NULL" if text is None else f"'{text}'::{kind}" for kind, text in TYPES.values())
TABLES = ("items", "orders", "notes", "loose", "kinds", "parted", "Cased")
SCHEMA = f"""
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE DOMAIN few AS positive CHECK (VALUE < 9);
CREATE TABLE items(line int, "order" bigint, word text, PRIMARY KEY ("order", line));
CREATE TABLE orders(id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE notes(id bigint PRIMARY KEY, status text, note text);
ALTER TABLE notes ALTER COLUMN note SET STORAGE EXTERNAL;
CREATE TABLE loose(word text);
ALTER TABLE loose REPLICA IDENTITY FULL;
CREATE TABLE kinds(id bigint PRIMARY KEY, {", ".join(f"{name} {kind}" for name, (kind, _) in TYPES.items())},
  twice int GENERATED ALWAYS AS (i * 2) STORED, gone text);
ALTER TABLE kinds DROP COLUMN gone;
CREATE TABLE parted(id bigint PRIMARY KEY, word text) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (20);
CREATE TABLE "Cased"("Id" bigint PRIMARY KEY, "two words" text);
"""
KINDS = ", ".join(("id", *TYPES))
BEFORE = (
    f"INSERT INTO kinds({KINDS}) VALUES (1, {VALUES})",
    "INSERT INTO parted VALUES (1, 'one'), (11, 'eleven')",
    "INSERT INTO items VALUES (1, 10, 'a')",
    """INSERT INTO "Cased" VALUES (1, 'a')""",
)
AFTER = (
    f"INSERT INTO kinds({KINDS}) VALUES (2, {VALUES})",
    "INSERT INTO parted VALUES (2, 'two'), (12, 'twelve')",
    "UPDATE parted SET word = 'more' WHERE id = 11",
    "DELETE FROM parted WHERE id = 1",
    "INSERT INTO items VALUES (2, 10, 'b')",
    """UPDATE items SET "order" = 11 WHERE line = 1""",
    "DELETE FROM items WHERE line = 2",
    "INSERT INTO orders VALUES (1, 7, 'new')",
    "UPDATE orders SET status = 'paid' WHERE id = 1",
    "UPDATE orders SET customer_id = 8 WHERE id = 1",
    "DELETE FROM orders WHERE id = 1",
    "INSERT INTO notes VALUES (1, 'new', repeat('x', 9000))",
    "UPDATE notes SET status = 'read' WHERE id = 1",
    "INSERT INTO loose VALUES ('a'), ('a')",
    "UPDATE loose SET word = 'b'",
    "DELETE FROM loose",
    "TRUNCATE loose, notes",
    """UPDATE "Cased" SET "two words" = 'b'""",
)


@pytest.fixture(scope="module")
def told(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], list[Told]]]:
    """What one capture of all these tables has told of them."""
    folder = tmp_path_factory.mktemp("tables")
    with CapturedDatabase(postgres=postgres, kafka=kafka, name="capture_tables", folder=folder) as database:
        database.sql(SCHEMA, *BEFORE)
        capture = database.started(",".join(TABLES), "--key", "orders=customer_id")
        database.sql(*AFTER)
        database.flush(capture)
        yield database.told


def changes(records: list[Told]) -> list[tuple[str | None, object]]:
    return [(record.op, record.key) for record in records]


def test_a_value_is_told_alike_by_the_snapshot_and_by_the_log(told: Callable[[str], list[Told]]) -> None:
    rows = {record.op: record.value["after"] for record in told("kinds")}

    assert rows == {"r": {"id": 1, **SHOWN}, "c": {"id": 2, **SHOWN}}


def test_a_key_of_several_columns_has_all_of_them_in_the_order_of_the_primary_key(
    told: Callable[[str], list[Told]],
) -> None:
    by_line = {line: changes([r for r in told("items") if r.key["line"] == line]) for line in (1, 2)}

    assert list(told("items")[0].key) == ["order", "line"]
    assert sorted(by_line[1], key=str) == sorted(
        [
            ("r", {"order": 10, "line": 1}),
            ("d", {"order": 10, "line": 1}),
            (None, {"order": 10, "line": 1}),
            ("c", {"order": 11, "line": 1}),
        ],
        key=str,
    )
    assert by_line[2] == [(op, {"order": 10, "line": 2}) for op in ("c", "d", None)]


def test_a_chosen_key_is_the_records_key_and_its_partition_from_the_first_change_to_the_last(
    told: Callable[[str], list[Told]],
) -> None:
    seven = [record for record in told("orders") if record.key == {"customer_id": 7}]
    eight = [record for record in told("orders") if record.key == {"customer_id": 8}]

    assert [record.op for record in seven] == ["c", "u", "d", None]
    assert [record.op for record in eight] == ["c", "d", None]
    assert len({record.partition for record in seven}) == len({record.partition for record in eight}) == 1
    assert eight[1].value["before"] == {"id": 1, "customer_id": 8, "status": "paid"}


def test_an_unchanged_long_value_is_unavailable_not_null(told: Callable[[str], list[Told]]) -> None:
    update = next(record for record in told("notes") if record.op == "u")

    assert (update.value["before"], update.value["after"]) == (None, {"id": 1, "status": "read", "note": UNAVAILABLE})


def test_equal_rows_of_a_table_without_a_primary_key_are_told_apart_by_their_number(
    told: Callable[[str], list[Told]],
) -> None:
    records = told("loose")

    assert {record.key for record in records} == {None}
    places = [(record.value["source"]["txId"], record.value["transaction"]["total_order"]) for record in records]
    assert sorted(record.op or "" for record in records) == ["c", "c", "d", "d", "t", "u", "u"]
    assert len(set(places)) == len(records)


def test_a_truncate_of_two_tables_is_told_to_both(told: Callable[[str], list[Told]]) -> None:
    truncates = [record for table in ("loose", "notes") for record in told(table) if record.op == "t"]

    assert [(record.key, record.value["before"], record.value["after"]) for record in truncates] == [
        (None, None, None)
    ] * 2
    assert {record.value["transaction"]["total_order"] for record in truncates} == {1, 2}


def test_rows_of_partitions_belong_to_their_table(told: Callable[[str], list[Told]]) -> None:
    assert sorted((row["id"], row["word"]) for row in table_of(told("parted")).values()) == [
        (2, "two"), (11, "more"), (12, "twelve"),
    ]  # fmt: skip


def test_names_keep_their_case_and_blanks(told: Callable[[str], list[Told]]) -> None:
    assert [(record.op, record.key, record.value["after"]) for record in told("Cased")] == [
        ("r", {"Id": 1}, {"Id": 1, "two words": "a"}),
        ("u", {"Id": 1}, {"Id": 1, "two words": "b"}),
    ]


def test_heartbeats_move_the_slot_while_only_other_tables_change(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE quiet(id bigint PRIMARY KEY)", "CREATE TABLE busy(id bigint PRIMARY KEY)")
    capture = database.started("quiet")
    database.sql("INSERT INTO busy SELECT generate_series(1, 20000)")

    database.flush(capture)

    assert database.told("quiet") == []
    beats = read_committed(database.kafka.bootstrap, f"__debezium-heartbeat.{database.name}")
    assert {key for _, key, _ in beats} == {b'{"serverName":"%s"}' % database.name.encode()}
    assert database.stop(capture) == 0


def test_metrics_show_the_slots_lag_and_the_records(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)", "INSERT INTO users VALUES (1), (2)")
    port = free_port()
    capture = database.started("users", "--metrics-port", str(port))
    database.flush(capture)

    with urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        text = response.read().decode()

    shown = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(shown[f'cdc_capture_events_total{{topic="{database.topic("users")}"}}']) == 2
    assert float(shown["cdc_capture_slot_lag_bytes"]) >= 0
    assert float(shown['cdc_capture_snapshot_ratio{table="users"}']) == 1
    assert float(shown["cdc_capture_last_commit_seconds"]) > 0
