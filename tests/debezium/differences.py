"""Where our capture tells something else than Debezium, each with its reason. Everything else is equal.

An entry names fields, the cases where they differ (empty: in all), and exactly what both say. An entry that nothing
needs any more fails a test: delete it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .told import INCREMENTAL, SNAPSHOT

ABSENT = "(absent)"
INDEX = "replica_identity_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Fields that differ on purpose."""

    fields: str
    """A regular expression for whole paths such as ``after/amount``."""
    why: str
    holds: Callable[[Any, Any], bool]
    """Of (what Debezium says, what we say)."""
    cases: tuple[str, ...] = ()

    def is_about(self, case: str, path: str) -> bool:
        """Whether a field of a case is meant."""
        return (not self.cases or case in self.cases) and re.fullmatch(self.fields, path) is not None

    def __repr__(self) -> str:
        return f"{self.fields} in {', '.join(self.cases) or 'all cases'}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Records that Debezium writes and we do not."""

    table: str
    why: str
    op: str | None = None
    """``None``: every record of the topic."""
    case: str | None = None


def exactly(debezium: object, ours: object) -> Callable[[Any, Any], bool]:
    """Both say just this."""
    return lambda left, right: (left, right) == (debezium, ours)


def one_of(*pairs: tuple[object, object]) -> Callable[[Any, Any], bool]:
    """(Debezium's, ours) is one of these."""
    return lambda left, right: (left, right) in pairs


def _near(tolerance: int) -> Callable[[Any, Any], bool]:
    return lambda left, right: isinstance(left, int) and isinstance(right, int) and abs(left - right) < tolerance


def _is_text(left: Any, right: Any) -> bool:
    return isinstance(left, str) and right == ABSENT


def _without_zone(left: Any, right: Any) -> bool:
    """``2026-03-29Z`` and ``2026-03-29``."""
    return left == f"{right}Z"


def _same_instant(left: Any, right: Any) -> bool:
    """``…:00Z`` and ``…:00.000000Z``."""
    return isinstance(right, str) and re.fullmatch(r"\S+\.\d{6}Z", right) is not None and left == _trimmed(right)


def _trimmed(text: str) -> str:
    """As Java writes it: no fraction, or three digits, or six."""
    return text.replace(".000000Z", "Z").replace("000Z", "Z")


def _is_java(counted: Any) -> bool:
    return counted["data_collection"].startswith("io.debezium.connector.postgresql.LogicalDecodingMessage")


def _made_up(case: str, column: str, value: object) -> Difference:
    return Difference(
        fields=f"before/{column}",
        cases=(case,),
        why="the log tells only the key of such a row; Debezium makes up the rest, we say null",
        holds=exactly(value, None),
    )


MINUTES = 5 * 60
OF_THE_READER = (
    Difference(fields="source/version", why="another program", holds=exactly("3.7.0.Final", "contract-streams-0.1")),
    Difference(
        fields="source/name", why="each has its own prefix", holds=lambda left, right: left == f"debezium_{right}"
    ),
    Difference(fields="ts_ms", why="each reader's own clock", holds=_near(MINUTES * 1_000)),
    Difference(fields="ts_us", why="each reader's own clock", holds=_near(MINUTES * 1_000_000)),
    Difference(fields="ts_ns", why="each reader's own clock", holds=_near(MINUTES * 1_000_000_000)),
    Difference(
        fields=r"(tombstone/)?headers/__debezium\.context\.(connectorLogicalName|taskId|connectorName|runId)",
        why="names of a run of Debezium",
        holds=_is_text,
    ),
)
"""What tells of the reader, not of the change."""

READ = (SNAPSHOT, INCREMENTAL)
OF_SNAPSHOTS = (
    Difference(
        fields="source/txId",
        cases=(SNAPSHOT,),
        why="no transaction wrote the rows then; Debezium says the transaction that reads them",
        holds=lambda left, right: isinstance(left, int) and right is None,
    ),
    Difference(fields="source/lsn", cases=(SNAPSHOT,), why="each slot begins somewhere else", holds=_near(1 << 20)),
    Difference(
        fields="source/sequence",
        cases=(SNAPSHOT,),
        why="our rows are told between changes, and are newer than those before them",
        holds=lambda left, right: [re.sub(r"\d+", "n", text) for text in (left, right)] == ['[null,"n"]', '["n","n"]'],
    ),
    Difference(
        fields="source/sequence",
        cases=(INCREMENTAL,),
        why="each tells them behind a mark of its own, and Debezium's own marks are commits as well",
        holds=lambda left, right: re.sub(r"\d+", "n", left) == re.sub(r"\d+", "n", right) == '["n","n"]',
    ),
    Difference(fields="source/ts_ms", cases=READ, why="when it was read", holds=_near(MINUTES * 1_000)),
    Difference(fields="source/ts_us", cases=READ, why="when it was read", holds=_near(MINUTES * 1_000_000)),
    Difference(fields="source/ts_ns", cases=READ, why="when it was read", holds=_near(MINUTES * 10**9)),
)
"""Each took its own snapshot."""

OF_VALUES = (
    Difference(
        fields="after/d",
        cases=(SNAPSHOT,),
        why="a date has no zone; with one it is no RFC 3339",
        holds=_without_zone,
    ),
    Difference(
        fields="after/d",
        cases=("types_infinity",),
        why="Debezium makes a day of infinity and counts years before Christ from 0; we say what PostgreSQL says",
        holds=one_of(("+5877611-06-21Z", "infinity"), ("-0043-03-15Z", "0044-03-15 BC")),
    ),
    Difference(
        fields="after/t",
        cases=(SNAPSHOT, "types_infinity"),
        why="a local time has no zone",
        holds=_without_zone,
    ),
    Difference(
        fields="after/t",
        cases=("types_infinity",),
        why="Debezium makes the first moment of a day of its last one",
        holds=exactly("00:00:00Z", "24:00:00"),
    ),
    Difference(
        fields="after/ttz",
        cases=(SNAPSHOT,),
        why="we keep the zone, Debezium moves to UTC",
        holds=one_of(("18:29:59.123456Z", "23:59:59.123456+05:30"), ("00:00:00Z", "00:00:00+00")),
    ),
    Difference(
        fields="(after|before)/(ts|ts3|created_at)",
        why="we always write six digits of a timestamp, Debezium as many as it needs",
        holds=_same_instant,
    ),
    Difference(
        fields="after/ts",
        cases=("types_infinity",),
        why="Debezium makes a day of infinity",
        holds=exactly("+292278994-08-16T23:00:00Z", "infinity"),
    ),
    Difference(
        fields="after/iv",
        cases=(SNAPSHOT,),
        why="both are ISO 8601; ours leaves out what is zero",
        holds=exactly("P0Y0M-1DT0H0M0S", "P-1D"),
    ),
    Difference(fields="after/bits", cases=(SNAPSHOT,), why="bits are no bytes", holds=exactly("Fg==", "10110")),
)
"""The same value, written otherwise."""

OF_BEFORE = (
    _made_up("update_pk_default", "email", ""),
    _made_up("update_pk_default", "created_at", "1970-01-01T00:00:00.000000Z"),
    _made_up("update_pk_toast_default", "user_id", 0),
    _made_up("update_pk_toast_default", "amount", "0.00"),
    _made_up("update_pk_toast_default", "status", ""),
    _made_up("update_pk_toast_default", "created_at", "1970-01-01T00:00:00Z"),
    _made_up("delete_default", "email", ""),
    _made_up("delete_default", "created_at", "1970-01-01T00:00:00.000000Z"),
    _made_up("tx_multi_table", "product_id", 0),
    _made_up("tx_multi_table", "qty", 0),
    _made_up("tx_insert_delete_same_row", "product_id", 0),
    _made_up("tx_insert_delete_same_row", "qty", 0),
)
"""Values that were never in the row."""

OF_INDEX = (
    _made_up(INDEX, "id", 0),
    _made_up(INDEX, "stock", 7),
    Difference(
        fields="key|headers/__debezium.oldkey",
        cases=(INDEX,),
        why="the log does not tell the key of the old row; Debezium makes it up, we say null",
        holds=exactly('{"id":0}', '{"id":null}'),
    ),
    Difference(
        fields="partition",
        cases=(INDEX,),
        why="it follows from the key",
        holds=lambda left, right: left in range(4) and right in range(4),
    ),
)
"""REPLICA IDENTITY USING INDEX on a table with another primary key."""

OF_TRANSACTIONS = (
    Difference(
        fields="data_collections",
        cases=("message_tx",),
        why="Debezium counts a message under the name of a Java object; a message is of no table",
        # Where it stands among the tables is up to the object's hash.
        holds=lambda left, right: [one for one in left if not _is_java(one)] == right != left,
    ),
)

DIFFERENCES = (*OF_THE_READER, *OF_SNAPSHOTS, *OF_VALUES, *OF_BEFORE, *OF_INDEX, *OF_TRANSACTIONS)

MISSING: tuple[Missing, ...] = ()
