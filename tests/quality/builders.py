"""Builders: a table of people with quality rules, its changes, and what a naive observer makes of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from streams.records import Headers
from streams.testing import Driver

from ..contracts.builders import a_contract, a_folder, a_schema

FIXTURES = Path(__file__).parents[1] / "fixtures"
RULES_AS_WRITTEN = (FIXTURES / "quality_rules.py").read_text("utf-8")
NOW_MS = 1_772_362_800_000
"""2026-03-01T11:00:00Z."""
TOPIC = "cdc.users.v1"
DEAD = "cdc.users.v1-users-dlt"
FINDINGS = "driver-users-quality"
EMAIL = r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$"

USER_COLUMNS: Mapping[str, object] = {
    "id": {"type": "integer"},
    "email": {"type": ["string", "null"]},
    "age": {"type": ["integer", "null"]},
    "created_at": {"type": ["string", "null"], "format": "date-time"},
    "boss_id": {"type": ["integer", "null"]},
}
USER_TERMS = (
    "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}",
    "{name: email, logicalType: string, classification: pii}",
)


def a_pipeline_text(name: str = "users", dataset: str = "users", **more: object) -> str:
    """A pipeline of ``dataset`` that routes to ``<name>.v1``."""
    source = {
        "topic": f"cdc.{dataset}.v1",
        "format": "debezium-json",
        "contract": f"iglu:com.acme/{dataset}/jsonschema/1-*-*",
        "max_future": "36500d",
    }
    return json.dumps({"pipeline": name, "source": source, "route": [{"to": f"{name}.v1"}], **more})


def files(more: Mapping[str, str] | None = None) -> dict[str, str | bytes]:
    """``schemas`` with the dataset ``users`` and its pipeline; ``more`` replaces or adds."""
    return {
        "com.acme/users/jsonschema/1-0-0": a_schema("users", properties=USER_COLUMNS, required=("id",)),
        "com.acme/users/contract.yaml": a_contract(*USER_TERMS, name="users"),
        "pipelines/users.yaml": a_pipeline_text(),
        **(more or {}),
    }


def a_driver(more: Mapping[str, str] | None = None, *, partitions: int = 1, **options: Any) -> Driver:
    """A driver over ``files(more)``, its clock at noon."""
    with TemporaryDirectory() as folder:
        options = {"start_ms": NOW_MS, "partitions": {TOPIC: partitions, "cdc.orders.v1": partitions}, **options}
        return Driver(a_folder(Path(folder), files(more)), **options)


class Source:
    """A database that tells its changes as Debezium does, each once and in order."""

    def __init__(self, driver: Driver, topic: str = TOPIC) -> None:
        self.driver = driver
        self.topic = topic
        self._lsn = 100

    def change(
        self,
        id: int,
        *,
        op: str = "c",
        headers: Headers = (),
        omit: Iterable[str] = (),
        lsn: int | None = None,
        **row: Any,
    ) -> dict[str, Any]:
        """Send a change; columns in ``omit`` are not sent. What was sent, to send it again."""
        self._lsn += 1
        whole = {"id": id, "email": None, "age": None, "created_at": "2026-03-01T10:30:00Z", **row}
        after = {name: "__debezium_unavailable_value" if name in omit else held for name, held in whole.items()}
        gone = op == "d"
        return self._send(
            {
                "op": op,
                "before": {"id": id} if gone else None,
                "after": None if gone else after,
                "source": self._place(lsn),
            },
            {"id": id},
            headers,
        )

    def delete(self, id: int, headers: Headers = ()) -> None:
        """Send a DELETE and its tombstone."""
        self.change(id, op="d", headers=headers)
        self.driver.send(self.topic, key=_encode({"id": id}), value=None)

    def move(self, id: int, to: int, *, omit: Iterable[str] = (), **row: Any) -> None:
        """The key of a row changes: DELETE, tombstone, INSERT."""
        self.delete(id, headers=(("__debezium.newkey", _encode({"id": to})),))
        self.change(to, headers=(("__debezium.oldkey", _encode({"id": id})),), omit=omit, **row)

    def truncate(self, partition: int = 0) -> None:
        """All rows go; the record has no key and is in one partition."""
        self._lsn += 1
        envelope = {"op": "t", "before": None, "after": None, "source": self._place(None)}
        self.driver.send(self.topic, key=None, value=_encode(envelope), partition=partition)

    def _place(self, lsn: int | None) -> dict[str, Any]:
        at = self._lsn if lsn is None else lsn
        sequence = json.dumps([str(at - 1), str(at)])
        return {"name": "shop", "lsn": at, "sequence": sequence, "txId": at, "ts_ms": NOW_MS - 60_000}

    def _send(self, envelope: object, key: object, headers: Headers) -> dict[str, Any]:
        sent = {"key": _encode(key), "value": _encode(envelope), "headers": headers}
        self.driver.send(self.topic, **sent)
        return sent


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()


def open_findings(driver: Driver, topic: str = FINDINGS) -> Counter[tuple[str, int, str]]:
    """(rule, rows, keys) of what is open: the last record of each key that is no tombstone."""
    last = {(record.partition, record.key): record.value for record in driver.records(topic)}
    found = [json.loads(value) for value in last.values() if value is not None]
    return Counter((held["rule"], held.get("rows", 0), json.dumps(held.get("keys"))) for held in found)


def dead_rules(driver: Driver, topic: str = DEAD) -> list[tuple[bytes | None, str]]:
    """(key, rules) of each dead letter, in order of the keys."""
    letters = [(record.key, dict(record.headers)) for record in driver.records(topic)]
    return sorted((key, (headers["__contract.errors.rule"] or b"").decode()) for key, headers in letters)  # type: ignore[type-var]


# -- the naive observer


def broken_rules(row: Mapping[str, Any], omit: Iterable[str]) -> list[str]:
    """The rules of ``quality_rules`` that one row breaks, written down anew with Python's own means."""
    found = []
    known = {name: held for name, held in row.items() if name not in omit}
    found += [f"completeness.{name}" for name in ("id", "email", "created_at") if known.get(name, "") is None]
    email, age, at = known.get("email"), known.get("age"), known.get("created_at")
    if email is not None and not re.fullmatch(r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}", email):
        found.append("validity.email.regex")
    if age is not None and not 0 <= age <= 150:
        found.append("validity.age.range")
    if at is not None and at > "2026-03-01T11:00:00Z":
        found.append("validity.created_at.not_future")
    return found


def duplicates(rows: Mapping[int, Mapping[str, Any]], *columns: str) -> Counter[tuple[str, int, str]]:
    """What ``open_findings`` must say of live rows by key."""
    holders: dict[tuple[Any, ...], list[int]] = {}
    for id, row in rows.items():
        value = tuple(row[column] for column in columns)
        if None not in value:
            holders.setdefault(value, []).append(id)
    # A row's id is JSON, and the sample is in the order of its text.
    rule = f"uniqueness.{'+'.join(columns)}"
    found = [[[id] for id in sorted(ids, key=lambda id: f"[{id}]")] for ids in holders.values() if len(ids) > 1]
    return Counter((rule, len(keys), json.dumps(keys)) for keys in found)
