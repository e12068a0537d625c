"""Plugins on a real server: whichever writes the log, and in pieces or not, the same records come of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from streams.capture.envelope import TableTarget
from streams.embedded import EmbeddedPostgres
from streams.records import Delivery

from .logs import LoggedSlot, slots
from .workload import KEYS, LARGE, TABLES, load_schema, run_cases, run_sessions

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


@pytest.fixture(scope="module")
def shop(debian: EmbeddedPostgres) -> Iterator[dict[str, LoggedSlot]]:
    """All cases, and slots that have seen them."""
    load_schema(debian.dsn)
    names = ", ".join(TABLES)
    sql(debian.dsn, f"CREATE PUBLICATION streams FOR TABLE {names}",
        "ALTER SYSTEM SET logical_decoding_work_mem = '64kB'", "SELECT pg_reload_conf()")  # fmt: skip
    with slots(debian.dsn, TABLES, **WAYS) as made:
        sql(debian.dsn, "ALTER TABLE audit_log REPLICA IDENTITY FULL")
        run_cases(debian.dsn)
        run_sessions(debian.dsn, LARGE)
        yield made


def shown(records: list[Delivery]) -> list[Any]:
    """Records without what depends on which empty transactions a plugin tells of."""
    return [_shown(record) for record in records]


def _shown(record: Delivery) -> Any:
    value = None if record.value is None else json.loads(record.value)
    if value is not None:
        value["source"]["sequence"] = json.loads(value["source"]["sequence"])[1]
    return record.topic, record.key, value, record.headers


@pytest.mark.parametrize("way", ["streamed", "unstreamed", "lines"])
def test_the_cases_are_told_the_same_whichever_way_the_log_is_read(shop: dict[str, LoggedSlot], way: str) -> None:
    ours, plain = (shown(shop[name].records(TARGETS)) for name in (way, "plain"))

    differing = [pair for pair in zip(ours, plain, strict=True) if pair[0] != pair[1]]
    if way == "lines":
        # wal2json writes a message that begins with a zero byte as empty text.
        assert [theirs[2]["message"] for _, theirs in differing] == [{"prefix": "raw", "content": "AP9/"}]
        assert [mine[2]["message"]["content"] for mine, _ in differing] == [""]
    else:
        assert differing == []
    assert len(plain) > 2_500
    assert (b"S" in shop[way].kinds) == (way == "streamed")


def test_format_1_tells_the_same_but_truncates(shop: dict[str, LoggedSlot]) -> None:
    ours, plain = (shown(shop[name].records(TARGETS)) for name in ("chunks", "plain"))
    truncates = [told for told in plain if told[2] is not None and told[2]["op"] == "t"]

    rest = [told for told in plain if told not in truncates]
    differing = [pair for pair in zip(map(unnumbered, ours), map(unnumbered, rest), strict=True) if pair[0] != pair[1]]

    assert [mine[2]["message"]["content"] for mine, _ in differing] == [""]
    assert len(truncates) == 1 + 3
    assert sum(told not in plain for told in ours) == 1 + 1, "the message, and the row behind the truncates"


def unnumbered(told: Any) -> Any:
    topic, key, value, headers = told
    return topic, key, value and {**value, "transaction": None}, headers
