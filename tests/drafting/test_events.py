"""Events become a draft that admits all that was seen, and says no more than was seen often enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from streams.contracts import compile_validator
from streams.drafting.events.draft import Observed, draft_events
from streams.drafting.events.reading import DEBEZIUM, IGLU, JSON, described_by, guess_format, reader_of
from streams.drafting.model import ColumnDraft, Draft
from streams.pipeline.spec import Source
from streams.records import SourceRecord


def a_record(row: object, key: object = None, offset: int = 0) -> SourceRecord:
    return SourceRecord(
        topic="shop.orders.v1", partition=0, offset=offset, timestamp_ms=0,
        key=None if key is None else json.dumps(key).encode(), value=json.dumps(row).encode(),
    )  # fmt: skip


def a_change(row: Mapping[str, Any], op: str = "c") -> dict[str, Any]:
    source = {"name": "shop", "lsn": 1, "ts_ms": 1, "txId": 1, "schema": "public", "table": "orders"}
    return {"op": op, "before": None, "after": row, "source": source, "ts_ms": 1}


def drafted(records: list[SourceRecord], form: str = JSON) -> Draft:
    source = Source(topic="shop.orders.v1", format=form, contract="", key=None, event_time=None, max_future_ms=0)
    described = described_by(records)[-1] if form == IGLU else None
    seen = Observed()
    seen.add(records, reader_of(source, None, described))
    return draft_events(seen, vendor="com.acme", name="orders", topic="shop.orders.v1", form=form)


def column(draft: Draft, name: str) -> ColumnDraft:
    return next(held for held in draft.columns if held.name == name)


def many(**columns: Any) -> list[SourceRecord]:
    """300 rows; a function of the number, or what is in all of them."""
    rows = [{name: held(n) if callable(held) else held for name, held in columns.items()} for n in range(300)]
    return [a_record(row, offset=n) for n, row in enumerate(rows)]


def test_types_formats_and_lists_of_words_are_found() -> None:
    draft = drafted(
        many(
            id=lambda n: n, at="2026-03-01T10:00:00Z", day="2026-03-01", who="user@example.test",
            state=lambda n: ("new", "paid")[n % 2], price=lambda n: f"{n}.50", rate=lambda n: n / 2 + 0.25,
            note=lambda n: f"note number {n}", tags=lambda n: ["a b"] * (n % 3), gone=None,
        )
    )  # fmt: skip

    assert {held.name: held.shape for held in draft.columns} == {
        "id": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "who": {"type": "string", "format": "email"},
        "state": {"type": "string", "enum": ["new", "paid"]},
        "price": {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$"},
        "rate": {"type": "number"},
        "note": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "gone": {},
    }
    assert (column(draft, "price").physical, column(draft, "price").scale) == ("numeric", 2)


def test_what_may_be_missing_or_null_is_not_required() -> None:
    rows = [{"id": n, **({"often": n} if n % 2 else {}), "null": None if n == 7 else n} for n in range(100)]
    draft = drafted([a_record(row) for row in rows])

    assert draft.schema["required"] == ["id"]
    assert column(draft, "often").shape == {"type": ["integer", "null"]}
    assert column(draft, "null").shape == {"type": ["integer", "null"]}


def test_of_few_rows_little_is_said() -> None:
    draft = drafted([a_record({"id": 1, "state": "new", "at": "2026-03-01T10:00:00Z"}) for _ in range(5)])

    assert [held.shape for held in draft.columns] == [
        {"type": ["integer", "null"]}, {"type": ["string", "null"]}, {"type": ["string", "null"]},
    ]  # fmt: skip
    assert "required" not in draft.schema
    assert any("only 5 rows" in note for note in draft.notes)


def test_words_of_a_private_column_and_names_of_a_map_stand_nowhere() -> None:
    records = many(
        id=lambda n: n, email=lambda n: ("Alice", "Bob")[n % 2], counts=lambda n: {f"person-{n}": 1}, ssn="Carol",
        home={"city": "Paris", "owner": {"phone": "Dave"}},
    )  # fmt: skip

    draft = drafted(records)

    text = json.dumps(draft.schema)
    assert not any(word in text for word in ("Alice", "Bob", "person-", "Carol"))
    assert column(draft, "counts").shape == {"type": "object"}
    assert column(draft, "email").classification == "pii"


def test_every_row_that_was_seen_is_admitted() -> None:
    odd: list[Any] = [
        {"id": 1, "x": 1, "y": {"a": [1, "two", None], "b": {"c": True}}},
        {"id": "one", "x": 1.5, "y": None, "z": []},
        {"x": True, "y": {"a": [], "b": {}}, "z": [[1], [None]]},
        {"id": None, "y": "text", "z": [{"q": 1}]},
    ]
    for count in (1, 50, 300):
        rows = odd * count
        is_valid = compile_validator(drafted([a_record(row) for row in rows]).schema).is_valid
        assert all(map(is_valid, rows))


def test_keys_that_are_shared_by_rows_are_what_the_topic_is_partitioned_by() -> None:
    apart = [a_record({"id": n, "customer": n % 7}, key={"customer": n % 7}) for n in range(100)]
    same = [a_record({"id": n, "customer": n % 7}, key={"id": n}) for n in range(100)]
    scalar = [a_record({"code": n, "other": 0}, key=n) for n in range(100)]
    unkeyed = [a_record({"id": n}, key=None if n == 50 else {"id": n}) for n in range(100)]

    found = [(draft.key, draft.source_key) for draft in map(drafted, (apart, same, scalar, unkeyed))]

    assert found == [(("id",), ("customer",)), (("id",), ()), (("code",), ()), ((), ())]


def test_changes_of_a_row_repeat_its_key_and_deletes_are_no_rows() -> None:
    changes = [a_record(a_change({"id": n % 40, "v": n}, "u" if n >= 40 else "c"), {"id": n % 40}) for n in range(80)]
    gone = {**a_change({}, "d"), "before": {"id": 1, "v": None}, "after": None}
    draft = drafted([*changes, a_record(gone, {"id": 1})], DEBEZIUM)

    assert draft.key == ("id",)
    assert draft.schema["required"] == ["id", "v"]


def test_a_column_that_was_not_sent_is_still_required() -> None:
    unsent = "__debezium_unavailable_value"
    records = [a_record(a_change({"id": n, "long": unsent if n % 3 else "text"}, "u"), {"id": n}) for n in range(90)]

    assert drafted(records, DEBEZIUM).schema["required"] == ["id", "long"]


def test_events_show_how_they_are_written() -> None:
    self_described = {"schema": "iglu:com.acme/orders/jsonschema/1-0-0", "data": {"id": 1}}

    assert guess_format([a_record({"id": 1})]) == JSON
    assert guess_format([a_record(a_change({"id": 1}))]) == DEBEZIUM
    assert guess_format([a_record({"schema": {}, "payload": a_change({"id": 1})})]) == DEBEZIUM
    assert guess_format([a_record(self_described)]) == IGLU
    assert column(drafted([a_record(self_described)] * 30, IGLU), "id").shape == {"type": "integer"}


def test_what_cannot_be_read_is_counted() -> None:
    records = [a_record({"id": n}) for n in range(30)]
    records.append(SourceRecord(topic="t", partition=0, offset=9, timestamp_ms=0, key=None, value=b"nonsense"))

    assert any("1 records could not be read" in note for note in drafted(records).notes)
