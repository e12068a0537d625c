"""Outgoing: filters, masks and routes, and what they leave alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.log.announcements import Announcer
from streams.capture.log.changes import ChangeStream
from streams.capture.log.pgoutput import UNCHANGED, ColumnShape, Delete, Insert, Relation, Truncate, Update
from streams.capture.options import CaptureError, CaptureOptions
from streams.capture.outgoing.envelope import UNAVAILABLE, EnvelopeWriter, TableTarget
from streams.capture.outgoing.records import Outgoing
from streams.capture.outgoing.rules import FilterRule, MaskMethod, MaskRule, RouteRule, Rules
from streams.capture.outgoing.transform import check_fields
from streams.capture.position import Position
from streams.capture.postgres.facts import ColumnFacts
from streams.capture.postgres.types import element_of
from streams.capture.serialize.avro import AvroCodec
from streams.capture.serialize.codec import Codecs
from streams.capture.serialize.json_schema import JsonCodec
from streams.capture.serialize.protobuf import ProtobufCodec
from streams.capture.serialize.registered import MakeCodec, RegisteredCodecs
from streams.contracts.registry import MemoryRegistry
from streams.records import Delivery

from ..builders import NOW_US, ORDERS, a_relation, a_transaction, changes_of, fed, orders_of, value_of

SECRET_KEY = b"0123456789abcdef0123"
NO_DELETES = Rules(filters=(FilterRule(condition="op != 'DELETE'"),))
FULL = a_relation(identity="f")


def facts(relation: Relation) -> tuple[ColumnFacts, ...]:
    """``id`` is NOT NULL; text takes any text."""
    return tuple(
        ColumnFacts(name=column.name, type_oid=column.type_oid, is_required=column.name == "id",
                    is_text=column.type_oid == 25, element_oid=element_of(column.type_oid), number=place)
        for place, column in enumerate(relation.columns, 1)
    )  # fmt: skip


def a_way(
    rules: Rules, *, relation: Relation | None = None, target: TableTarget = ORDERS, codecs: Codecs | None = None,
    mask_key: bytes | None = SECRET_KEY,
) -> ChangeStream:  # fmt: skip
    """A stream of orders under ``rules``."""
    writer = EnvelopeWriter("cdc", "shop")
    outgoing = Outgoing(writer, rules=rules, describe=facts, mask_key=mask_key, codecs=codecs)
    options = CaptureOptions(database="", tables=("orders",), kafka={})
    stream = ChangeStream({"orders": target}, outgoing, Announcer(options, writer), Position(is_snapshot_done=True))
    assert list(stream.feed(relation or a_relation(), 0, now_us=NOW_US)) == []
    return stream


def masked(*fields: str, **others: object) -> Rules:
    return Rules(masks=(MaskRule(fields=fields, **others),))  # type: ignore[arg-type]


INSERT = Insert(oid=1, new=("7", "new", "a note"))
UPDATE = Update(oid=1, old=None, is_old_whole=False, new=("7", "paid", UNCHANGED))
DELETE = Delete(oid=1, old=("7", None, None), is_old_whole=False)


def test_what_is_filtered_goes_with_its_tombstone_and_changes_no_number() -> None:
    stream = a_way(NO_DELETES)

    records = fed(stream, a_transaction(1, INSERT, DELETE, INSERT, Truncate(oids=(1,))))

    assert [change[0] for change in changes_of(records)] == ["c", "c", "t"]
    assert orders_of(records) == [(1, 1), (3, 3), (4, 4)]
    assert stream.position.end_lsn == 195


def test_a_transaction_of_which_nothing_is_left_moves_the_position() -> None:
    stream = a_way(Rules(filters=(FilterRule(condition="FALSE"),)))

    assert fed(stream, a_transaction(1, INSERT, DELETE)) == []
    assert stream.position == Position(is_snapshot_done=True, final_lsn=190, end_lsn=195)


def test_a_key_change_under_a_filter_of_deletes_leaves_its_second_half() -> None:
    moved = Update(oid=1, old=("7", None, None), is_old_whole=False, new=("8", "new", None))

    records = fed(a_way(NO_DELETES), a_transaction(1, moved))

    assert [(record.key, record.headers) for record in records] == [
        (b'{"id":8}', (("__debezium.oldkey", b'{"id":7}'),)),
    ]


def test_every_filter_must_hold_and_null_is_not_true() -> None:
    rules = Rules(filters=(FilterRule(condition="status <> 'draft'"), FilterRule(condition="note IS NULL OR id > 5")))
    rows = (("1", "new", None), ("2", "draft", None), ("3", None, None), ("4", "new", "x"), ("6", "new", "x"))

    records = fed(a_way(rules, relation=FULL), a_transaction(1, *(Insert(oid=1, new=row) for row in rows)))

    assert [value_of(record)["after"]["id"] for record in records] == [1, 6]


def test_a_truncate_takes_every_row_away_unless_that_is_said_to_be_false() -> None:
    route = RouteRule(table="orders", topic="t", condition="id > 1")
    for condition, goes_on in {"status <> 'draft'": True, "op != 'TRUNCATE'": False, "op = 'INSERT' AND id > 1": False,
                               "op <> 'DELETE' AND note IS NULL": True}.items():  # fmt: skip
        rules = Rules(filters=(FilterRule(condition=condition),), routes=(route,))
        records = fed(a_way(rules, relation=FULL), a_transaction(1, Truncate(oids=(1,))))
        assert [record.topic for record in records] == (["cdc.orders.v1", "t"] if goes_on else [])


def test_a_filter_sees_what_a_mask_covers() -> None:
    rules = Rules(filters=(FilterRule(condition="status = 'new'"),), masks=(MaskRule(fields=("status",)),))

    (record,) = fed(a_way(rules, relation=FULL), a_transaction(1, INSERT))

    assert value_of(record)["after"]["status"] == "***"


def test_a_filter_of_another_table_is_no_filter_here() -> None:
    rules = Rules(filters=(FilterRule(condition="price > 1", tables=frozenset({"products"})),))

    assert len(fed(a_way(rules), a_transaction(1, INSERT))) == 1


@pytest.mark.parametrize("condition", ["status <> 'draft'", "before.note IS NULL", "after.note IS NULL"])
def test_a_filter_on_what_a_delete_does_not_tell_is_refused(condition: str) -> None:
    rules = Rules(filters=(FilterRule(condition=condition),))

    with pytest.raises(CaptureError, match="REPLICA IDENTITY FULL"):
        fed(a_way(rules), a_transaction(1, INSERT))
    fed(a_way(rules, relation=FULL), a_transaction(1, INSERT))
    fed(a_way(Rules(filters=(FilterRule(condition="id > 3 AND op = 'INSERT'"),))), a_transaction(1, INSERT))


def test_a_filter_that_does_not_fit_the_table_says_what_there_is() -> None:
    with pytest.raises(CaptureError, match="'statos'; did you mean status"):
        fed(a_way(Rules(filters=(FilterRule(condition="statos = 'x'"),))), a_transaction(1, INSERT))


def test_masks_cover_both_images_and_leave_null_and_what_was_not_sent() -> None:
    changed = Update(oid=1, old=("7", "new", "n"), is_old_whole=True, new=("7", None, UNCHANGED))
    rules = masked("status", "note")

    (whole,) = fed(a_way(rules, relation=FULL), a_transaction(1, changed))
    (partly,) = fed(a_way(rules), a_transaction(1, UPDATE))

    assert (value_of(whole)["before"], value_of(whole)["after"]) == (
        {"id": 7, "status": "***", "note": "***"},
        {"id": 7, "status": None, "note": "***"},
    )
    assert value_of(partly)["after"] == {"id": 7, "status": "***", "note": UNAVAILABLE}


def test_partial_keeps_four_characters_and_drop_leaves_the_column_out() -> None:
    rules = Rules(masks=(MaskRule(fields=("note",), method=MaskMethod.PARTIAL),
                         MaskRule(fields=("status",), method=MaskMethod.DROP)))  # fmt: skip

    (record,) = fed(a_way(rules), a_transaction(1, Insert(oid=1, new=("7", "new", "4111111111111111"))))

    assert value_of(record)["after"] == {"id": 7, "note": "************1111"}


def test_a_masked_key_is_masked_in_key_images_and_headers_and_stays_the_same_for_the_same_row() -> None:
    moved = Update(oid=1, old=("7", None, None), is_old_whole=False, new=("8", "new", None))
    rules = masked("id", method=MaskMethod.HASH)

    (before,) = fed(a_way(rules), a_transaction(1, INSERT))
    deleted, tombstone, inserted = fed(a_way(rules), a_transaction(1, moved))

    assert before.key == deleted.key == tombstone.key == inserted.headers[0][1]
    assert inserted.key == deleted.headers[0][1] != deleted.key
    key = json.loads(deleted.key or b"")["id"]
    assert (len(key), value_of(deleted)["before"]["id"]) == (32, key)
    assert value_of(deleted)["source"]["lsn"] == value_of(inserted)["source"]["lsn"]


@pytest.mark.parametrize("method", [MaskMethod.REDACT, MaskMethod.PARTIAL, MaskMethod.DROP])
def test_a_key_that_would_make_rows_one_is_refused(method: MaskMethod) -> None:
    with pytest.raises(CaptureError, match=r"orders\.id is part of the key.*method hash"):
        fed(a_way(masked("id", method=method)), a_transaction(1, INSERT))


def test_a_hash_needs_its_secret() -> None:
    with pytest.raises(CaptureError, match="STREAMS_MASK_KEY_FILE"):
        fed(a_way(masked("note", method=MaskMethod.HASH), mask_key=None), a_transaction(1, INSERT))


def test_a_number_that_may_not_be_null_cannot_be_redacted_and_one_that_may_is_null() -> None:
    target = TableTarget(table="orders", topic="t", key=("status",), primary_key=("status",))
    columns = (ColumnShape(name="status", type_oid=25, is_key=True), ColumnShape(name="id", type_oid=20, is_key=False),
               ColumnShape(name="age", type_oid=23, is_key=False))  # fmt: skip
    relation = Relation(oid=1, schema="public", table="orders", identity="d", columns=columns)
    row = Insert(oid=1, new=("a", "1", "30"))

    (record,) = fed(a_way(masked("age"), relation=relation, target=target), a_transaction(1, row))
    assert value_of(record)["after"] == {"status": "a", "id": 1, "age": None}
    with pytest.raises(CaptureError, match=r"orders\.id is neither text nor may it be null"):
        fed(a_way(masked("id"), relation=relation, target=target), a_transaction(1, row))


def test_an_array_is_redacted_or_dropped() -> None:
    columns = (*a_relation().columns[:2], ColumnShape(name="tags", type_oid=1009, is_key=False))
    relation = Relation(oid=1, schema="public", table="orders", identity="d", columns=columns)
    row = Insert(oid=1, new=("7", "new", "{a,b}"))

    for method in (MaskMethod.HASH, MaskMethod.PARTIAL):
        with pytest.raises(CaptureError, match=r"orders\.tags is an array"):
            fed(a_way(masked("tags", method=method), relation=relation), a_transaction(1, row))
    (record,) = fed(a_way(masked("tags"), relation=relation), a_transaction(1, row))
    assert value_of(record)["after"]["tags"] is None


def test_a_masked_column_that_is_gone_ends_the_capture_unless_it_may_be_missing() -> None:
    renamed = Relation(
        oid=1, schema="public", table="orders", identity="d",
        columns=(*a_relation().columns[:2], ColumnShape(name="memo", type_oid=25, is_key=False)),
    )  # fmt: skip
    strict, lenient = a_way(masked("note")), a_way(masked("note", may_be_missing=True))
    for stream in (strict, lenient):
        fed(stream, [*a_transaction(1, INSERT), (renamed, 195)])

    with pytest.raises(CaptureError, match=r"no column note any more.*missing: ok"):
        fed(strict, a_transaction(2, INSERT))
    assert len(fed(lenient, a_transaction(2, INSERT))) == 1


def test_rules_know_which_fields_of_a_table_are_masked() -> None:
    rules = Rules(masks=(MaskRule(fields=("a", "b")), MaskRule(fields=("c",), tables=frozenset({"t"}))))

    assert (rules.masked("t"), rules.masked("u")) == ({"a", "b", "c"}, {"a", "b"})


def test_a_field_that_no_table_has_is_refused_with_those_there_are() -> None:
    columns = {"users": ["id", "ssn"], "orders": ["id"]}

    check_fields(masked("ssn"), columns)
    check_fields(masked("gone", may_be_missing=True), columns)
    with pytest.raises(CaptureError, match="names snn, which no captured table has; there are: id, ssn"):
        check_fields(masked("ssn", "snn"), columns)
    with pytest.raises(CaptureError, match="names ssn"):
        check_fields(masked("ssn", tables=frozenset({"orders"})), columns)


def test_routes_get_what_they_ask_for_beside_the_tables_own_topic() -> None:
    rules = Rules(
        routes=(
            RouteRule(table="orders", topic="all"),
            RouteRule(table="orders", topic="large", condition="id > 100"),
            RouteRule(table="users", topic="other"),
        )
    )
    log = a_transaction(1, INSERT, Insert(oid=1, new=("700", "new", None)), Delete(oid=1, old=("700", None, None),
                                                                               is_old_whole=False))  # fmt: skip
    stream = a_way(rules)

    records = fed(stream, log)

    own = [(record.key, record.value) for record in records if record.topic == "cdc.orders.v1"]
    assert [(record.key, record.value) for record in records if record.topic == "all"] == own
    assert [(record.key, record.value) for record in records if record.topic == "large"] == own[1:]
    assert len(own) == 4
    assert stream._outgoing.counts == {("routed", "orders"): 5}


def test_counts_tell_what_was_done() -> None:
    stream = a_way(Rules(filters=NO_DELETES.filters, masks=(MaskRule(fields=("note",)),)))

    fed(stream, a_transaction(1, INSERT, DELETE, UPDATE))

    assert stream._outgoing.counts == {("filtered", "orders"): 1, ("masked", "orders"): 2}


# -- the law: a masked value is nowhere

SECRETS = st.text("SECRET", min_size=6, max_size=12)
KINDS: tuple[MakeCodec | None, ...] = (None, AvroCodec, JsonCodec, ProtobufCodec)


@st.composite
def changes(draw: st.DrawFn) -> Iterable[object]:
    """Any change of a row whose key, status and note are secret; under FULL."""
    old, new = (tuple(draw(SECRETS if place == 0 else st.none() | SECRETS) for place in range(3)) for _ in range(2))
    return draw(
        st.sampled_from(
            [Insert(oid=1, new=new), Delete(oid=1, old=old, is_old_whole=True),
             Update(oid=1, old=old, is_old_whole=True, new=new)]
        )
    )  # fmt: skip


@given(log=st.lists(changes(), min_size=1, max_size=5), kind=st.sampled_from(KINDS),
       method=st.sampled_from([MaskMethod.REDACT, MaskMethod.HASH, MaskMethod.DROP]))  # fmt: skip
def test_no_masked_value_leaves_in_any_format(
    log: list[Insert | Delete | Update], kind: MakeCodec | None, method: MaskMethod
) -> None:
    relation = Relation(
        oid=1, schema="public", table="orders", identity="f",
        columns=tuple(ColumnShape(name=name, type_oid=25, is_key=True) for name in ("id", "status", "note")),
    )  # fmt: skip
    rules = Rules(
        masks=(MaskRule(fields=("id",), method=MaskMethod.HASH), MaskRule(fields=("status", "note"), method=method)),
        routes=(RouteRule(table="orders", topic="sink"),),
    )
    codecs = None if kind is None else RegisteredCodecs(kind, MemoryRegistry(), "cdc")

    records = fed(a_way(rules, relation=relation, codecs=codecs), a_transaction(1, *log))

    assert records
    told = b"|".join(map(_bytes_of, records))
    assert [secret for secret in _secrets(log) if secret.encode() in told] == []


def _secrets(log: Iterable[Insert | Delete | Update]) -> Iterator[str]:
    for change in log:
        for row in (getattr(change, "old", ()), getattr(change, "new", ())):
            yield from (value for value in row if isinstance(value, str))


def _bytes_of(record: Delivery) -> bytes:
    return b"|".join([record.key or b"", record.value or b"", *(value or b"" for _, value in record.headers)])
