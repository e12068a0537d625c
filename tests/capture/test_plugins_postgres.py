"""Plugins on a real server: whichever writes the log, and in pieces or not, the same records come of it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from streams.capture.outgoing.envelope import TableTarget
from streams.embedded import EmbeddedPostgres
from streams.records import Delivery

from .logs import slots
from .workload import ELSEWHERE, KEYS, LARGE_CASE, TABLES, cases, load_schema, run_cases

pytestmark = pytest.mark.integration

WAYS: dict[str, dict[str, Any]] = {
    "plain": {"protocol": 1},
    "streamed": {},
    "unstreamed": {"is_streaming": False},
    "lines": {"plugin": "wal2json"},
    "chunks": {"plugin": "wal2json", "wal2json_format": 1},
}
TARGETS = [
    TableTarget(table=table, topic=table, key=KEYS.get(table, ("id",)), primary_key=KEYS.get(table, ("id",)))
    for table in TABLES
]


def sql(dsn: str, *statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


Shown = tuple[str, bytes | None, Any, Any]
"""(topic, key, value, headers) of a record."""
Told = dict[str, dict[str, list[Shown]]]
"""Records by way and case."""


@pytest.fixture(scope="module")
def told(debian: EmbeddedPostgres) -> Iterator[Told]:
    """What comes of all cases, whichever way the log is read."""
    load_schema(debian.dsn)
    names = ", ".join(TABLES)
    sql(debian.dsn, f"CREATE PUBLICATION streams FOR TABLE {names}",
        "ALTER SYSTEM SET logical_decoding_work_mem = '64kB'", "SELECT pg_reload_conf()")  # fmt: skip
    with slots(debian.dsn, TABLES, **WAYS) as made:
        sql(debian.dsn, "ALTER TABLE audit_log REPLICA IDENTITY FULL")
        run_cases(debian.dsn)
        found = {way: by_case(slot.records(TARGETS)) for way, slot in made.items()}
        assert {way for way, slot in made.items() if b"S" in slot.kinds} == {"streamed"}
        yield found


def by_case(records: list[Delivery]) -> dict[str, list[Shown]]:
    """Records behind the message that names their case."""
    found: dict[str, list[Shown]] = {}
    for record in records:
        shown = _shown(record)
        if record.key == b'{"prefix":"case"}':
            current = found.setdefault(b64decode(shown[2]["message"]["content"]).decode(), [])
        else:
            current.append(shown)
    return found


def _shown(record: Delivery) -> Shown:
    """Without what depends on which empty transactions a plugin tells of."""
    value = None if record.value is None else json.loads(record.value)
    if value is not None:
        value["source"]["sequence"] = json.loads(value["source"]["sequence"])[1]
    return record.topic, record.key, value, record.headers


CASES = sorted({LARGE_CASE} | {name for name, _ in cases()} - ELSEWHERE)
RAW = "message_nontx"
"""A message that begins with a zero byte: wal2json writes it as empty text."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["streamed", "unstreamed"])
def test_every_protocol_of_pgoutput_tells_the_same(told: Told, way: str, case: str) -> None:
    assert told[way][case] == told["plain"][case]


@pytest.mark.parametrize("case", CASES)
def test_wal2json_in_format_2_tells_the_same(told: Told, case: str) -> None:
    expected = [without_content(shown) for shown in told["plain"][case]] if case == RAW else told["plain"][case]

    assert told["lines"][case] == expected


@pytest.mark.parametrize("case", CASES)
def test_wal2json_in_format_1_tells_the_same_but_truncates(told: Told, case: str) -> None:
    rest = [shown for shown in told["plain"][case] if shown[2] is None or shown[2]["op"] != "t"]
    expected = [without_content(shown) for shown in rest] if case == RAW else rest

    if len(rest) == len(told["plain"][case]):
        assert told["chunks"][case] == expected
    else:
        # What comes behind the truncates has lower numbers.
        assert list(map(unnumbered, told["chunks"][case])) == list(map(unnumbered, expected))


def test_the_cases_are_not_empty(told: Told) -> None:
    quiet = {case for case, records in told["plain"].items() if not records}

    assert quiet == {"replica_full", "tx_rollback"}
    assert len(told["plain"][LARGE_CASE]) > 2_000


def without_content(shown: Shown) -> Shown:
    topic, key, value, headers = shown
    return topic, key, {**value, "message": {**value["message"], "content": ""}}, headers


def unnumbered(shown: Shown) -> Shown:
    topic, key, value, headers = shown
    return topic, key, value and {**value, "transaction": None}, headers
