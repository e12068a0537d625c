"""wal2json, formats 1 and 2: JSON of the log becomes the same messages that pgoutput's bytes do. No I/O.

Source: wal2json 2.5 and 2.6. Numbers are read as the text they are; what a row leaves out was not sent: an unchanged
TOAST value. Format 1 comes in chunks (``write-in-chunks``), so that each change says where it stands and none is larger
than a row; whole transactions are read too, and all of one stands where it began. It does not say where the commit
stands, only where it ends: the last byte before that serves. Of TRUNCATE it says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from ..options import CaptureOptions, LogError
from ..position import lsn_number
from .pgoutput import Begin, Commit, LogicalMessage, Message
from .wal2json_tables import Change, Image, Type, WalTables

AS_TEXT = "numeric-data-types-as-string"
"""Since 2.6; before, NaN and Infinity are null."""
BYTEA = "17"
_HEADER = 4
"""PostgreSQL counts the length of its header in."""

_decode = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUTSIDE = '{"change":[,'
"""How format 1 begins a message outside of transactions after the first change: it is not JSON."""

Logged = tuple[Message, int]


def wal2json_options(options: CaptureOptions, *, is_any_table: bool) -> dict[str, str]:
    """What START_REPLICATION is told; ``is_any_table``: of all tables, as partitions may come."""
    told = {
        "format-version": str(options.wal2json_format),
        "include-xids": "1",
        "include-timestamp": "1",
        "include-lsn": "1",
        "include-pk": "1",
        "include-types": "1",
        "include-type-oids": "1",
        AS_TEXT: "1",
    }
    if options.wal2json_format == 1:
        told["write-in-chunks"] = "1"
    if not is_any_table:
        told["add-tables"] = ",".join(f"public.{table}" for table in options.published)
    return told


class Wal2JsonReader:
    """Reads what wal2json sends of the tables in ``tables``."""

    def __init__(self, options: Mapping[str, str], tables: WalTables) -> None:
        self.options = options
        self._tables = tables
        self._read = self._read_1 if options["format-version"] == "1" else self._read_2
        self._end: Commit | None = None
        """Of the transaction in hand."""
        self._is_empty = True

    def read(self, data: bytes, lsn: int) -> Iterator[Logged]:
        """Messages of ``data``; raises ``LogError`` for what wal2json does not send."""
        try:
            yield from self._read(data.decode("utf-8", "surrogateescape"), lsn)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise LogError(f"wal2json, format {self.options['format-version']}", lsn) from error

    # -- format 2: a line a message

    def _read_2(self, text: str, lsn: int) -> Iterator[Logged]:
        line = _decode(text)
        action = line["action"]
        if action == "B":
            final_lsn, end_lsn = lsn_number(line["lsn"]), lsn_number(line["nextlsn"])
            yield self._begin(line, final_lsn, end_lsn), lsn
        elif action == "C":
            yield self._commit(), lsn
        elif action == "M":
            yield _message(line), lsn
        else:
            yield from self._change(_change_2(line), lsn)

    # -- format 1: a transaction in chunks, or whole

    def _read_1(self, text: str, lsn: int) -> Iterator[Logged]:
        if text.startswith(("{\"kind\"", ",{")):
            yield from self._told_1(_decode(text.removeprefix(",")), lsn)
        elif text == "]}":
            yield self._commit(), lsn
        else:
            is_cut = text.endswith('"change":[')
            text = text.replace(_OUTSIDE, _OUTSIDE[:-1], 1) if text.startswith(_OUTSIDE) else text
            yield from self._transaction_1(_decode(text + "]}" if is_cut else text), lsn, is_cut=is_cut)

    def _transaction_1(self, whole: Mapping[str, Any], lsn: int, *, is_cut: bool) -> Iterator[Logged]:
        is_transaction = "xid" in whole
        if is_transaction:
            end_lsn = lsn_number(whole["nextlsn"])
            yield self._begin(whole, end_lsn - 1, end_lsn), lsn
        for change in whole["change"]:
            yield from self._told_1(change, lsn)
        if is_transaction and not is_cut:
            yield self._commit(), lsn

    def _told_1(self, change: Mapping[str, Any], lsn: int) -> Iterator[Logged]:
        if change["kind"] == "message":
            yield _message(change), lsn
            return
        yield from self._change(_change_1(change), lsn)

    # -- both

    def _begin(self, told: Mapping[str, Any], final_lsn: int, end_lsn: int) -> Begin:
        if self._end is not None:
            raise ValueError("a transaction inside of another")
        self._end, self._is_empty = Commit(final_lsn=final_lsn, end_lsn=end_lsn), True
        commit_us = (datetime.fromisoformat(told["timestamp"]) - _EPOCH) // timedelta(microseconds=1)
        return Begin(final_lsn=final_lsn, commit_us=commit_us, xid=int(told["xid"]))

    def _commit(self) -> Commit:
        end, self._end = self._end, None
        if end is None:
            raise ValueError("the end of a transaction that has not begun")
        if self._is_empty:
            # So a change of tables looks: what we know of them may be old.
            self._tables.doubt()
        return end

    def _change(self, change: Change, lsn: int) -> Iterator[Logged]:
        self._is_empty = False
        for message in self._tables.messages_of(change):
            yield message, lsn


def _message(told: Mapping[str, Any]) -> LogicalMessage:
    content = told["content"].encode("utf-8", "surrogateescape")
    return LogicalMessage(is_transactional=bool(told["transactional"]), prefix=told["prefix"], content=content)


def _change_1(change: Mapping[str, Any]) -> Change:
    old = change.get("oldkeys", {})
    return Change(
        kind={"insert": "I", "update": "U", "delete": "D"}[change["kind"]],
        schema=change["schema"],
        table=change["table"],
        new=_image_1(change, "column"),
        old=_image_1(old, "key"),
        # Only tables whose identity is their primary key have it told.
        is_old_of_key="pk" in change,
    )


def _image_1(held: Mapping[str, Any], part: str) -> Image:
    lists = [held.get(f"{part}{name}", ()) for name in ("names", "typeoids", "types", "values")]
    return _image(zip(*lists, strict=True))


def _change_2(change: Mapping[str, Any]) -> Change:
    old = _image_2(change.get("identity", ()))
    return Change(
        kind=change["action"],
        schema=change["schema"],
        table=change["table"],
        new=_image_2(change.get("columns", ())),
        old=old,
        is_old_of_key=set(old) <= {column["name"] for column in change.get("pk", ())},
    )


def _image_2(columns: Any) -> Image:
    return _image((column["name"], column["typeoid"], column["type"], column["value"]) for column in columns)


def _image(columns: Iterable[tuple[Any, ...]]) -> Image:
    """(type, text as PostgreSQL writes it) by column."""
    return {name: (_type_of(oid, kind), _text(oid, value)) for name, oid, kind, value in columns}


@lru_cache(10_000)
def _type_of(oid: str, kind: str) -> Type:
    return int(oid), typmod_of(kind)


def _text(oid: str, value: Any) -> str | None:
    if isinstance(value, str):
        return f"\\x{value}" if oid == BYTEA else value
    if value is None:
        return None
    if value is True or value is False:
        return "t" if value else "f"
    raise TypeError("a value of a column is neither text nor a number")


def typmod_of(type_text: str) -> int | None:
    """The size of a type as ``format_type`` writes it; ``None``: it cannot be told from that.

    >>> typmod_of("numeric(12,2)"), typmod_of("character varying(20)[]"), typmod_of("text")
    (786438, 24, -1)
    """
    if "(" not in type_text:
        return -1
    found = re.fullmatch(r"([a-z ]+)\((\d+)(?:,(-?\d+))?\)(?: with(?:out)? time zone)?(?:\[\])*", type_text)
    if found is None:
        return None
    kind, size, scale = found[1], int(found[2]), int(found[3] or 0)
    if kind == "numeric":
        return (size << 16 | scale & 0x7FF) + _HEADER
    if kind in ("character varying", "character"):
        return size + _HEADER
    return size if kind in ("time", "timestamp", "bit", "bit varying") else None
