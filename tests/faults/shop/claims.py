"""Claims: each says by two questions to the database what was found and what must have been.

Nothing of the engine is in them: what is wanted comes from the shop's tables and from the histories of its triggers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .database import VALID, WRONG
from .found import Read, Values


class Topic(NamedTuple):
    """What is read of a topic: its columns, and how they come of a record."""

    columns: str
    read: Read


class Claim(NamedTuple):
    """What was found, and what is wanted."""

    found: str
    wanted: str


def _image(value: Mapping[str, Any]) -> Mapping[str, Any]:
    image: Mapping[str, Any] = value["before"] if value["op"] == "d" else value["after"]
    return image


def captured(*names: str) -> Read:
    """An envelope: what happened, and these columns of the row after it, or before a DELETE; tombstones say no more.

    A column that is not told is NULL, which SQL has to agree with.
    """

    def read(_: Any, value: Any) -> Values | None:
        if value is None:
            return None
        image = _image(value)
        return value["op"], *(image.get(name) for name in names)

    return read


def published(*names: str) -> Read:
    """A row, or a tombstone, under a customer's order."""

    def read(key: Any, value: Any) -> Values:
        row = value or {}
        return key["customer_id"], key["id"], value is None, *(row.get(name) for name in names)

    return read


def dead(_: Any, value: Any) -> Values:
    """A dead letter holds the original record."""
    return value["after"]["id"], value["after"]["revision"]


def masked(key: Any, value: Any) -> Values:
    """A user, or a tombstone."""
    return key["id"], value is None, *((value or {}).get(name) for name in USER_NAMES)


def windows(*names: str) -> Read:
    """A closed window."""
    return lambda _, value: tuple(value[name] for name in names)


ORDER = (
    "id bigint, customer_id bigint, product_id bigint, amount numeric, status text, note text, created_at timestamptz,"
    " updated_at timestamptz, revision int"
)
ORDER_NAMES = [column.split()[0] for column in ORDER.split(", ")]
PRODUCT = "id bigint, sku text, name text, price numeric, created_at timestamptz, revision int"
PRODUCT_NAMES = [column.split()[0] for column in PRODUCT.split(", ")]
LIVE = "customer_id bigint, id bigint, gone boolean, revision int, status text, amount_gross numeric, note text"
NAMED = (
    "customer_id bigint, id bigint, gone boolean, revision int, product_name text, list_price numeric, category text"
)
PAID = "customer_id bigint, id bigint, gone boolean, revision int, amount numeric, customer_age int"
USER = "id bigint, gone boolean, revision int, email text, name text, ssn text, credit_card text, age int"
USER_NAMES = [column.split()[0] for column in USER.split(", ")][2:]
DEAD = "id bigint, revision int"
ORDER_PIPELINES = ("orders", "named", "revenue", "payments")

TOPICS: dict[str, Topic] = {
    "orders.v1": Topic(f"op text, {ORDER}", captured(*ORDER_NAMES)),
    "products.v1": Topic(f"op text, {PRODUCT}", captured(*PRODUCT_NAMES)),
    "products.changes.v1": Topic(f"op text, {PRODUCT}", captured(*PRODUCT_NAMES)),
    "users.v1": Topic("op text, id bigint, revision int, email text", captured("id", "revision", "email")),
    "users.masked.v1": Topic(USER, masked),
    "orders.live.v1": Topic(LIVE, published("revision", "status", "amount_gross", "note")),
    "orders.named.v1": Topic(NAMED, published("revision", "product_name", "list_price", "category")),
    "payments.v1": Topic(PAID, published("revision", "amount", "customer_age")),
    "revenue_by_customer.v1": Topic(
        "customer_id bigint, start_ms bigint, orders bigint, revenue numeric, biggest numeric",
        windows("customer_id", "window_start", "orders", "revenue", "biggest"),
    ),
    "revenue_by_product.v1": Topic(
        "product_id bigint, start_ms bigint, orders bigint, revenue numeric, customers bigint",
        windows("product_id", "window_start", "orders", "revenue", "customers"),
    ),
    "late.v1": Topic("late boolean", lambda _, __: (True,)),
    "users.v1-users-dlt": Topic(DEAD, dead),
    "products.v1-products-dlt": Topic(DEAD, dead),
    **{f"orders.v1-{pipeline}-dlt": Topic(DEAD, dead) for pipeline in ORDER_PIPELINES},
}
TABLES = ("users", "products", "orders", "named", "customer_rows", "product_rows", "category_rows", "customer_totals",
          "payments_by_age")  # fmt: skip


def table_of(topic: str) -> str:
    """The table that a topic is carried into."""
    return "topic_" + topic.replace(".", "_").replace("-", "_")


def _nth(by: str, order: str) -> str:
    return f"row_number() OVER (PARTITION BY {by} ORDER BY {order}) AS nth"


def _columns(row: str) -> str:
    """``name type, …`` as they are taken out of a row over HTTP."""
    return ", ".join(f"(row->>'{name}')::{kind}" for name, kind in (part.split() for part in row.split(", ")))


def _captured(table: str, names: list[str], by: str) -> Claim:
    """Each change once, those of a key in the order in which they were made."""
    kept = ", ".join(names)
    return Claim(
        f"SELECT {_nth(by, 'n')}, op, {kept} FROM topic_{table}_v1",
        f"SELECT {_nth(by, 'seq')}, op, {kept} FROM {table}_history",
    )


def _dead(table: str, pipeline: str) -> Claim:
    return Claim(
        f"SELECT id, revision FROM topic_{table}_v1_{pipeline}_dlt",
        f"SELECT id, revision FROM {table}_history WHERE op <> 'd' AND NOT ({VALID[table]})",
    )


_PRODUCT_CHANGES = ", ".join(f"CASE WHEN op <> 'd' THEN {name} END" for name in PRODUCT_NAMES[1:])
"""Of a DELETE a table with an ordinary replica identity tells the key alone."""
_USER = ", ".join(
    f"CASE WHEN op <> 'd' THEN {value} END"
    for value in ("revision", "name", "NULL::text", "repeat('*', 12) || right(credit_card, 4)", "age")
)
_NOTE = "NULL::text"
_MEMBERS = f"""
SELECT *, op <> 'd' AND status <> 'cancelled' AS is_in,
  coalesce(lag(op <> 'd' AND status <> 'cancelled') OVER (PARTITION BY customer_id, id ORDER BY seq), false) AS was_in
FROM orders_history WHERE op = 'd' OR {VALID["orders"]}
"""
_LIVE_ORDERS = f"(SELECT * FROM orders WHERE {VALID['orders']} AND status <> 'cancelled') AS live"
_NAMED = f"""(SELECT o.*, p.name AS product_name, p.price AS list_price, left(p.sku, 3) AS category
  FROM orders o LEFT JOIN products p ON p.id = o.product_id WHERE o.status <> '{WRONG}') AS named"""
_PAYMENTS = """(SELECT h.*, 18 + (h.customer_id * 7) % 60 AS customer_age FROM orders_history h
  WHERE h.op = 'u' AND h.status = 'paid') AS payments"""
_NEW = f"""(SELECT * FROM orders_history WHERE op = 'c' AND {VALID["orders"]}) AS new"""
_LAST_NAMED = f"""(SELECT *, {_nth("customer_id, id", "n DESC")} FROM topic_orders_named_v1) AS last"""


def _windows(by: str, minutes: int, more: str, closes_ms: int) -> Claim:
    """Windows that ended before the last orders, each published once."""
    size_ms = minutes * 60_000
    start = f"floor(extract(epoch FROM created_at) * 1000 / {size_ms})::bigint * {size_ms}"
    name, function = more.split(maxsplit=1)
    return Claim(
        f"SELECT {by}, start_ms, orders, revenue, {name} FROM topic_revenue_by_{by.removesuffix('_id')}_v1"
        f" WHERE start_ms < {closes_ms}",
        f"SELECT {by}, {start} AS start_ms, count(*), sum(amount), {function} FROM {_NEW}"
        f" WHERE {start} < {closes_ms} GROUP BY 1, 2",
    )


def claims(closes_ms: int) -> dict[str, Claim]:
    """All there are, by what they are about."""
    return {**_of_topics(closes_ms), **_of_tables()}


def _of_topics(closes_ms: int) -> dict[str, Claim]:
    product_changes = f"op, id, {_PRODUCT_CHANGES}"
    user_changes = "op, id, CASE WHEN op <> 'd' THEN revision END, CASE WHEN op <> 'd' THEN email END"
    return {
        "captured orders": _captured("orders", ORDER_NAMES, "customer_id"),
        "captured users": Claim(
            f"SELECT {_nth('id', 'n')}, {user_changes} FROM topic_users_v1",
            f"SELECT {_nth('id', 'seq')}, {user_changes} FROM users_history",
        ),
        "captured products": Claim(
            f"SELECT {_nth('id', 'n')}, {product_changes} FROM topic_products_v1",
            f"SELECT {_nth('id', 'seq')}, {product_changes} FROM products_history",
        ),
        "products.changes": Claim(
            f"SELECT {_nth('id', 'n')}, {product_changes} FROM topic_products_changes_v1",
            f"SELECT {_nth('id', 'seq')}, {product_changes} FROM products_history",
        ),
        "users.masked": Claim(
            f"SELECT {_nth('id', 'n')}, id, gone, revision, name, ssn, credit_card, age FROM topic_users_masked_v1",
            f"SELECT {_nth('id', 'seq')}, id, op = 'd', {_USER} FROM users_history WHERE op = 'd' OR {VALID['users']}",
        ),
        "users.masked, addresses": Claim(
            "SELECT count(DISTINCT email), count(*) FILTER (WHERE email LIKE '%@%') FROM topic_users_masked_v1",
            f"SELECT count(DISTINCT email), 0 FROM users_history WHERE op <> 'd' AND {VALID['users']}",
        ),
        "orders.live": Claim(
            f"SELECT {_nth('customer_id, id', 'n')}, customer_id, id, CASE WHEN NOT gone THEN revision END,"
            " status, amount_gross, note FROM topic_orders_live_v1",
            f"SELECT {_nth('customer_id, id', 'seq')}, customer_id, id, CASE WHEN is_in THEN revision END,"
            f" CASE WHEN is_in THEN status END, CASE WHEN is_in THEN round(amount * 1.19, 2) END, {_NOTE}"
            f" FROM ({_MEMBERS}) AS members WHERE is_in OR was_in",
        ),
        "orders.named at last": Claim(
            f"SELECT customer_id, id, revision, product_name, list_price, category FROM {_LAST_NAMED}"
            " WHERE nth = 1 AND NOT gone",
            f"SELECT customer_id, id, revision, product_name, list_price, category FROM {_NAMED}",
        ),
        "payments": Claim(
            f"SELECT {_nth('customer_id, id', 'n')}, customer_id, id, revision, amount, customer_age"
            " FROM topic_payments_v1",
            f"SELECT {_nth('customer_id, id', 'seq')}, customer_id, id, revision, amount, customer_age"
            f" FROM {_PAYMENTS}",
        ),
        "windows by customer": _windows("customer_id", 1, "biggest max(amount)", closes_ms),
        "windows by product": _windows("product_id", 2, "customers count(DISTINCT customer_id)", closes_ms),
        "late": Claim("SELECT count(*) FROM topic_late_v1", "SELECT 0::bigint"),
        "dead users": _dead("users", "users"),
        "dead products": _dead("products", "products"),
        **{f"dead orders of {pipeline}": _dead("orders", pipeline) for pipeline in ORDER_PIPELINES},
    }


def _table(table: str, row: str, wanted: str) -> Claim:
    return Claim(f"SELECT {_columns(row)} FROM table_{table}", f"SELECT {wanted}")


def _of_tables() -> dict[str, Claim]:
    times = "created_at timestamptz, updated_at timestamptz"
    return {
        "table users": _table(
            "users", "id bigint, revision int, name text, ssn text, credit_card text, age int, created_at timestamptz",
            "id, revision, name, NULL, repeat('*', 12) || right(credit_card, 4), age, created_at FROM users"
            f" WHERE {VALID['users']}",
        ),
        "table products": _table("products", PRODUCT, f"{', '.join(PRODUCT_NAMES)} FROM products"),
        "table orders": _table(
            "orders", "id bigint, customer_id bigint, product_id bigint, amount numeric, status text, note text,"
            f" {times}, revision int, amount_gross numeric",
            f"id, customer_id, product_id, amount, status, {_NOTE}, created_at, updated_at, revision,"
            f" round(amount * 1.19, 2) FROM {_LIVE_ORDERS}",
        ),
        "table named": _table(
            "named", f"id bigint, customer_id bigint, product_id bigint, amount numeric, status text, {times},"
            " revision int, product_name text, list_price numeric, category text",
            "id, customer_id, product_id, amount, status, created_at, updated_at, revision, product_name, list_price,"
            f" category FROM {_NAMED}",
        ),
        "table customer_rows": _table(
            "customer_rows", "customer_id bigint, orders bigint, total numeric, dearest numeric, goods bigint",
            "customer_id, count(*), sum(amount), max(amount), count(DISTINCT product_id)"
            f" FROM {_LIVE_ORDERS} GROUP BY 1",
        ),
        "table product_rows": Claim(
            f"SELECT {_columns('product_id bigint, orders bigint, total numeric, least numeric')},"
            " round((row->>'mean')::numeric, 6) FROM table_product_rows",
            "SELECT product_id, count(*), sum(round(amount * 1.19, 2)), min(amount), round(avg(amount), 6)"
            f" FROM {_LIVE_ORDERS} GROUP BY 1",
        ),
        "table category_rows": _table(
            "category_rows", "category text, orders bigint, total numeric, dearest numeric",
            f"category, count(*), sum(amount), max(list_price) FROM {_NAMED} GROUP BY 1",
        ),
        "table customer_totals": Claim(
            f"SELECT {_columns('customer_id bigint, orders bigint, revenue numeric, last_order timestamptz')},"
            " round((row->>'average')::numeric, 6) FROM table_customer_totals",
            "SELECT customer_id, count(*), sum(amount), max(created_at), round(avg(amount), 6)"
            f" FROM {_NEW} GROUP BY 1",
        ),
        "table payments_by_age": _table(
            "payments_by_age", "customer_age int, payments bigint, paid numeric, biggest numeric",
            f"customer_age, count(*), sum(amount), max(amount) FROM {_PAYMENTS} GROUP BY 1",
        ),
    }  # fmt: skip
