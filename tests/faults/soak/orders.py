"""Orders: workload W without an end, and between them canaries, with numbers of the same sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, islice

from aiokafka.partitioner import murmur2

from tests.bench.workload import BASE_MS, PARTITIONS, SourceEvent, workload
from tests.integration.orders_cluster import CUSTOMERS

BLOCK = 10_000
RESERVED = 200
"""Numbers at the end of each block that no order has: 5 % of a block's records are there twice."""


class Orders:
    """The feeder takes them from one thread, and the canary from another."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._done = 0
        self._orders = self._run()
        self._canaries = self._reserved()
        self._customers = [_customer_of(number) for number in range(PARTITIONS)]

    @property
    def canary_keys(self) -> dict[bytes, int]:
        """Whose orders are canaries, and the partition of each."""
        return {_key(customer): number for number, customer in enumerate(self._customers)}

    def make(self, wanted: int, first: int) -> Iterable[SourceEvent]:
        """The next orders; ``first`` is not asked, as duplicates go beyond one part."""
        self._done = first
        return list(islice(self._orders, wanted))

    def _run(self) -> Iterator[SourceEvent]:
        for block in count():
            yield from workload(BLOCK, first=block * BLOCK, customers=CUSTOMERS, seed=self._seed)

    def _reserved(self) -> Iterator[int]:
        """Of the block before, so that numbers go on rising but for the canaries'; of the first itself at first."""
        for block in count():
            free = iter(range((block + 1) * BLOCK - RESERVED, (block + 1) * BLOCK))
            while max(self._done // BLOCK - 1, 0) == block:
                yield next(free)

    def canary(self, partition: int) -> tuple[int, SourceEvent]:
        """An order of the canary's customer in a partition, and its id."""
        number, customer = next(self._canaries), self._customers[partition]
        time_ms, lsn = BASE_MS + self._done, 23_000_000 + number * 56
        text = (
            f'{{"before":null,"after":{{"id":{number + 1},"customer_id":{customer},"email":"canary@example.com",'
            f'"amount":1.25,"status":"new","created_at":{time_ms},"lsn":{lsn}}},"source":{{"name":"shop",'
            f'"ts_ms":{time_ms},"db":"shop","schema":"public","table":"orders","txId":{number},"lsn":{lsn}}},'
            f'"op":"c","ts_ms":{time_ms}}}'
        )
        return number + 1, SourceEvent(_key(customer), text.encode())


def _key(customer: int) -> bytes:
    return f'{{"customer_id":{customer}}}'.encode()


def _customer_of(partition: int) -> int:
    """The first beyond all others whose key is in a partition, as Java's partitioner has it."""
    return next(number for number in count(CUSTOMERS) if (murmur2(_key(number)) & 0x7FFFFFFF) % PARTITIONS == partition)
