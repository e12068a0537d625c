"""Identity: whatever says which row a change is about, a consumer of its topic ends with the table's rows."""

from __future__ import annotations

import json

import pytest

from .process import CapturedDatabase, table_of

pytestmark = pytest.mark.integration

BY_INDEX = (
    "CREATE TABLE parts(id bigint PRIMARY KEY, sku text NOT NULL, shop int NOT NULL, price int, UNIQUE (shop, sku))",
    "ALTER TABLE parts REPLICA IDENTITY USING INDEX parts_shop_sku_key",
    "INSERT INTO parts SELECT i, 'sku-' || i, i % 2, i FROM generate_series(1, 6) i",
)
CHANGES = (
    "UPDATE parts SET price = 100 WHERE id = 1",
    "UPDATE parts SET sku = 'other' WHERE id = 2",
    "UPDATE parts SET id = 30 WHERE id = 3",
    "DELETE FROM parts WHERE id = 4",
    "INSERT INTO parts VALUES (7, 'sku-7', 1, 7)",
)


def rows(database: CapturedDatabase) -> dict[str, object]:
    """By the index, in its order."""
    listed = database.sql("SELECT json_build_object('shop', shop, 'sku', sku)::jsonb, to_jsonb(p) FROM parts p")
    return {json.dumps({"shop": key["shop"], "sku": key["sku"]}): row for key, row in listed}


def test_a_table_whose_identity_is_an_index_is_told_by_its_columns(database: CapturedDatabase) -> None:
    database.sql(*BY_INDEX)
    capture = database.started("parts", "--key", "parts=shop,sku")
    database.sql(*CHANGES)
    database.flush(capture)

    told = database.told("parts")
    assert table_of(told) == rows(database)
    assert sorted(record.op or "-" for record in told if record.op != "r") == ["-", "-", "c", "c", "d", "d", "u", "u"]


def test_through_wal2json_as_well(wal2json_database: CapturedDatabase) -> None:
    database = wal2json_database
    database.sql(*BY_INDEX)
    capture = database.started("parts", "--key", "parts=shop,sku", "--plugin", "wal2json")
    database.sql(*CHANGES)
    database.flush(capture)

    assert table_of(database.told("parts")) == rows(database)


def test_a_table_without_a_key_has_records_without_one_and_every_equal_row(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE notes(word text)", "ALTER TABLE notes REPLICA IDENTITY FULL")
    capture = database.started("notes")
    database.sql(
        "INSERT INTO notes VALUES ('a'), ('a'), ('b')",
        "UPDATE notes SET word = 'c' WHERE word = 'b'",
        "DELETE FROM notes WHERE word = 'a'",
    )
    database.flush(capture)

    told = sorted((record.op or "-", str(record.value["before"]), str(record.value["after"])) for record in
                  database.told("notes"))  # fmt: skip
    a, b, c = ({"word": word} for word in "abc")
    expected = [("c", None, a), ("c", None, a), ("c", None, b), ("d", a, None), ("d", a, None), ("u", b, c)]
    assert told == sorted((op, str(before), str(after)) for op, before, after in expected)
    assert {record.key for record in database.told("notes")} == {None}


def test_a_column_that_comes_is_told_of_beside_the_contract_and_holds_nothing_up(database: CapturedDatabase) -> None:
    place = database.folder / "schemas" / "com.acme" / "users" / "jsonschema"
    place.mkdir(parents=True)
    own = {"vendor": "com.acme", "name": "users", "format": "jsonschema", "version": "1-0-0"}
    dialect = "https://json-schema.org/draft/2020-12/schema"
    properties = {"id": {"type": "integer"}}
    schema = {"$schema": dialect, "self": own, "type": "object", "properties": properties, "required": ["id"]}
    (place / "1-0-0").write_text(json.dumps(schema))
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    capture = database.started("users", "--contracts", str(database.folder / "schemas"))

    database.sql("ALTER TABLE users ADD COLUMN phone text", "INSERT INTO users VALUES (1, '5')")
    database.flush(capture)

    assert (
        "users: column added: phone text; proposes 1-1-0 (iglu:com.acme/users/jsonschema/1-0-0)" in database.log
    )
    ((_, key, value),) = database.committed(f"{database.name}.schema-changes")
    assert json.loads(key or b"") == {"table": "users"}
    told = json.loads(value or b"")
    assert told["proposals"] == [{"contract": "iglu:com.acme/users/jsonschema/1-0-0", "proposes": "1-1-0"}]
    assert told["lsn"] > 0
    assert [record.value["after"] for record in database.told("users")] == [{"id": 1, "phone": "5"}]
