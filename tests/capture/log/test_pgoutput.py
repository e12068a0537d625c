"""pgoutput: bytes of the log are the values that PostgreSQL's documentation says they are."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.capture.log.pgoutput import (
    POSTGRES_EPOCH_US,
    UNCHANGED,
    Begin,
    ColumnShape,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Relation,
    Truncate,
    Update,
    Values,
    decode_message,
)
from streams.capture.position import lsn_number

CAPTURED = Path(__file__).parents[2] / "fixtures" / "pgoutput" / "shop-proto1.jsonl"


def text(value: str) -> bytes:
    held = value.encode()
    return b"t" + struct.pack(">I", len(held)) + held


def values(*encoded: bytes) -> bytes:
    return struct.pack(">H", len(encoded)) + b"".join(encoded)


ROW = values(text("7"), b"n", b"u", text("Zoë"))
DECODED_ROW: Values = ("7", None, UNCHANGED, "Zoë")
OID = struct.pack(">I", 16_500)
CASES: dict[str, tuple[bytes, Message | None]] = {
    "begin": (
        b"B" + struct.pack(">QqI", 0x1_0000_00AA, 5, 813),
        Begin(final_lsn=0x1_0000_00AA, commit_us=POSTGRES_EPOCH_US + 5, xid=813),
    ),
    "begin before 2000": (
        b"B" + struct.pack(">QqI", 1, -POSTGRES_EPOCH_US, 4_294_967_295),
        Begin(final_lsn=1, commit_us=0, xid=4_294_967_295),
    ),
    "commit": (b"C" + struct.pack(">BQQq", 0, 10, 20, 5), Commit(final_lsn=10, end_lsn=20)),
    "relation": (
        b"R" + OID + b"public\0orders\0f" + struct.pack(">H", 2)
        + b"\x01id\0" + struct.pack(">Ii", 20, -1) + b"\x00amount\0" + struct.pack(">Ii", 1700, 786_438),
        Relation(
            oid=16_500, schema="public", table="orders", identity="f",
            columns=(ColumnShape(name="id", type_oid=20, is_key=True, typmod=-1),
                     ColumnShape(name="amount", type_oid=1700, is_key=False, typmod=786438)),
        ),
    ),
    "relation of pg_catalog": (
        b"R" + OID + b"\0pg_class\0n" + struct.pack(">H", 0),
        Relation(oid=16_500, schema="pg_catalog", table="pg_class", identity="n", columns=()),
    ),
    "insert": (b"I" + OID + b"N" + ROW, Insert(oid=16_500, new=DECODED_ROW)),
    "update without an old row": (
        b"U" + OID + b"N" + ROW,
        Update(oid=16_500, old=None, is_old_whole=False, new=DECODED_ROW),
    ),
    "update with the old key": (
        b"U" + OID + b"K" + values(text("6"), b"n", b"n", b"n") + b"N" + ROW,
        Update(oid=16_500, old=("6", None, None, None), is_old_whole=False, new=DECODED_ROW),
    ),
    "update with the whole old row": (
        b"U" + OID + b"O" + values(text("6"), b"n", text(""), text("Al")) + b"N" + ROW,
        Update(oid=16_500, old=("6", None, "", "Al"), is_old_whole=True, new=DECODED_ROW),
    ),
    "delete with the key": (
        b"D" + OID + b"K" + values(text("7"), b"n"),
        Delete(oid=16_500, old=("7", None), is_old_whole=False),
    ),
    "delete with the whole row": (
        b"D" + OID + b"O" + values(text("7"), text("x")),
        Delete(oid=16_500, old=("7", "x"), is_old_whole=True),
    ),
    "truncate of two tables": (b"T" + struct.pack(">IBII", 2, 1, 16_500, 16_501), Truncate(oids=(16_500, 16_501))),
    "message inside of a transaction": (
        b"M" + struct.pack(">BQ", 1, 9) + b"outbox\0" + struct.pack(">I", 3) + b"\0ab",
        LogicalMessage(is_transactional=True, prefix="outbox", content=b"\0ab"),
    ),
    "message outside of transactions": (
        b"M" + struct.pack(">BQ", 0, 9) + b"\0" + struct.pack(">I", 0),
        LogicalMessage(is_transactional=False, prefix="", content=b""),
    ),
    "origin": (b"O" + struct.pack(">Q", 9) + b"elsewhere\0", None),
    "type": (b"Y" + OID + b"public\0mood\0", None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_message_is_decoded_whole(case: str) -> None:
    data, expected = CASES[case]

    assert decode_message(data) == expected


def test_a_message_of_another_protocol_is_refused_by_its_letter_alone() -> None:
    with pytest.raises(ValueError, match=r"pgoutput message b'S' is not known") as caught:
        decode_message(b"Sa secret")

    assert "secret" not in str(caught.value)


def captured() -> list[tuple[Message | None, Any]]:
    """(decoded by us, decoded when it was captured) of a whole workload of PostgreSQL 18."""
    lines = map(json.loads, CAPTURED.read_text("utf-8").splitlines())
    return [(decode_message(b64decode(line["raw"])), line["decoded"]) for line in lines]


def test_every_captured_message_is_what_it_was_when_it_was_captured() -> None:
    relations: dict[int, Relation] = {}
    differences = []
    for message, noted in captured():
        if isinstance(message, Relation):
            relations[message.oid] = message
        if (found := dict(_noted(message, relations, noted))) != noted:
            differences.append((noted, found))

    assert len(relations) >= 6
    assert differences == []


def _noted(message: Message | None, relations: dict[int, Relation], noted: Any) -> Iterator[tuple[str, object]]:
    """The message in the words of the capture's notes; what we leave out is taken from there."""
    match message:
        case None | LogicalMessage() | Truncate():
            yield from _noted_beside(message, relations, noted)
        case Begin():
            yield from (("t", "B"), ("final_lsn", _text(message.final_lsn)), ("xid", message.xid))
            yield "commit_ts", pytest.approx(message.commit_us / 1e6, abs=1e-6)
        case Commit():
            yield from (("t", "C"), ("commit_lsn", _text(message.final_lsn)), ("end_lsn", _text(message.end_lsn)))
            yield "commit_ts", noted["commit_ts"]
        case Relation():
            yield from (("t", "R"), ("oid", message.oid), ("schema", message.schema), ("table", message.table))
            yield "identity", message.identity
            modifiers = [column["typmod"] for column in noted["columns"]]
            yield (
                "columns",
                [
                    {"key": int(column.is_key), "name": column.name, "type": column.type_oid, "typmod": modifier}
                    for column, modifier in zip(message.columns, modifiers, strict=True)
                ],
            )
        case Insert() | Update() | Delete():
            relation = relations[message.oid]
            yield from (("t", type(message).__name__[0]), ("rel", relation.table))
            if not isinstance(message, Insert) and message.old is not None:
                yield "old" if message.is_old_whole else "key", _row(relation, message.old)
            if not isinstance(message, Delete):
                yield "new", _row(relation, message.new)


def _noted_beside(
    message: LogicalMessage | Truncate | None, relations: dict[int, Relation], noted: Any
) -> Iterator[tuple[str, object]]:
    match message:
        case Truncate():
            yield from (("t", "T"), ("flags", noted["flags"]))
            yield "rels", [relations[oid].table for oid in message.oids]
        case LogicalMessage():
            yield from (("t", "M"), ("transactional", int(message.is_transactional)), ("lsn", noted["lsn"]))
            yield from (("prefix", message.prefix), ("content", noted["content"]))
            assert message.content == b64decode(noted["content"])
        case None:
            assert noted["t"] in ("Y", "O")
            yield from noted.items()


def _row(relation: Relation, row: Values) -> dict[str, object]:
    names = [column.name for column in relation.columns]
    shown = [{"unchanged_toast": True} if value is UNCHANGED else value for value in row]
    return dict(zip(names, shown, strict=True))


def _text(lsn: int) -> str:
    held = f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
    assert lsn_number(held) == lsn
    return held
