"""Writers: connections that change a database all the time, while something is done to its captures."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

from .process import CapturedDatabase

WRITERS = 3

Transact = Callable[[Any, random.Random, int], None]
"""One transaction of a writer: its cursor, its chance, its number."""


@contextmanager
def writing(database: CapturedDatabase, transact: Transact, *, pause_s: float = 0.002) -> Iterator[Callable[[], int]]:
    """Several connections at once; gives how many transactions there were."""
    stop, done = threading.Event(), [0] * WRITERS

    def write(number: int) -> None:
        chance = random.Random(number)
        connection = psycopg2.connect(database.dsn)
        while not stop.is_set():
            with connection, connection.cursor() as cursor:
                transact(cursor, chance, number)
            done[number] += 1
            stop.wait(pause_s)
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(done)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
