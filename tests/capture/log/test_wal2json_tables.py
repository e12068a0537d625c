"""Tables that wal2json does not describe: columns it leaves out, the catalog that is ahead of the log, partitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.capture.log.pgoutput import UNCHANGED, Delete, Insert, Message, Relation, Truncate, Update, Value
from streams.capture.log.wal2json_tables import Change, DescribedTable, Image, Type, WalTables

INT, TEXT = (23, -1), (25, -1)
WIDE = {TEXT}
ORDERS = ("id", INT), ("status", TEXT), ("note", TEXT)


class Catalog:
    """What the catalog says, which tests change; counts how often it is asked."""

    def __init__(self, **tables: DescribedTable | None) -> None:
        self.tables = dict(tables)
        self.asked = 0

    def __call__(self, schema: str, table: str) -> DescribedTable | None:
        self.asked += 1
        return self.tables.get(table) if schema == "public" else None


def a_table(
    *columns: tuple[str, Type], root: str = "orders", identity: str = "d", keys: Iterable[str] = ("id",), **more: object
) -> DescribedTable:
    generated = more.get("generated", frozenset())
    assert isinstance(generated, frozenset)
    return DescribedTable(
        root=root,
        identity=identity,
        columns=columns,
        keys=frozenset(name for name, _ in columns) if identity == "f" else frozenset(keys),
        generated=generated,
        wide=frozenset(name for name, oid in columns if oid in WIDE),
    )


def image(**values: str | None) -> Image:
    """``id`` is a number, the rest text."""
    return {name: (INT if name in ("id", "qty") else TEXT, value) for name, value in values.items()}


def an_insert(**values: str | None) -> Change:
    return Change(kind="I", schema="public", table="orders", new=image(**values))


def an_update(old: Image | None = None, **values: str | None) -> Change:
    key = {name: held for name, held in image(**values).items() if name == "id"}
    return Change(
        kind="U", schema="public", table="orders", new=image(**values), old=old or key, is_old_of_key=old is None
    )


def rows(catalog: Catalog, *changes: Change | None) -> list[dict[str, Value] | None]:
    """The new row of each change by column, after all of them; ``None`` stands for a change of tables."""
    return [new for new, _ in both(catalog, *changes)]


def both(catalog: Catalog, *changes: Change | None) -> Iterator[tuple[dict[str, Value] | None, object]]:
    tables = WalTables(["orders"], catalog)
    shape: Relation | None = None
    for change in changes:
        if change is None:
            tables.doubt()
            continue
        for message in tables.messages_of(change):
            if isinstance(message, Relation):
                shape = message
            else:
                assert shape is not None
                yield named(shape, message)


def named(shape: Relation, message: Message) -> tuple[dict[str, Value] | None, object]:
    names = [column.name for column in shape.columns]
    match message:
        case Insert():
            return dict(zip(names, message.new, strict=True)), None
        case Update():
            old = None if message.old is None else dict(zip(names, message.old, strict=True))
            return dict(zip(names, message.new, strict=True)), (old, message.is_old_whole)
        case Delete():
            return None, (dict(zip(names, message.old, strict=True)), message.is_old_whole)
        case _:
            return None, None


# -- the catalog is ahead of the log, or the log of what we know


def test_a_column_that_the_catalog_has_and_an_insert_has_not_was_not_there_yet() -> None:
    catalog = Catalog(orders=a_table(*ORDERS, ("phone", TEXT)))

    assert rows(catalog, an_insert(id="1", status="new", note="n"), an_update(id="1", status="paid")) == [
        {"id": "1", "status": "new", "note": "n"},
        {"id": "1", "status": "paid", "note": UNCHANGED},
    ]


def test_a_column_that_came_is_known_from_its_first_row_on_also_where_later_ones_leave_it_out() -> None:
    catalog = Catalog(orders=a_table(*ORDERS, ("phone", TEXT)))
    first = an_insert(id="1", status="new", note="n")
    changes = first, an_insert(id="2", status="new", note="n", phone="1"), an_update(id="2", status="paid")

    assert rows(catalog, *changes)[-1] == {"id": "2", "status": "paid", "note": UNCHANGED, "phone": UNCHANGED}
    assert catalog.asked == 1, "inserts say all columns"


def test_a_column_that_an_update_brings_is_looked_up_once() -> None:
    catalog = Catalog(orders=a_table(*ORDERS))
    first = an_update(id="1", status="paid", note="n")
    assert rows(catalog, first)[-1] == {"id": "1", "status": "paid", "note": "n"}
    catalog = Catalog(orders=a_table(*ORDERS, ("phone", TEXT)))

    changed = [an_update(id="1", status="paid", phone=str(number)) for number in range(5)]
    told = rows(catalog, an_insert(id="1", status="new", note="n"), *changed)

    assert told[-1] == {"id": "1", "status": "paid", "note": UNCHANGED, "phone": "4"}
    assert catalog.asked == 1 + 1


def test_a_column_that_went_in_a_transaction_of_its_own_is_no_longer_told() -> None:
    catalog = Catalog(orders=a_table(*ORDERS))
    tables = WalTables(["orders"], catalog)
    list(tables.messages_of(an_insert(id="1", status="new", note="n")))

    catalog.tables["orders"] = a_table(*ORDERS[:2])
    tables.doubt()
    relation, update = tables.messages_of(an_update(id="1", status="paid"))

    assert isinstance(relation, Relation)
    assert [column.name for column in relation.columns] == ["id", "status"]
    assert update == Update(oid=1, old=None, is_old_whole=False, new=("1", "paid"))


def test_a_column_that_went_and_cannot_be_left_out_is_no_longer_told_without_any_hint() -> None:
    catalog = Catalog(orders=a_table(("id", INT), ("qty", INT), ("note", TEXT)))
    tables = WalTables(["orders"], catalog)
    list(tables.messages_of(an_insert(id="1", qty="1", note="n")))

    catalog.tables["orders"] = a_table(("id", INT), ("note", TEXT))
    *_, update = tables.messages_of(an_update(id="1", note="m"))

    assert update == Update(oid=1, old=None, is_old_whole=False, new=("1", "m"))


def test_a_doubt_costs_one_look_and_only_where_something_is_missing() -> None:
    catalog = Catalog(orders=a_table(*ORDERS))

    whole = [an_update(id="1", status="s", note="n")] * 3
    rows(catalog, an_insert(id="1", status="new", note="n"), None, *whole, *[an_update(id="1", status="s")] * 3)

    assert catalog.asked == 1 + 1


def test_a_type_that_changed_is_told_before_the_first_row_of_it() -> None:
    catalog = Catalog(orders=a_table(("id", INT), ("qty", INT)))
    tables = WalTables(["orders"], catalog)
    list(tables.messages_of(an_insert(id="1", qty="1")))

    text = Change(kind="I", schema="public", table="orders", new={"id": (INT, "2"), "qty": (TEXT, "two")})
    relation, insert = tables.messages_of(text)

    assert isinstance(relation, Relation)
    types = [(column.name, (column.type_oid, column.typmod)) for column in relation.columns]
    assert types == [("id", INT), ("qty", TEXT)]
    assert insert == Insert(oid=1, new=("2", "two"))


def test_rows_of_a_table_that_is_gone_by_now_are_told_as_they_are() -> None:
    catalog = Catalog(orders=None)

    assert rows(catalog, an_insert(id="1", status="new"), an_update(id="1", status="paid")) == [
        {"id": "1", "status": "new"},
        {"id": "1", "status": "paid"},
    ]


def test_computed_columns_are_not_told() -> None:
    catalog = Catalog(orders=a_table(*ORDERS[:2], generated=frozenset({"twice"})))

    assert rows(catalog, an_insert(id="1", status="s", twice="2"), an_update(id="1", status="s", twice="2")) == [
        {"id": "1", "status": "s"},
        {"id": "1", "status": "s"},
    ]


# -- old rows


def test_a_whole_old_row_is_known_by_a_column_beside_the_key() -> None:
    catalog = Catalog(orders=a_table(*ORDERS, identity="f"))
    old = image(id="1", status="new", note="n")

    update = Change(kind="U", schema="public", table="orders", new=image(id="1", status="paid"), old=old)
    delete = Change(kind="D", schema="public", table="orders", old=old)

    whole = ({"id": "1", "status": "new", "note": "n"}, True)
    assert list(both(catalog, update, delete)) == [
        ({"id": "1", "status": "paid", "note": UNCHANGED}, whole),
        (None, whole),
    ]


def test_a_row_from_before_its_table_became_full_has_only_a_key() -> None:
    catalog = Catalog(orders=a_table(*ORDERS, identity="f"))

    ((new, old),) = both(catalog, an_update(id="1", status="paid", note="n"))

    assert (new, old) == ({"id": "1", "status": "paid", "note": "n"}, (None, False))


def test_a_row_from_before_its_table_had_another_identity_is_whole() -> None:
    catalog = Catalog(orders=a_table(*ORDERS, identity="i", keys=("status",)))
    old = image(id="1", status="new", note="n")

    ((_, told),) = both(catalog, Change(kind="D", schema="public", table="orders", old=old))

    assert told == ({"id": "1", "status": "new", "note": "n"}, True)


def test_a_table_of_nothing_but_its_key_is_told_whole_where_its_identity_is_full() -> None:
    for identity, expected in (("f", ({"id": "1"}, True)), ("d", (None, False))):
        catalog = Catalog(orders=a_table(("id", INT), identity=identity))

        ((_, old),) = both(catalog, an_update(id="1"))

        assert old == expected


# -- partitions


def test_rows_of_partitions_are_rows_of_their_table_and_truncates_only_of_the_whole() -> None:
    root = a_table(*ORDERS[:2])
    catalog = Catalog(orders=root, low=root, high=a_table(*reversed(ORDERS[:2])))
    tables = WalTables(["orders"], catalog)
    sent = [
        Change(kind="I", schema="public", table="low", new=image(id="1", status="a")),
        Change(kind="I", schema="public", table="high", new=dict(reversed(image(id="2", status="b").items()))),
        *(Change(kind="T", schema="public", table=table) for table in ("orders", "low", "high")),
    ]

    relation, *messages = [message for change in sent for message in tables.messages_of(change)]

    assert isinstance(relation, Relation)
    assert relation.table == "orders"
    assert messages == [Insert(oid=1, new=("1", "a")), Insert(oid=1, new=("2", "b")), Truncate(oids=(1,))]


def test_a_table_that_becomes_a_partition_is_ours_from_then_on() -> None:
    root = a_table(*ORDERS[:2])
    catalog = Catalog(orders=root, late=a_table(*ORDERS[:2], root="late"))
    tables = WalTables(["orders"], catalog)
    row = Change(kind="I", schema="public", table="late", new=image(id="1", status="a"))
    assert list(tables.messages_of(row)) == []

    catalog.tables["late"] = root
    tables.doubt()

    assert Insert(oid=1, new=("1", "a")) in tables.messages_of(row)
