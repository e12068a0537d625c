"""Trading: writers that change the shop's rows in real transactions, as fast as the database takes them.

Each writer has users and orders of its own, so that no two wait for each other, and the first has the products.
Everything that a writer does is decided by the seed; how the transactions of several stand among each other is not.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import psycopg2

from . import database
from .database import Size

WRITERS = 3
CLOSING = timedelta(minutes=30)
"""So much later than now comes a last order of some customers, which closes the windows before."""
SIZES, OFTEN = (1, 3, 10, 40, 200, 2_000), (30, 30, 20, 14, 5, 1)
"""Rows that a transaction means to change, and how often of a hundred."""
ROLLED_BACK = 0.02
DEEDS = {
    "order": 50, "move_on": 22, "amend": 6, "cancel": 8, "hand_over": 1.5, "sign_up": 5, "change_user": 5, "leave": 1,
    "reprice": 1.2, "offer": 0.2, "withdraw": 0.1,
}  # fmt: skip
OF_THE_FIRST = {"reprice", "offer", "withdraw"}
MOST_GOODS = 20
"""Products that one statement changes: each has many orders."""


class Trade:
    """All writers; a context manager that ends them."""

    def __init__(self, dsn: str, size: Size, seed: int) -> None:
        self.size = size
        self.closes_ms = 0
        """Windows that begin later have no end yet, and no more is asked of them."""
        self.made = 0
        """Changes that are committed."""
        self.transactions = 0
        self.captured = 0
        """Of them in Kafka, as far as somebody has looked."""
        self.is_over = threading.Event()
        self.trouble: list[BaseException] = []
        self.at_the_end = threading.Barrier(WRITERS, timeout=300)
        """Nobody closes windows in which another still trades."""
        self._lock = threading.Lock()
        self._dsn = dsn
        self._begun = 0.0
        self.writers = [Writer(self, dsn, number, seed) for number in range(WRITERS)]

    def open(self) -> None:
        """Tables with some rows; the histories begin with them."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(database.TABLES)
            cursor.execute("SELECT setseed(0.5)")
            last = self.size.products
            cursor.execute(database.OFFER, {"first": 1, "last": last, "at": datetime.now(UTC)})
            for writer in self.writers:
                writer.move_in(cursor)
            for statement in database.remember():
                cursor.execute(statement)

    def note(self, changes: int) -> None:
        """A transaction is committed."""
        with self._lock:
            self.made += changes
            self.transactions += 1

    def is_ahead(self) -> bool:
        """Whether more has happened than may have by now."""
        due = self.size.rate * (time.monotonic() - self._begun)
        return self.made - self.captured > self.size.ahead or self.made > due

    def __enter__(self) -> Trade:
        self._begun = time.monotonic()
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.is_over.set()
        for writer in self.writers:
            writer.join()

    def is_done(self) -> bool:
        """Whether all changes are made; raises what has stopped a writer."""
        if self.trouble:
            raise RuntimeError("a writer ended by itself") from self.trouble[0]
        return not any(writer.is_alive() for writer in self.writers)


class Writer(threading.Thread):
    """One connection that trades."""

    def __init__(self, trade: Trade, dsn: str, number: int, seed: int) -> None:
        super().__init__(name=f"writer-{number}")
        self._trade, self._dsn, self._me = trade, dsn, number
        self._chance = random.Random(f"{seed} {number}")
        self._users = self._orders = 0
        self._products = trade.size.products
        deeds = {name: often for name, often in DEEDS.items() if number == 0 or name not in OF_THE_FIRST}
        self._deeds = [getattr(self, f"_{name}") for name in deeds]
        self._often = list(deeds.values())
        self._at = datetime.now(UTC)

    def move_in(self, cursor: Any) -> None:
        """Who and what is there before anything happens."""
        self._sign_up(cursor, self._trade.size.users)
        self._order(cursor, self._trade.size.users)

    def run(self) -> None:
        try:
            with closing(psycopg2.connect(self._dsn)) as connection:
                self._trade_on(connection)
        except BaseException as error:
            self._trade.trouble.append(error)
            self._trade.at_the_end.abort()

    def _trade_on(self, connection: Any) -> None:
        trade, size = self._trade, self._trade.size
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")  # a power cut of the database is not what is tried here
            cursor.execute("SELECT setseed(%s)", (self._chance.random(),))
            while trade.made < size.changes and not trade.is_over.is_set():
                if trade.is_ahead():
                    time.sleep(0.02)
                else:
                    self._transact(connection, cursor)
            trade.at_the_end.wait()
            self._close(cursor)
        connection.commit()

    def _transact(self, connection: Any, cursor: Any) -> None:
        self._at = datetime.now(UTC)
        before = self._users, self._orders, self._products
        wanted = min(self._chance.choices(SIZES, OFTEN)[0], self._trade.size.largest)
        done = changes = 0
        while done < wanted:
            (deed,) = self._chance.choices(self._deeds, self._often)
            deed(cursor, min(wanted - done, self._chance.randint(1, wanted)))
            changes += cursor.rowcount
            done += max(1, cursor.rowcount)
        if self._chance.random() < ROLLED_BACK:
            connection.rollback()
            self._users, self._orders, self._products = before
            return
        connection.commit()
        self._trade.note(changes)

    def _close(self, cursor: Any) -> None:
        """Some customers, in every partition, order and pay once more, much later."""
        now = datetime.now(UTC)
        self._trade.closes_ms = int((now + CLOSING / 2).timestamp() * 1_000)
        self._at = now + CLOSING
        first = self._orders
        self._order(cursor, 100)
        ids = [self._id(number) for number in range(first, self._orders)]
        for _ in range(2):
            self._run(cursor, database.MOVE_ON, ids=ids)

    # -- what happens

    def _id(self, number: int) -> int:
        return number * WRITERS + self._me + 1

    def _run(self, cursor: Any, statement: str, **values: object) -> None:
        cursor.execute(statement, {"at": self._at, "me": self._me, "of": WRITERS, **values})

    def _some_orders(self, count: int) -> list[int]:
        """Orders, mostly young ones; some of them are gone."""
        oldest = 0 if self._chance.random() < 0.2 else max(0, self._orders - 20_000)
        return [self._id(self._chance.randrange(oldest, self._orders)) for _ in range(count)]

    def _some_users(self, count: int) -> list[int]:
        return [self._id(self._chance.randrange(self._users)) for _ in range(count)]

    def _some_products(self, count: int) -> list[int]:
        return [1 + self._chance.randrange(self._products) for _ in range(min(count, MOST_GOODS))]

    def _order(self, cursor: Any, count: int) -> None:
        first, self._orders = self._orders, self._orders + count
        self._run(cursor, database.ORDER, first=first, last=self._orders - 1, customers=self._users,
                  products=self._trade.size.products + 50)  # fmt: skip

    def _move_on(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.MOVE_ON, ids=self._some_orders(count))

    def _amend(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.AMEND, ids=self._some_orders(count), products=self._trade.size.products + 50)

    def _cancel(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.CANCEL, ids=self._some_orders(count))

    def _hand_over(self, cursor: Any, count: int) -> None:
        """An order turns out to be another customer's: it has another key from then on."""
        number = self._chance.randrange(self._users // 50) * 50
        self._run(cursor, database.HAND_OVER, ids=self._some_orders(count), customer=self._id(number))

    def _sign_up(self, cursor: Any, count: int) -> None:
        first, self._users = self._users, self._users + count
        self._run(cursor, database.SIGN_UP, first=first, last=self._users - 1)

    def _change_user(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.CHANGE_USER, ids=self._some_users(count))

    def _leave(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.LEAVE, ids=self._some_users(count * 20))

    def _reprice(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.REPRICE, ids=self._some_products(count))

    def _offer(self, cursor: Any, count: int) -> None:
        first, self._products = self._products + 1, self._products + min(count, MOST_GOODS)
        self._run(cursor, database.OFFER, first=first, last=self._products)

    def _withdraw(self, cursor: Any, count: int) -> None:
        self._run(cursor, database.WITHDRAW, ids=self._some_products(1))
