"""pgoutput's streams: open transactions wait on disk, and go on whole or not at all, in the order of their commits."""

from __future__ import annotations

import json
import struct
import tempfile
from base64 import b64decode
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.log.pgoutput import (
    POSTGRES_EPOCH_US,
    Begin,
    Commit,
    Insert,
    LogicalMessage,
    Message,
    Relation,
    Truncate,
    decode_message,
)
from streams.capture.log.pgoutput_stream import PgOutputReader
from streams.capture.log.spool import Spool
from streams.capture.options import CaptureError, LogError
from streams.capture.position import lsn_number

FIXTURES = Path(__file__).parents[2] / "fixtures" / "pgoutput"
PLACE = 1_000
BIG, OTHER, PART, INNER = 900, 901, 910, 911
"""Two transactions, and subtransactions of the first."""

Sent = tuple[bytes, int]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path, "orders") as held:
        yield held


def insert(word: str, xid: int | None = None) -> bytes:
    """An insert of one column into table 1; streamed ones name their (sub)transaction."""
    named = b"" if xid is None else struct.pack(">I", xid)
    return b"I" + named + struct.pack(">I", 1) + b"N" + struct.pack(">H", 1) + _text(word)


def _text(word: str) -> bytes:
    return b"t" + struct.pack(">I", len(word)) + word.encode()


def start(xid: int, is_first: int = 0) -> bytes:
    return b"S" + struct.pack(">IB", xid, is_first)


def commit(xid: int) -> bytes:
    return b"c" + struct.pack(">IBQQq", xid, 0, PLACE + xid, PLACE + xid + 8, 5)


def abort(xid: int, part: int, *, more: bytes = b"") -> bytes:
    return b"A" + struct.pack(">II", xid, part) + more


STOP = b"E"


def read(spool: Spool, *sent: bytes) -> list[Message]:
    reader = PgOutputReader({}, spool)
    return [message for place, data in enumerate(sent) for message, _ in reader.read(data, place)]


def whole(xid: int, *words: str) -> list[Message]:
    """What a transaction becomes."""
    return [
        Begin(final_lsn=PLACE + xid, commit_us=POSTGRES_EPOCH_US + 5, xid=xid),
        *(Insert(oid=1, new=(word,)) for word in words),
        Commit(final_lsn=PLACE + xid, end_lsn=PLACE + xid + 8),
    ]


def test_a_transaction_in_pieces_becomes_one_when_it_is_committed(spool: Spool) -> None:
    pieces = start(BIG, 1), insert("a", BIG), STOP, start(BIG), insert("b", BIG), STOP

    reader = PgOutputReader({}, spool)

    assert [list(reader.read(data, 0)) for data in pieces] == [[]] * len(pieces)
    assert [message for message, _ in reader.read(commit(BIG), 0)] == whole(BIG, "a", "b")


def test_its_rows_stand_where_they_were_sent_and_its_begin_where_the_first_piece_began(spool: Spool) -> None:
    reader = PgOutputReader({}, spool)
    sent = [(start(BIG, 1), 10), (insert("a", BIG), 11), (STOP, 12), (start(BIG), 20), (insert("b", BIG), 21),
            (STOP, 22), (commit(BIG), 30)]  # fmt: skip

    places = [lsn for data, at in sent for _, lsn in reader.read(data, at)]

    assert places == [10, 11, 21, 30]


def test_transactions_in_turns_come_apart_and_leave_in_the_order_of_their_commits(spool: Spool) -> None:
    sent = [start(BIG, 1), insert("a", BIG), STOP, start(OTHER, 1), insert("x", OTHER), STOP]
    sent += [start(BIG), insert("b", BIG), STOP, commit(OTHER), commit(BIG)]

    assert read(spool, *sent) == [*whole(OTHER, "x"), *whole(BIG, "a", "b")]


def test_a_small_transaction_between_the_pieces_goes_on_at_once(spool: Spool) -> None:
    small = b"B" + struct.pack(">QqI", 77, 5, 800), insert("now"), b"C" + struct.pack(">BQQq", 0, 77, 80, 5)

    messages = read(spool, start(BIG, 1), insert("a", BIG), STOP, *small)

    assert messages == [
        Begin(final_lsn=77, commit_us=POSTGRES_EPOCH_US + 5, xid=800),
        Insert(oid=1, new=("now",)),
        Commit(final_lsn=77, end_lsn=80),
    ]


def test_a_transaction_that_is_rolled_back_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    assert read(spool, start(BIG, 1), insert("a", BIG), STOP, abort(BIG, BIG)) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("more", [b"", struct.pack(">Qq", 1, 2)], ids=["on", "parallel"])
def test_a_subtransaction_that_is_rolled_back_takes_only_its_own_changes(spool: Spool, more: bytes) -> None:
    sent = [start(BIG, 1), insert("a", BIG), insert("gone", PART), insert("kept", INNER), STOP]
    sent += [abort(BIG, PART, more=more), start(BIG), insert("b", BIG), STOP, commit(BIG)]

    assert read(spool, *sent) == whole(BIG, "a", "kept", "b")


def test_a_table_of_a_subtransaction_that_is_rolled_back_is_forgotten_with_it(spool: Spool) -> None:
    relation = struct.pack(">I", 1) + b"public\0t\0d" + struct.pack(">H", 0)
    sent = [start(BIG, 1), b"R" + struct.pack(">I", PART) + relation, insert("gone", PART), STOP, abort(BIG, PART)]
    sent += [start(BIG), b"R" + struct.pack(">I", BIG) + relation, insert("b", BIG), STOP, commit(BIG)]

    begin, *between, end = read(spool, *sent)

    assert [begin, *between[1:], end] == whole(BIG, "b")
    assert between[0] == Relation(oid=1, schema="public", table="t", identity="d", columns=())


def test_truncates_and_messages_are_streamed_too(spool: Spool) -> None:
    xid = struct.pack(">I", BIG)
    truncate = b"T" + xid + struct.pack(">IB", 1, 0) + struct.pack(">I", 1)
    message = b"M" + xid + b"\x01" + struct.pack(">Q", 5) + b"outbox\0" + struct.pack(">I", 1) + b"x"
    origin, kind = b"O" + struct.pack(">Q", 1) + b"there\0", b"Y" + xid + struct.pack(">I", 5) + b"public\0mood\0"

    _, *between, _ = read(spool, start(BIG, 1), origin, kind, truncate, message, STOP, commit(BIG))

    assert between == [
        Truncate(oids=(1,)),
        LogicalMessage(is_transactional=True, prefix="outbox", content=b"x"),
    ]


def test_pieces_of_a_former_run_are_forgotten_as_postgresql_sends_them_again(tmp_path: Path) -> None:
    pieces = start(BIG, 1), insert("a", BIG), STOP
    with Spool(tmp_path, "orders") as former:
        read(former, *pieces)
        left = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path, data in left.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)

    with Spool(tmp_path, "orders") as spool:
        assert read(spool, *pieces, commit(BIG)) == whole(BIG, "a")
    assert left, "the former run had left something"
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_two_slots_do_not_share_a_folder(tmp_path: Path) -> None:
    with Spool(tmp_path, "orders") as orders, Spool(tmp_path, "users") as users:
        read(orders, start(BIG, 1), insert("a", BIG), STOP)

        assert read(users, commit(BIG)) == whole(BIG)


def test_a_transaction_whose_file_is_gone_is_not_told_as_an_empty_one(spool: Spool, tmp_path: Path) -> None:
    reader = PgOutputReader({}, spool)
    for data in (start(BIG, 1), insert("a", BIG), STOP):
        list(reader.read(data, 0))
    for path in tmp_path.rglob(str(BIG)):
        path.unlink()

    with pytest.raises(CaptureError, match=r"somebody has removed or changed files in .*; start again"):
        list(reader.read(commit(BIG), 0))


def test_a_disk_that_does_not_take_it_is_told_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = pytest.raises(CaptureError, match=r"make room there, .* --no-streaming")
    with said, Spool(tmp_path / "file", "orders") as spool:
        read(spool, start(BIG, 1))


# -- what pgoutput does not send


@pytest.mark.parametrize(
    "data",
    [b"", b"Zsecret", b"I", b"S", b"c", b"A\0", b"B\0\0", b"I\0\0\0\1N\0\1b\0\0\0\6secret",
     b"I\0\0\0\1N\0\1t\0\0\0\7secret", b"I\0\0\0\1N\0\1t\0\0\0\1\xff", b"M\0\0\0\0\0\0\0\0\0secret"],
)  # fmt: skip
def test_what_pgoutput_does_not_send_is_refused_without_showing_it(spool: Spool, data: bytes) -> None:
    with pytest.raises(LogError, match="pgoutput has sent at 0/7 ") as caught:
        list(PgOutputReader({}, spool).read(data, 7))

    assert "secret" not in str(caught.value)


def test_a_damaged_change_is_refused_when_its_transaction_is_committed(spool: Spool) -> None:
    with pytest.raises(LogError, match="pgoutput has sent at 0/1 "):
        read(spool, start(BIG, 1), insert("a", BIG)[:-1], STOP, commit(BIG))


@given(number=st.integers(0, 10_000), places=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3))
def test_damaged_messages_are_read_or_refused(number: int, places: list[tuple[int, int]]) -> None:
    data = bytearray(SENT[number % len(SENT)])
    for place, to in places:
        data[place % len(data)] = to
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder), "orders") as spool:
        reader = PgOutputReader({}, spool)
        try:
            for each in (bytes(data), bytes(data[: len(data) // 2])):
                list(reader.read(each, 5))
        except LogError as error:
            assert "0/5" in str(error)


# -- the same workload, captured in both protocols


def captured(name: str) -> Iterator[Sent]:
    for line in (FIXTURES / f"shop-{name}.jsonl").read_text("utf-8").splitlines():
        noted = json.loads(line)
        yield b64decode(noted["raw"]), lsn_number(noted["lsn"])


SENT = [data for name in ("proto1", "proto4-streaming") for data, _ in captured(name)]


def transactions(messages: Iterable[Message]) -> list[list[Message]]:
    """Messages by transaction, without what tells of places in the log and of the tables' numbers."""
    found: list[list[Message]] = []
    for message in messages:
        match message:
            case Begin():
                found.append([])
            case Commit() | Relation() | LogicalMessage(is_transactional=False):
                continue
            case _:
                found[-1].append(message)
    return found


def test_protocol_4_tells_what_protocol_1_tells(spool: Spool) -> None:
    reader = PgOutputReader({}, spool)
    plain = [message for data, _ in captured("proto1") if (message := decode_message(data)) is not None]
    streamed = [message for data, lsn in captured("proto4-streaming") for message, _ in reader.read(data, lsn)]

    assert transactions(streamed) == transactions(plain)
    assert sum(data[:1] == b"S" for data, _ in captured("proto4-streaming")) > 1, "some of it came in pieces"
