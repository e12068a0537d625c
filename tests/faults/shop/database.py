"""The shop's database: its tables, and a history of every change, which triggers write in the same transaction."""

from __future__ import annotations

import math
from dataclasses import dataclass

COLUMNS = {
    "users": ["id", "email", "name", "ssn", "credit_card", "age", "created_at", "revision"],
    "products": ["id", "sku", "name", "price", "created_at", "revision"],
    "orders": ["id", "customer_id", "product_id", "amount", "status", "note", "created_at", "updated_at", "revision"],
}
STATUSES = ("new", "paid", "shipped", "delivered", "cancelled", "refunded")
WRONG = "unheard of"
VALID = {"users": "email LIKE '%@%'", "products": "TRUE", "orders": f"status <> '{WRONG}'"}
"""What the shop itself knows of which rows are wrong."""
CATEGORIES = 20
NO_CUSTOMERS = (7, 8)
"""Of each fifty users of a writer: one whose address is wrong, and a visitor, who may go again."""

TABLES = """
CREATE TABLE users(
  id bigint PRIMARY KEY, email text NOT NULL, name text, ssn text, credit_card text, age int,
  created_at timestamptz NOT NULL, revision int NOT NULL);
CREATE TABLE products(
  id bigint PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price numeric(12,2) NOT NULL,
  created_at timestamptz NOT NULL, revision int NOT NULL);
CREATE TABLE orders(
  id bigint PRIMARY KEY, customer_id bigint NOT NULL, product_id bigint NOT NULL, amount numeric(12,2) NOT NULL,
  status text NOT NULL, note text, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  revision int NOT NULL);
ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE orders REPLICA IDENTITY FULL
"""
REMEMBER = """
CREATE UNLOGGED TABLE {table}_history(seq bigint GENERATED ALWAYS AS IDENTITY, op text, LIKE {table});
CREATE FUNCTION {table}_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO {table}_history(op, {columns}) SELECT 'c', {columns} FROM fresh; RETURN NULL; END $$;
CREATE FUNCTION {table}_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {update}; RETURN NULL; END $$;
CREATE FUNCTION {table}_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO {table}_history(op, {columns}) SELECT 'd', {columns} FROM gone; RETURN NULL; END $$;
CREATE TRIGGER on_insert AFTER INSERT ON {table}
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {table}_insert();
CREATE TRIGGER on_update AFTER UPDATE ON {table}
  REFERENCING OLD TABLE AS gone NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {table}_update();
CREATE TRIGGER on_delete AFTER DELETE ON {table}
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION {table}_delete();
INSERT INTO {table}_history(op, {columns}) SELECT 'r', {columns} FROM {table} ORDER BY id
"""
UPDATE = "INSERT INTO {table}_history(op, {columns}) SELECT 'u', {columns} FROM fresh"
UPDATE_OR_MOVE = """
  IF EXISTS (SELECT FROM gone JOIN fresh USING (id) WHERE gone.customer_id <> fresh.customer_id) THEN
    INSERT INTO {table}_history(op, {columns})  -- of another key: the old one goes, the new one comes
      SELECT op, {columns} FROM (SELECT row_number() OVER () AS n, 'd' AS op, * FROM gone
        UNION ALL SELECT row_number() OVER () AS n, 'c' AS op, * FROM fresh) both_of_them ORDER BY n, op DESC;
  ELSE {update}; END IF
"""

SIGN_UP = """
INSERT INTO users SELECT id, CASE WHEN u %% 50 = 7 THEN 'nonsense' ELSE format('user%%s.1@example.test', id) END,
  'User ' || id, CASE WHEN u %% 3 = 0 THEN '123-45-' || lpad((u %% 10000)::text, 4, '0') END,
  lpad((4000000000000000 + id)::text, 16, '0'), 18 + (id * 7) %% 60, %(at)s, 1
FROM (SELECT u, u * %(of)s + %(me)s + 1 AS id FROM generate_series(%(first)s::bigint, %(last)s::bigint) u) numbers
"""
ORDER = """
INSERT INTO orders SELECT u * %(of)s + %(me)s + 1,
  (c - CASE c %% 50 WHEN 7 THEN 1 WHEN 8 THEN 2 ELSE 0 END) * %(of)s + %(me)s + 1,
  1 + floor(random() * %(products)s)::bigint, (1 + floor(random() * 50000)) / 100,
  CASE WHEN random() < 0.012 THEN 'unheard of' ELSE 'new' END,
  CASE WHEN random() < 0.01 THEN repeat('n', 2500) WHEN random() < 0.2 THEN 'leave it at the door' END,
  %(at)s, %(at)s, 1
FROM (SELECT u, floor(power(random(), 2) * %(customers)s)::bigint AS c
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) u) numbers
"""
OFFER = """
INSERT INTO products SELECT id, format('C%%s-%%s', lpad((id %% 20)::text, 2, '0'), id), 'Product ' || id,
  (100 + floor(random() * 20000)) / 100, %(at)s, 1 FROM generate_series(%(first)s::bigint, %(last)s::bigint) id
"""
MOVE_ON = """
UPDATE orders SET status = (ARRAY['new', 'paid', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded'])
  [1 + floor(random() * 7)], updated_at = %(at)s, revision = revision + 1 WHERE id = ANY(%(ids)s)
"""
AMEND = """
UPDATE orders SET amount = amount + 1.25, product_id = CASE WHEN random() < 0.3
  THEN 1 + floor(random() * %(products)s)::bigint ELSE product_id END, updated_at = %(at)s, revision = revision + 1
WHERE id = ANY(%(ids)s)
"""
HAND_OVER = """
UPDATE orders SET customer_id = %(customer)s, created_at = %(at)s, updated_at = %(at)s, revision = revision + 1
WHERE id = ANY(%(ids)s) AND customer_id <> %(customer)s
"""
CANCEL = "DELETE FROM orders WHERE id = ANY(%(ids)s)"
CHANGE_USER = """
UPDATE users SET email = format('user%%s.%%s@example.test', id, revision + 1), name = 'Changed ' || id,
  revision = revision + 1 WHERE id = ANY(%(ids)s)
"""
LEAVE = "DELETE FROM users WHERE id = ANY(%(ids)s) AND (id - %(me)s - 1) / %(of)s %% 50 IN (7, 8)"
REPRICE = """
UPDATE products SET price = (100 + floor(random() * 20000)) / 100, name = format('Product %%s.%%s', id, revision + 1),
  revision = revision + 1 WHERE id = ANY(%(ids)s)
"""
WITHDRAW = "DELETE FROM products WHERE id = ANY(%(ids)s)"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a shop is, and how much happens in it."""

    changes: int
    users: int
    """Of each writer, before anything happens."""
    products: int
    largest: int
    """Rows of the largest transaction."""
    ahead: int = 100_000
    """Changes that the database may be ahead of the capture."""
    rate: float = math.inf
    """Changes a second at most."""


def remember() -> list[str]:
    """Statements that make the histories, and the triggers that write them from then on."""
    statements = []
    for table, names in COLUMNS.items():
        columns = ", ".join(names)
        update = UPDATE.format(table=table, columns=columns)
        if table == "orders":
            update = UPDATE_OR_MOVE.format(table=table, columns=columns, update=update)
        statements.append(REMEMBER.format(table=table, columns=columns, update=update))
    return statements
