"""Catalog facts: from a real PostgreSQL, the fixtures' tables get the schemas that Debezium registered for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from streams.capture.log.pgoutput import ColumnShape
from streams.capture.outgoing.envelope import TableTarget
from streams.capture.postgres.catalog_facts import describe_columns, relation_now
from streams.capture.postgres.facts import GONE_NUMBER, ColumnFacts
from streams.capture.serialize.avro import envelope_schema

from ..process import CapturedDatabase

pytestmark = pytest.mark.integration
FIXTURES = Path(__file__).parents[2] / "fixtures"
IDS = json.loads((FIXTURES / "debezium-avro" / "registry.json").read_text("utf-8"))["ids"]


@pytest.fixture
def cursor(database: CapturedDatabase) -> Iterator[Any]:
    with closing(psycopg2.connect(database.dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as held:
            yield held


def described(cursor: Any, table: str) -> tuple[ColumnFacts, ...]:
    target = TableTarget(table=table, topic="t", key=("id",), primary_key=("id",))
    return describe_columns(cursor, relation_now(cursor, target))


def test_schemas_are_debeziums(cursor: Any) -> None:
    cursor.execute((FIXTURES / "schema.sql").read_text("utf-8"))

    for table, schema_id in {"users": "2", "orders": "4", "products": "6", "order_items": "8", "audit_log": "9",
                             "types_demo": "11", "dbz_signal": "24"}.items():  # fmt: skip
        assert json.loads(envelope_schema(f"shopavro.public.{table}", described(cursor, table))) == json.loads(
            IDS[schema_id]
        )
    cursor.execute("ALTER TABLE products ADD COLUMN stock int NOT NULL DEFAULT 7")
    cursor.execute("ALTER TABLE orders ALTER COLUMN amount TYPE numeric(14,4)")
    for table, schema_id in {"products": "19", "orders": "20"}.items():
        assert json.loads(envelope_schema(f"shopavro.public.{table}", described(cursor, table))) == json.loads(
            IDS[schema_id]
        )


def test_domains_enums_and_arrays_of_them_are_seen_through(cursor: Any) -> None:
    cursor.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN money_ AS numeric(8,3) NOT NULL;"
        "CREATE DOMAIN fee AS money_; ALTER TYPE mood ADD VALUE 'fine' BEFORE 'ok';"
        "CREATE TABLE t(id int PRIMARY KEY, gone text, a fee, b mood, c mood[], d numeric(4,1)[], e varchar(5))"
    )
    cursor.execute("ALTER TABLE t DROP COLUMN gone")

    facts = {fact.name: fact for fact in described(cursor, "t")}

    assert list(facts) == ["id", "a", "b", "c", "d", "e"]
    assert [fact.number for fact in facts.values()] == [1, 3, 4, 5, 6, 7]
    assert (facts["a"].type_oid, facts["a"].sizes, facts["a"].is_required) == (1700, (8, 3), True)
    assert facts["b"].labels == facts["c"].labels == ("sad", "fine", "ok")
    assert (facts["b"].element_oid, facts["c"].element_oid) == (None, facts["b"].type_oid)
    assert (facts["d"].element_oid, facts["d"].sizes) == (1700, (4, 1))
    assert [name for name, fact in facts.items() if fact.is_text] == ["e"]


def test_the_log_goes_before_the_catalog(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t(id int PRIMARY KEY, a numeric(8,3) NOT NULL, b int NOT NULL)")
    relation = relation_now(cursor, TableTarget(table="t", topic="t", key=("id",), primary_key=("id",)))
    as_it_was = replace(
        relation,
        columns=(
            relation.columns[0],
            replace(relation.columns[1], typmod=((6 << 16) | 2) + 4),
            replace(relation.columns[2], type_oid=25, typmod=-1),
            ColumnShape(name="gone", type_oid=23, is_key=False, typmod=-1),
        ),
    )

    _, a, b, gone = describe_columns(cursor, as_it_was)

    assert (a.sizes, a.is_required) == ((6, 2), True)
    assert (b.type_oid, b.is_required, b.number) == (25, False, 3)
    assert (gone.type_oid, gone.is_required, gone.number) == (23, False, GONE_NUMBER + 3)
