"""Shop: a database that lives. People sign up, order, pay, return; some rows are wrong, as rows are.

A history table, written by triggers, keeps every change beside the log: what comes out at the far end is compared
with it, not with what our own capture says.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg2

from streams.contracts import read_contracts
from streams.testing.mock import Mock

TABLES = ("users", "products", "orders")
STATUSES = ("new", "paid", "shipped", "delivered", "cancelled", "refunded")
INVALID_RATIO = 0.02
USERS, PRODUCTS = "iglu:com.acme.shop/users/jsonschema", "iglu:com.acme.shop/products/jsonschema"
MANY_PEOPLE, MANY_GOODS = 1_000, 100
"""Those who are made up; after them they come again, as other people of the same name."""

SCHEMA = """
DROP TABLE IF EXISTS users, products, orders, history CASCADE;
CREATE TABLE users(
  id bigserial PRIMARY KEY, email text NOT NULL, name text, ssn text, credit_card text, age int,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE products(
  id bigserial PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price numeric(12,2) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders(
  id bigserial PRIMARY KEY, customer_id bigint NOT NULL, product_id bigint NOT NULL, amount numeric(12,2) NOT NULL,
  status text NOT NULL, note text, created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE history(
  seq bigserial PRIMARY KEY, tab text NOT NULL, op text NOT NULL, id bigint NOT NULL, row jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp());
"""
TRIGGERS = """
CREATE OR REPLACE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO history(tab, op, id, row)
  VALUES (TG_TABLE_NAME, TG_OP, coalesce(NEW.id, OLD.id), to_jsonb(coalesce(NEW, OLD)));
  RETURN NULL;
END $$;
"""


class Shop:
    """The database of the demo and what happens in it."""

    def __init__(self, dsn: str, schemas: Path, *, seed: int = 1) -> None:
        self._dsn = dsn
        self._random = random.Random(seed)
        mock = Mock(read_contracts(schemas), seed=seed, at_ms=time.time_ns() // 1_000_000)
        self._people = cycle(mock.rows(USERS, MANY_PEOPLE))
        self._goods = cycle(mock.rows(PRODUCTS, MANY_GOODS))
        self._users: list[int] = []
        self._products: dict[int, Decimal] = {}
        self._orders: list[int] = []
        self._wrong: list[int] = []
        self.first_rows: Mapping[str, int] = {}
        """By table, rows that were there before anything happened."""

    def connect(self) -> Any:
        """A connection; transactions are the caller's."""
        return psycopg2.connect(self._dsn)

    def create(self, *, users: int = 200, products: int = 40) -> None:
        """Fresh tables with some people and goods; the history begins after them."""
        self.first_rows = {"users": users, "products": products}
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(SCHEMA)
            for _ in range(products):
                price, good = Decimal(self._random.randrange(199, 19_999)).scaleb(-2), next(self._goods)
                cursor.execute(
                    "INSERT INTO products(sku, name, price) VALUES (%s, %s, %s) RETURNING id",
                    (good["sku"], good["name"], price),
                )
                self._products[cursor.fetchone()[0]] = price
            for _ in range(users):
                self._sign_up(cursor)
            cursor.execute(TRIGGERS)
            for table in TABLES:
                cursor.execute(
                    f"CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON {table}"
                    " FOR EACH ROW EXECUTE FUNCTION remember()"
                )

    def trade(self, *, rate: float, stop: threading.Event, progress: Mapping[str, Any] | None = None) -> int:
        """Transactions at about ``rate`` a second until ``stop``; how many there were."""
        done, begun = 0, time.monotonic()
        with self.connect() as connection:
            while not stop.is_set():
                with connection.cursor() as cursor:
                    self._transact(cursor)
                connection.commit()
                done += 1
                ahead = begun + done / rate - time.monotonic()
                if ahead > 0:
                    stop.wait(ahead)
        return done

    def _transact(self, cursor: Any) -> None:
        kind = self._random.random()
        if kind < 0.10:
            self._sign_up(cursor)
        elif kind < 0.65:
            for _ in range(self._random.choice((1, 1, 1, 2, 3))):
                self._order(cursor)
        elif kind < 0.85:
            self._move_on(cursor)
        elif kind < 0.92:
            self._reprice(cursor)
        elif kind < 0.97:
            self._cancel(cursor)
        else:
            self._correct(cursor)

    def _sign_up(self, cursor: Any) -> None:
        is_wrong = bool(self._users) and self._random.random() < INVALID_RATIO
        person = {**next(self._people), **({"email": "not an address"} if is_wrong else {})}
        cursor.execute(
            "INSERT INTO users(email, name, ssn, credit_card, age) VALUES (%s, %s, %s, %s, %s) RETURNING id",
            tuple(person.get(column) for column in ("email", "name", "ssn", "credit_card", "age")),
        )
        self._users.append(cursor.fetchone()[0])

    def _order(self, cursor: Any) -> None:
        product, price = self._random.choice(list(self._products.items()))
        is_wrong = self._random.random() < INVALID_RATIO
        note = "x" * 3_000 if self._random.random() < 0.05 else None
        cursor.execute(
            "INSERT INTO orders(customer_id, product_id, amount, status, note)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            (
                self._random.choice(self._users[:200]),
                product,
                price * self._random.randrange(1, 5),
                "unheard of" if is_wrong else "new",
                note,
            ),
        )
        order = cursor.fetchone()[0]
        (self._wrong if is_wrong else self._orders).append(order)

    def _move_on(self, cursor: Any) -> None:
        if self._orders:
            order = self._random.choice(self._orders)
            status = self._random.choice(STATUSES)
            cursor.execute("UPDATE orders SET status = %s, updated_at = now() WHERE id = %s", (status, order))

    def _reprice(self, cursor: Any) -> None:
        product = self._random.choice(list(self._products))
        price = self._products[product] = Decimal(self._random.randrange(199, 19_999)).scaleb(-2)
        cursor.execute("UPDATE products SET price = %s WHERE id = %s", (price, product))

    def _cancel(self, cursor: Any) -> None:
        if len(self._orders) > 50:
            order = self._orders.pop(self._random.randrange(len(self._orders)))
            cursor.execute("DELETE FROM orders WHERE id = %s", (order,))

    def _correct(self, cursor: Any) -> None:
        """Somebody mends a wrong order: from then on it is like any other."""
        if self._wrong:
            order = self._wrong.pop()
            cursor.execute("UPDATE orders SET status = 'new', updated_at = now() WHERE id = %s", (order,))
            self._orders.append(order)
