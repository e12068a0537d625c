"""Drafts of a real table: they stand as they are, and a pipeline over them takes every row that the table takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command
from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from streams.testing import Driver
from tests.capture.process import CapturedDatabase
from tests.pipeline.builders import MASK_KEY

from .cluster import Cluster, produce, read_whole

pytestmark = pytest.mark.integration

SQL = Path(__file__).parent.parent / "fixtures" / "drafts"
TABLES = (SQL / "tables.sql").read_text("utf-8").split(";\n")[:-1]
FULL = (SQL / "rows.sql").read_text("utf-8")
"""A row with a value in every column, many of them as large or as odd as their types allow."""
NULLS = """INSERT INTO everything(user_id, whole, rate, price, body, status, feeling) VALUES
 (2, 999, 2147483647, 0.5, '', 'paid', 'ok'), (1, 6, 1, 0, repeat('long ', 10000), 'new', 'sad')"""
CHANGES = (
    "UPDATE everything SET whole = whole + 1 WHERE whole < 10",
    "UPDATE everything SET body = 'short' WHERE id = 3",
    "DELETE FROM everything WHERE id = 2",
)


@pytest.fixture
def database(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    name = unique("drafts").replace("-", "_")
    with CapturedDatabase(postgres=postgres, kafka=kafka, name=name, folder=tmp_path) as held:
        yield held


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)))


def drafted(database: CapturedDatabase, folder: Path, table: str, *more: str) -> Result:
    return run(
        "new", "--from-table", database.dsn, table, "--vendor", "com.acme", "--topic-prefix", database.name,
        "--schemas", folder, *more,
    )  # fmt: skip


def test_every_row_of_a_table_with_every_type_is_taken_by_the_draft(
    database: CapturedDatabase, kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    database.sql(*TABLES, FULL)
    for table in ("users", "everything"):
        result = drafted(database, folder, table)
        assert result.exit_code == 0, result.output
    assert run("check", "--schemas", folder).exit_code == 0
    capture = database.started("everything,users", "--partitions", "1")
    database.sql(NULLS, *CHANGES)
    database.flush(capture)

    driver = Driver(folder, mask_key=MASK_KEY)
    told = {}
    for table in ("users", "everything"):
        topic = database.topic(table)
        records = read_whole(kafka.bootstrap, topic)
        told[table] = len([record for record in records if record.value is not None])
        for record in records:
            driver.send(topic, key=record.key, value=record.value, timestamp_ms=record.timestamp_ms, partition=0)
    dead = [one for name in told for one in driver.records(f"{database.topic(name)}-{name}-dlt")]
    assert [dict(one.headers)["__contract.errors.path"] for one in dead] == []
    assert told["everything"] == 3 + 4
    assert driver.ledger()["processed"] == sum(told.values())
    assert {key: row["whole"] for key, row in driver.table("everything").items()} == {1: 1, 3: 7}
    row = json.loads(driver.records("everything.v1")[0].value or b"")
    assert (row["price"], row["grid"], row["email"]) == ("9999999999.99", [[1, 2], [3, None]], None)


def test_rows_that_break_what_the_table_asks_are_refused_by_the_draft(
    database: CapturedDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    database.sql(*TABLES, FULL, NULLS)
    for table in ("users", "everything"):
        assert drafted(database, folder, table).exit_code == 0
    ((text,),) = database.sql(
        "SELECT row_to_json(e) FROM (SELECT id, user_id, whole, rate, price::text, is_on, body, status, feeling,"
        " ref, '2026-03-01T10:00:00Z' AS atz, texts FROM everything WHERE id = 2) e"
    )
    wrong: dict[str, Any] = {
        "tiny": 10, "whole": -1, "rate": 0, "price": "-1.00", "cost": "0.500", "fixed": "bcd ", "code": "ab",
        "status": "lost", "kind": 3, "feeling": "glad", "area": "x", "short": "123456", "ref": "no",
        "day": "2026-02-30", "ends_at": "2026-01-01T00:00:00Z", "Weird Name": "", "is_on": False, "body": None,
        "nums": ["1"],
    }  # fmt: skip
    also = {"ends_at": {"starts_at": "2026-01-01T00:00:00Z"}, "is_on": {"whole": 5}}
    driver = Driver(folder, mask_key=MASK_KEY)
    topic = database.topic("everything")
    for number, (name, value) in enumerate({"": None, **wrong}.items(), start=10):
        row = {**text, "id": number, **also.get(name, {}), **({name: value} if name else {})}
        source = {"name": "t", "lsn": number, "ts_ms": 1, "txId": number}
        change = {"op": "c", "before": None, "after": row, "source": source}
        driver.send(topic, key=b'{"id":%d}' % number, value=json.dumps(change).encode())

    assert driver.ledger() == {"processed": 1, "dead": len(wrong)}


def test_a_reference_is_asked_where_the_other_dataset_is_read(database: CapturedDatabase, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    database.sql("CREATE TABLE orders(id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users)")

    alone = json.loads(drafted(database, folder, "orders", "--dry-run", "--output", "json").stdout)
    drafted(database, folder, "users")
    beside = json.loads(drafted(database, folder, "orders", "--output", "json").stdout)

    assert "references" not in alone["files"]["pipelines/orders.yaml"]
    assert 'quality: {"rules": {"references": {"user_id": "users"}}}' in beside["files"]["pipelines/orders.yaml"]
    assert "- to: users.id" in beside["files"]["com.acme/orders/contract.yaml"]
    assert run("check", "--schemas", folder).exit_code == 0


def test_what_is_there_is_never_overwritten(database: CapturedDatabase, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    assert drafted(database, folder, "users", "--dry-run").exit_code == 0
    assert list(folder.rglob("*")) == []
    assert drafted(database, folder, "users").exit_code == 0
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    database.sql("ALTER TABLE users ADD COLUMN more text")

    again = drafted(database, folder, "users")

    assert again.exit_code == 1
    assert "there already, so nothing was written" in again.output
    assert before == {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    missing = drafted(database, folder, "nobody")
    assert (missing.exit_code, "there is no table public.nobody" in missing.output) == (2, True)


def test_a_draft_of_a_topic_takes_what_was_in_it(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, folder = f"shop.{unique('orders')}.v1", tmp_path / "schemas"
    folder.mkdir()
    rows = [{"id": n, "state": ("new", "paid")[n % 2], "email": f"secret{n}@example.test", "amount": f"{n}.25",
             "note": None if n % 3 else f"secret {n}"} for n in range(400)]  # fmt: skip
    records = [{"key": json.dumps({"id": row["id"]}).encode(), "value": json.dumps(row).encode()} for row in rows]
    with Cluster(kafka.bootstrap, folder, tmp_path, unique("app")) as cluster:
        cluster.create_topic(topic, 2)
        produce(kafka.bootstrap, topic, records)
        monkeypatch.setenv("STREAMS_BROKERS", kafka.bootstrap)
        result = run("new", "--from-topic", topic, "--vendor", "com.acme", "--name", "orders", "--schemas", folder)
        assert result.exit_code == 0, result.output
        assert "secret" not in result.output
        assert not any(b"secret" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
        assert run("check", "--schemas", folder).exit_code == 0
        against = run("check", "orders", "--against", f"kafka://{topic}", "--schemas", folder)
        assert (against.exit_code, "400 rows in 400 records (json): all honour" in against.output) == (0, True)

        cluster.start("0")
        cluster.wait_ready("0")
        cluster.wait_until(lambda: cluster.lag(topic) == 0)
        assert cluster.stop("0") == 0
        published = [json.loads(record.value or b"") for record in read_whole(kafka.bootstrap, "orders.v1")]
        produce(kafka.bootstrap, topic, [{"key": b"{}", "value": b'{"id": -1, "state": "SECRET", "email": 1}'}])
        against = run("check", "orders", "--against", f"kafka://{topic}", "--schemas", folder, "--output", "json")
        told = json.loads(against.stdout)
        assert (against.exit_code, told["failed"], "SECRET" in against.output) == (1, 1, False)
        assert {"state": "enum", "amount": "required"}.items() <= {
            cause["path"]: cause["code"] for cause in told["causes"]
        }.items()
    assert sorted(row["id"] for row in published) == list(range(400))
    assert {row["email"] for row in published} == {"***"}
