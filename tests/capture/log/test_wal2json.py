"""wal2json: both formats of a real log become what pgoutput's bytes become; whatever else comes is refused."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.log.pgoutput import (
    UNCHANGED,
    Begin,
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
from streams.capture.log.wal2json import Wal2JsonReader, typmod_of, wal2json_options
from streams.capture.log.wal2json_tables import DescribedTable, WalTables
from streams.capture.options import CaptureOptions, LogError
from streams.capture.position import lsn_number
from streams.capture.postgres.types import FIRST_OWN_OID

from ..workload import FIXTURES, TABLES, cases

OIDS = {
    "bigint": 20, "integer": 23, "smallint": 21, "text": 25, "numeric": 1700, "timestamp with time zone": 1184,
    "timestamp without time zone": 1114, "jsonb": 3802, "json": 114, "boolean": 16, "real": 700,
    "double precision": 701, "date": 1082, "time without time zone": 1083, "time with time zone": 1266,
    "interval": 1186, "uuid": 2950, "bytea": 17, "text[]": 1009, "integer[]": 1007, "mood": 16_400, "inet": 869,
    "bit": 1560,
}  # fmt: skip
"""The fixtures name types in words; captures ask for numbers."""
SIZES = {("orders", "amount"): 917_512}
"""numeric(14,4)."""
KINDS = {1700: "numeric(12,2)", 20: "bigint"}
WIDE = {25, 1700, 3802, 114, 17, 1009, 1007}
ORDERS = ("id", 20), ("status", 25), ("note", 25)


def a_reader(version: int, tables: Mapping[str, DescribedTable]) -> Wal2JsonReader:
    options = CaptureOptions(database="", tables=tuple(tables), kafka={}, plugin="wal2json", wal2json_format=version)
    known = WalTables(tables, lambda schema, table: tables.get(table) if schema == "public" else None)
    return Wal2JsonReader(wal2json_options(options, is_any_table=False), known)


def described(table: str, *columns: tuple[str, int], identity: str = "d", keys: Iterable[str] = ("id",)) -> Any:
    return DescribedTable(
        root=table,
        identity=identity,
        columns=tuple((name, (oid, SIZES.get((table, name), -1))) for name, oid in columns),
        keys=frozenset(name for name, _ in columns) if identity == "f" else frozenset(keys),
        wide=frozenset(name for name, oid in columns if oid in WIDE),
    )


def read(version: int, *sent: Any, tables: Mapping[str, DescribedTable] | None = None) -> list[Message]:
    """Messages of what is sent: text as it is, the rest as JSON."""
    reader = a_reader(version, tables or {"orders": described("orders", *ORDERS)})
    texts = [each if isinstance(each, str) else json.dumps(each) for each in sent]
    return [message for place, text in enumerate(texts) for message, _ in reader.read(text.encode(), place)]


# -- whole workloads

Told = tuple[str, Any, Any, Any, Any]
"""(kind, table, new by column, old by column, types)."""


def told(messages: Iterable[Message]) -> dict[int, list[Told]]:
    """Changes by transaction, by names instead of numbers; empty transactions are left out, pgoutput has none."""
    shapes: dict[int, Relation] = {}
    by_xid: dict[int, list[Told]] = {}
    for message in messages:
        match message:
            case Relation():
                shapes[message.oid] = message
            case Begin():
                changes = by_xid.setdefault(message.xid, [])
            case Commit():
                continue
            case LogicalMessage():
                if message.is_transactional:
                    changes.append(("M", message.prefix, message.content, None, None))
            case Truncate():
                changes += [("T", shapes[oid].table, None, None, None) for oid in message.oids]
            case Insert() | Update() | Delete():
                changes.append(_told(shapes[message.oid], message))
    return {xid: changes for xid, changes in by_xid.items() if changes}


def _told(shape: Relation, message: Insert | Update | Delete) -> Told:
    new = None if isinstance(message, Delete) else by_name(shape, message.new)
    old = None if isinstance(message, Insert) or message.old is None else by_name(shape, message.old)
    is_whole = not isinstance(message, Insert) and message.is_old_whole
    types = [(column.type_oid, column.typmod) for column in shape.columns if column.type_oid < FIRST_OWN_OID]
    return type(message).__name__[0], shape.table, new, old and (old, is_whole), types


def by_name(shape: Relation, values: Values) -> dict[str, Any]:
    return {column.name: value for column, value in zip(shape.columns, values, strict=True)}


@cache
def of_pgoutput() -> dict[int, list[Told]]:
    lines = (FIXTURES / "pgoutput" / "shop-proto1.jsonl").read_text("utf-8").splitlines()
    decoded = (decode_message(b64decode(json.loads(line)["raw"])) for line in lines)
    return told(message for message in decoded if message is not None)


@cache
def of_wal2json(version: int) -> dict[int, list[Told]]:
    reader = a_reader(version, catalog())
    messages = []
    for line in (FIXTURES / "wal2json" / f"shop-v{version}.jsonl").read_text("utf-8").splitlines():
        sent = json.loads(line)
        payload = sent["payload"] if sent["payload"].startswith('{"change":[,') else numbered(sent["payload"])
        messages += [message for message, _ in reader.read(payload.encode(), lsn_number(sent["lsn"]))]
    return told(messages)


def catalog() -> dict[str, DescribedTable]:
    """The tables at the end of the workload: so far ahead is the catalog when an old log is read."""
    users = ("id", 20), ("email", 25), ("credit_card", 25), ("created_at", 1184), ("full_name", 25), ("phone", 25)
    orders = (
        ("id", 20), ("user_id", 20), ("amount", 1700), ("status", 25), ("created_at", 1114), ("note", 25),
    )  # fmt: skip
    products = ("id", 23), ("sku", 25), ("price", 1700), ("attributes", 3802), ("stock", 23)
    order_items = ("order_id", 20), ("line_no", 23), ("product_id", 23), ("qty", 25)
    return {
        "users": described("users", *users),
        "orders": described("orders", *orders, identity="f"),
        "products": described("products", *products, identity="i", keys=("sku",)),
        "order_items": described("order_items", *order_items, keys=("order_id", "line_no")),
        "audit_log": described("audit_log", ("at", 1184), ("what", 25), keys=()),
        "types_demo": described("types_demo", ("id", 23)),
    }


def numbered(payload: str) -> str:
    """The payload as captures ask for it: with numbers of types."""
    sent = json.loads(payload, parse_float=Number, parse_int=Number)
    for change in sent.get("change", ()):
        for holder, names in ((change, "column"), (change.get("oldkeys", {}), "key")):
            if types := holder.get(f"{names}types"):
                holder[f"{names}typeoids"] = [_oid(name) for name in types]
    for column in (*sent.get("columns", ()), *sent.get("identity", ())):
        column["typeoid"] = _oid(column["type"])
    return written(sent)


def _oid(name: str) -> int:
    return OIDS.get(name) or OIDS[name.partition("(")[0] + name.partition(")")[2]]


class Number(str):
    """A number with all its digits."""


def written(value: Any) -> str:
    """JSON, numbers as they were."""
    match value:
        case Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{written(held)}" for name, held in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return json.dumps(value)


def of_cases(version: int, transactions: Mapping[int, list[Told]]) -> dict[str, list[list[Told]]]:
    """Changes by case, each run's transactions have numbers of their own; ``version`` is the server's."""
    by_case: dict[str, list[list[Told]]] = {}
    for line in (FIXTURES / f"cases-pg{version}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        found = [transactions[int(xid)] for xid in case["txids"] if xid and int(xid) in transactions]
        by_case[case["case"]] = found
    return by_case


ONLY_DEBEZIUM = "incremental_snapshot"
"""What Debezium itself wrote into its table of signals."""
NAMES = sorted({name for name, _ in cases()} - {ONLY_DEBEZIUM})


@pytest.mark.parametrize("case", NAMES)
def test_format_2_tells_of_a_case_what_pgoutput_tells(case: str) -> None:
    ours, theirs = of_cases(15, of_wal2json(2)), of_cases(18, of_pgoutput())

    assert ours[case] == theirs[case]


@pytest.mark.parametrize("case", NAMES)
def test_format_1_tells_of_a_case_what_pgoutput_tells_but_truncates(case: str) -> None:
    ours, theirs = of_cases(15, of_wal2json(1)), of_cases(18, of_pgoutput())

    without = [[change for change in changes if change[0] != "T"] for changes in theirs[case]]
    assert ours[case] == [changes for changes in without if changes]


def test_the_cases_hold_every_kind_of_change() -> None:
    kinds = Counter(kind for changes in of_pgoutput().values() for kind, *_ in changes)

    assert kinds.keys() == set("IUDTM")
    assert {name for name, changes in of_cases(18, of_pgoutput()).items() if not changes} <= {
        "replica_full", "tx_rollback", "message_nontx", "message_nontx_rolled_back", ONLY_DEBEZIUM,
    }  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
def test_every_case_is_there(version: int) -> None:
    """Also those behind the truncates, which no pgoutput of the same tables has: COPY, and an index as identity."""
    *_, copied, copied_nokey, update, rekeyed, deleted, last = of_wal2json(version).values()

    assert [[kind for kind, *_ in changes] for changes in (copied, copied_nokey)] == [["I"] * 5, ["I"] * 3]
    (_, _, new, old, _), = update
    assert (new["price"], old) == ("100", None)
    (_, _, new, old, _), = rekeyed
    assert (new["sku"], old) == ("SKU-1b", (only("products", sku="SKU-1"), False))
    (_, _, new, old, _), = deleted
    assert (new, old) == (None, (only("products", sku="SKU-2"), False))
    assert last[0][2]["what"] == "end-of-fixtures"


@pytest.mark.parametrize(
    ("kind", "typmod"),
    [
        ("numeric(12,2)", 786_438), ("numeric(3,-2)", 198_658), ("numeric", -1), ("numeric(12,2)[]", 786_438),
        ("character varying(20)", 24), ("character(1)", 5), ("timestamp(3) without time zone", 3),
        ("timestamp(0) with time zone[]", 0), ("time(6) with time zone", 6), ("bit(5)", 5), ("bit varying(7)", 7),
        ("interval day to second(3)", None), ("geometry(Point,4326)", None), ('"Mood (old)"', None),
    ],
)  # fmt: skip
def test_the_size_of_a_type_is_read_from_its_words(kind: str, typmod: int | None) -> None:
    assert typmod_of(kind) == typmod


def only(table: str, **known: str) -> dict[str, str | None]:
    return {name: known.get(name) for name, _ in catalog()[table].columns}


# -- what is in a line


BEGIN = {"action": "B", "xid": 7, "timestamp": "2026-01-02 03:04:05.5+00", "lsn": "1/A0", "nextlsn": "1/B0"}
COMMIT = {**BEGIN, "action": "C"}
BEGUN = Begin(final_lsn=0x1_0000_00A0, commit_us=1_767_323_045_500_000, xid=7)
ENDED = Commit(final_lsn=0x1_0000_00A0, end_lsn=0x1_0000_00B0)


def column(name: str, oid: int, value: Any) -> dict[str, Any]:
    return {"name": name, "typeoid": oid, "type": KINDS.get(oid, "text"), "value": value}


def a_line(action: str, *columns: dict[str, Any], table: str = "orders", **more: Any) -> dict[str, Any]:
    return {"action": action, "schema": "public", "table": table, "columns": columns, **more}


def test_a_transaction_of_format_2() -> None:
    insert = a_line("I", column("id", 20, 7), column("status", 25, "new"), column("note", 25, None))

    begun, relation, inserted, ended = read(2, BEGIN, insert, COMMIT)

    assert (begun, ended) == (BEGUN, ENDED)
    assert isinstance(relation, Relation)
    assert [(c.name, c.type_oid, c.is_key) for c in relation.columns] == [
        ("id", 20, True), ("status", 25, False), ("note", 25, False),
    ]  # fmt: skip
    assert inserted == Insert(oid=relation.oid, new=("7", "new", None))


def test_a_transaction_of_format_1_comes_in_chunks() -> None:
    row = ('{"kind":"insert","schema":"public","table":"orders","columnnames":["id","status","note"],'
           '"columntypeoids":[20,25,25],"columntypes":["bigint","text","text"],'
           '"columnvalues":[%d,"new",null]}')  # fmt: skip
    head = '{"xid":7,"nextlsn":"1/B0","timestamp":"2026-01-02 03:04:05.5+00","change":['

    begun, _, *inserted, ended = read(1, head, row % 1, "," + row % 2, "]}")

    # It does not say where the commit stands: only where it ends.
    assert (begun, ended) == (
        Begin(final_lsn=0x1_0000_00AF, commit_us=BEGUN.commit_us, xid=7),
        Commit(final_lsn=0x1_0000_00AF, end_lsn=0x1_0000_00B0),
    )
    assert inserted == [Insert(oid=1, new=("1", "new", None)), Insert(oid=1, new=("2", "new", None))]


@pytest.mark.parametrize(
    "text",
    ['{"change":[,{"kind":"message","transactional":false,"prefix":"kept","content":"a \\" b"}]}',
     '{"change":[{"kind":"message","transactional":false,"prefix":"kept","content":"a \\" b"}]}'],
)  # fmt: skip
def test_a_message_of_format_1_outside_of_transactions_is_no_json_and_yet_read(text: str) -> None:
    assert read(1, text) == [LogicalMessage(is_transactional=False, prefix="kept", content=b'a " b')]


def test_a_message_that_is_no_text_keeps_its_bytes() -> None:
    line = b'{"action":"M","xid":null,"timestamp":null,"transactional":false,"prefix":"raw","content":"\xff\xfe"}'

    ((message, _),) = a_reader(2, {}).read(line, 5)

    assert message == LogicalMessage(is_transactional=False, prefix="raw", content=b"\xff\xfe")


@pytest.mark.parametrize(
    ("oid", "written_as", "text"),
    [
        (1700, "12.30", "12.30"),
        (1700, "12345678901234567890.123456789", "12345678901234567890.123456789"),
        (701, "2.5e+100", "2.5e+100"),
        (701, "-0", "-0"),
        (20, "9223372036854775807", "9223372036854775807"),
        (1700, '"NaN"', "NaN"),
        (1700, "null", None),
        (16, "true", "t"),
        (16, "false", "f"),
        (17, '"00ff"', "\\x00ff"),
        (17, '""', "\\x"),
        (1114, '"infinity"', "infinity"),
        (1009, '"{a,NULL,\\"c d\\"}"', '{a,NULL,"c d"}'),
    ],
)
def test_a_value_is_the_text_that_postgresql_writes(oid: int, written_as: str, text: str | None) -> None:
    line = '{"action":"I","schema":"public","table":"t","columns":[{"name":"v","typeoid":%d,"type":"x","value":%s}]}'

    *_, insert = read(2, line % (oid, written_as), tables={"t": described("t", ("v", oid), keys=())})

    assert insert == Insert(oid=1, new=(text,))


# -- what a line leaves out


def test_a_value_that_was_not_sent_is_unchanged_and_not_null() -> None:
    update = a_line("U", column("id", 20, 7), column("status", 25, "paid"), identity=[column("id", 20, 7)])

    _, message = read(2, update)

    assert message == Update(oid=1, old=None, is_old_whole=False, new=("7", "paid", UNCHANGED))


def test_a_key_that_changed_comes_with_the_old_one() -> None:
    update = a_line("U", column("id", 20, 8), column("status", 25, "paid"), identity=[column("id", 20, 7)],
                    pk=[{"name": "id"}])  # fmt: skip

    _, message = read(2, update)

    assert message == Update(oid=1, old=("7", None, None), is_old_whole=False, new=("8", "paid", UNCHANGED))


def test_format_1_leaves_nulls_out_of_an_old_row() -> None:
    tables = {"orders": described("orders", *ORDERS, identity="f")}
    old = {"keynames": ["id", "note"], "keytypeoids": [20, 25], "keytypes": ["bigint", "text"], "keyvalues": [7, "n"]}
    change = {"kind": "delete", "schema": "public", "table": "orders", "oldkeys": old}

    _, message = read(1, change, tables=tables)

    assert message == Delete(oid=1, old=("7", None, "n"), is_old_whole=True)


def test_tables_of_others_are_left_out() -> None:
    other = a_line("I", column("id", 20, 7), table="secrets")
    archived = {**a_line("I", column("id", 20, 7)), "schema": "archive"}

    assert read(2, other, archived) == []


# -- what wal2json does not send


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '"x"', "null", "{}", "]}", '{"action":"X"}', '{"action":"C"}', '{"action":"B"}',
     '{"action":"I","schema":"public","table":"orders","columns":[{"name":"id"}]}',
     '{"action":"I","schema":"public","table":"orders","columns":[{"name":"id","typeoid":20,"value":{}}]}',
     '{"kind":"insert","schema":"public","table":"orders","columnnames":["secret"],"columntypeoids":[],"columnvalues":[1]}',
     '{"kind":"other","schema":"public","table":"orders"}', '{"xid":1,"nextlsn":"7","timestamp":"x","change":[',
     '{"change":7}'],
)  # fmt: skip
def test_what_wal2json_does_not_send_is_refused_without_showing_it(version: int, text: str) -> None:
    with pytest.raises(LogError, match=f"wal2json, format {version} has sent at 0/0 ") as caught:
        read(version, text)

    assert "secret" not in str(caught.value)


@given(version=st.sampled_from([1, 2]), at=st.integers(0, 10_000), to=st.integers(0, 255), cut=st.booleans())
def test_damaged_lines_are_read_or_refused(version: int, at: int, to: int, cut: bool) -> None:
    line = LINES[version][at % len(LINES[version])].encode()
    place = (at * 31) % len(line)
    damaged = line[:place] if cut else line[:place] + bytes([to]) + line[place + 1 :]

    try:
        list(a_reader(version, catalog()).read(damaged, 5))
    except LogError as error:
        assert "0/5" in str(error)


LINES = {
    version: [
        json.loads(line)["payload"]
        for line in (FIXTURES / "wal2json" / f"shop-v{version}.jsonl").read_text("utf-8").splitlines()
    ]
    for version in (1, 2)
}


def test_only_what_is_captured_is_asked_for_unless_partitions_may_come() -> None:
    options = CaptureOptions(database="", tables=TABLES[:2], kafka={}, plugin="wal2json")

    assert wal2json_options(options, is_any_table=False)["add-tables"] == "public.users,public.orders"
    assert "add-tables" not in wal2json_options(options, is_any_table=True)
