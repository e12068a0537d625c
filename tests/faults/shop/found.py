"""Found: what stands in topics and tables, carried into the database as it is, so that SQL compares it.

JSON is read as JSON: nothing here comes from ``streams``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import psycopg2

from tests.faults import kafkalog
from tests.faults.kafkalog import LogRecord

Values = tuple[object, ...]
Read = Callable[[Any, Any], Values | None]
"""Key and value, decoded, to what is compared of a record; ``None``: nothing."""
decode = msgspec.json.Decoder(float_hook=str).decode


class Found:
    """A connection to the database, with tables of what was found beside those of the shop."""

    def __init__(self, dsn: str, brokers: str) -> None:
        self._connection = psycopg2.connect(dsn)
        self._connection.autocommit = True
        self._brokers = brokers
        self.ask("SET work_mem = '400MB'")

    def close(self) -> None:
        self._connection.close()

    def ask(self, statement: str) -> list[Any]:
        """Rows of a statement."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def take_topic(self, name: str, topic: str, columns: str, read: Read) -> int:
        """Table ``name (n, …)`` of a topic's committed records, numbered as they stand; how many there are."""
        return self._fill(name, f"n bigint, {columns}", _read_topic(self._brokers, topic, read))

    def take_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Table ``name (row jsonb)`` of the rows that workers tell over HTTP."""
        return self._fill(name, "row jsonb", ((json.dumps(row["row"]),) for row in rows))

    def _fill(self, name: str, columns: str, rows: Iterable[Values]) -> int:
        self.ask(f"DROP TABLE IF EXISTS {name}; CREATE UNLOGGED TABLE {name}({columns})")
        with self._connection.cursor() as cursor:
            cursor.copy_expert(f"COPY {name} FROM STDIN", Lines(rows))
            count: int = cursor.rowcount
        self.ask(f"ANALYZE {name}")
        return count

    def compare(self, found: str, wanted: str) -> tuple[int, int]:
        """How many rows of two questions are wanted and not found, and found and not wanted, each as often as it is."""
        ((lost,),) = self.ask(f"SELECT count(*) FROM (({wanted}) EXCEPT ALL ({found})) AS lost")
        ((odd,),) = self.ask(f"SELECT count(*) FROM (({found}) EXCEPT ALL ({wanted})) AS odd")
        return lost, odd


def _read_topic(brokers: str, topic: str, read: Read) -> Iterator[Values]:
    for number, record in enumerate(kafkalog.read_log(brokers, topic)):
        values = read(_key_of(record), None if record.value is None else decode(record.value))
        if values is not None:
            yield number, *values


def _key_of(record: LogRecord) -> Any:
    return None if record.key is None else decode(record.key)


class Lines:
    """Rows as lines of COPY, read as a file."""

    def __init__(self, rows: Iterable[Values]) -> None:
        self._rows = iter(rows)
        self._rest = ""

    def read(self, size: int) -> str:
        parts, length = [self._rest], len(self._rest)
        for row in self._rows:
            parts.append("\t".join(map(_text, row)) + "\n")
            length += len(parts[-1])
            if length >= size:
                break
        text = "".join(parts)
        self._rest = text[size:]
        return text[:size]


def _text(value: object) -> str:
    if value is None:
        return "\\N"
    text = str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
