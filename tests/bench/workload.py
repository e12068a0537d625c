"""Workloads: orders as Debezium captures them, each a function of its number and the seed alone, and whom they name.

4 partitions keyed by customer (10,000 of them); about 300 bytes; 1 ms of event time an event with up to 2 s of
disorder; 5 % exact duplicates within the next 1,000 events; 1 % invalid, half a string amount and half a bad email.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

CUSTOMERS = 10_000
PARTITIONS = 4
MINUTE_MS = 60_000
BASE_MS = 1_700_000_000_000 - 1_700_000_000_000 % MINUTE_MS
DISORDER_MS = 2_000
DUPLICATE_RATIO = 0.05
DUPLICATE_WITHIN = 1_000
INVALID_RATIO = 0.01

USERS = 100_000
COUNTRIES = ("AT", "CH", "DE", "FR", "IT")


class SourceEvent(NamedTuple):
    """One record of the source topic."""

    key: bytes
    value: bytes


def workload(
    count: int, *, first: int = 0, customers: int = CUSTOMERS, seed: int = 7, step_ms: int = 1
) -> Iterator[SourceEvent]:
    """``count`` records, duplicates included; ``first`` numbers the first order, so that parts can follow another.

    An order comes ``step_ms`` of event time after the one before it.
    """
    chance = random.Random(seed * 1_000_003 + first)
    again: dict[int, SourceEvent] = {}
    number = first
    for place in range(count):
        event = again.pop(place, None)
        if event is None:
            event = _order(number, chance, customers, step_ms)
            number += 1
            if chance.random() < DUPLICATE_RATIO:
                _plan_again(again, place, event, chance)
        yield event


def _plan_again(again: dict[int, SourceEvent], place: int, event: SourceEvent, chance: random.Random) -> None:
    later = place + chance.randrange(1, DUPLICATE_WITHIN)
    if later not in again:
        again[later] = event


def _order(number: int, chance: random.Random, customers: int, step_ms: int) -> SourceEvent:
    customer, cents = chance.randrange(customers), chance.randrange(1, 99_999)
    now_ms = BASE_MS + number * step_ms
    time_ms = now_ms - chance.randrange(DISORDER_MS)
    amount, email = f"{cents // 100}.{cents % 100:02}", f"c{customer}@example.com"
    draw = chance.random()
    if draw < INVALID_RATIO / 2:
        amount = f'"{amount}"'
    elif draw < INVALID_RATIO:
        email = "nobody"
    lsn = 23_000_000 + number * 56
    text = (
        f'{{"before":null,"after":{{"id":{number + 1},"customer_id":{customer},"email":"{email}","amount":{amount},'
        f'"status":"new","created_at":{time_ms},"lsn":{lsn}}},"source":{{"name":"shop",'
        f'"ts_ms":{now_ms},"db":"shop","schema":"public","table":"orders",'
        f'"txId":{number},"lsn":{lsn}}},"op":"c","ts_ms":{now_ms}}}'
    )
    return SourceEvent(f'{{"customer_id":{customer}}}'.encode(), text.encode())


def users(count: int = USERS) -> Iterator[SourceEvent]:
    """One record for each user, all of them there before the first order."""
    for number in range(count):
        time_ms = BASE_MS - DISORDER_MS - count + number
        text = (
            f'{{"before":null,"after":{{"customer_id":{number},"country":"{COUNTRIES[number % len(COUNTRIES)]}",'
            f'"tier":{number % 3 + 1},"created_at":{time_ms}}},"source":{{"name":"shop","ts_ms":{time_ms},"db":"shop",'
            f'"schema":"public","table":"users","txId":{number},"lsn":{22_000_000 + number * 56}}},"op":"c",'
            f'"ts_ms":{time_ms}}}'
        )
        yield SourceEvent(f'{{"customer_id":{number}}}'.encode(), text.encode())
