"""What ``lane.c`` gives to Python."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from streams.records import Delivery, SourceRecord

Told = tuple[Any, ...]

def checksum(data: bytes, begin: int, end: int, /) -> int | None:
    """CRC-32C of these bytes; ``None`` where the processor has no instruction for it."""

def connect(path: str, producer: type[Producer], /) -> bool:
    """Whether librdkafka is found in the module at ``path``; from now on the other two take instances of ``producer``.

    A subclass, or one that was closed, has nothing that is known: nothing is sent.
    """

def send(producer: Producer, deliveries: list[Delivery], first: int, /) -> int:
    """Send from the place ``first`` on; the place of the first that has headers, has a partition, or was not taken."""

def send_batch(
    producer: Producer, topic: str, partition: int, records: list[tuple[bytes, bytes | None]], first: int, end: int, /
) -> int:
    """Send the records at these places to one partition, with the time at which it happens; how many were taken."""

def unpack(
    data: bytes, at: int, records: bytes | None, topic: str, partition: int, first: int, /
) -> list[SourceRecord]:
    """The records from offset ``first`` on of the record batch that begins at that place of ``data``.

    ``records``: their bytes, if they were packed. Raises ``ValueError`` where lengths and bytes do not fit.
    """

class Run:
    """A batch, read. ``begin`` takes some of its events in hand; the steps are about those, each called once."""

    @property
    def others(self) -> list[int]:
        """Places of the records that are not plain."""
    def begin(self, first: int, end: int, watermark_ms: int, /) -> int:
        """Take in hand the events of these records; the watermark behind them."""
    def records(self) -> list[SourceRecord]:
        """Those of the events in hand."""
    def outcomes(self) -> tuple[int, int]:
        """Events, and how many of them every table was closed for."""
    def serial(self) -> int | None:
        """The largest serial of the identities."""
    def identities(self, most: float | None, /) -> tuple[list[bytes], list[int]]:
        """(those whose serials are no larger, their serials or none of them); all of them are made."""
    def deduplicate(self, known: dict[bytes, int], keep_ms: int, /) -> tuple[dict[bytes, int | None], int]:
        """(new identities with the time when each may be forgotten, how many events are duplicates)."""
    def place(self, table: int, forced_ms: int, held: dict[bytes, Any], /) -> tuple[list[bytes], int]:
        """(groups that ``held`` has not, how many events are late)."""
    def aggregate(
        self, table: int, held: dict[bytes, Any], encode: Callable[[Any], bytes], /
    ) -> dict[bytes, bytes] | None:
        """Texts of the states that the events change; ``None`` where one is not plain."""
    def rows(self, columns: tuple[int, ...], /) -> bytes:
        """JSON array of objects of these columns, of each event that is no duplicate; absent ones are left out."""
    def keys(self, columns: tuple[int, ...], /) -> list[bytes | None]:
        """Of the same events the JSON array of these columns' values; ``None`` where one is null."""
    def put(self, column: int, values: tuple[bytes, ...], is_whole: bool, /) -> bool:
        """Give the same events their values of a column that is made; false: it ``is_whole`` and one is no integer."""
    def publish(self, route: int, limit: int, /) -> list[Delivery] | None:
        """What a route publishes; ``None`` where a record is larger than ``limit`` bytes."""
    def carry(self, exchange: int, limit: int, /) -> tuple[list[Delivery] | None, tuple[int, ...]]:
        """(what goes through an exchange, by table how many events are late); ``None`` as above."""
    def partitions(self) -> set[int]:
        """Those upstream from which an exchange has sent the events in hand."""
    def commit_times(self) -> tuple[int, ...]:
        """Of the first and the last event in hand."""

class Reader:
    """Reads batches of one plan; what it is told is in ``streams.pipeline.lane.build``."""

    def __new__(
        cls, columns: Told, made: Told, tables: Told, routes: Told, exchanges: Told, options: Told, /
    ) -> Reader: ...
    def read(self, records: list[SourceRecord], horizon_ms: int, limit: int, /) -> Run:
        """The batch; events later than ``horizon_ms`` and records larger than ``limit`` are not plain."""
