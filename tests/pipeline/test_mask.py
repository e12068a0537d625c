"""Mask: what is classified goes nowhere, under no cover the same way twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.task import Task
from streams.records import Delivery, SourceRecord
from streams.state.stores.memory import MemoryStore

from .builders import (
    DEAD,
    MASK_KEY,
    OUT,
    TOPIC,
    Pipeline,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    a_topology,
    changelog_of,
    laws,
    problems_of,
    rows_of,
    send,
)

UNSENT = "__debezium_unavailable_value"


def covered(kind: str, value: object, column: str = "email") -> object:
    """What a mask makes of ``value``."""
    driver = send(a_driver(a_plain_pipeline(mask={column: kind})), a_plain(1, **{column: value}))
    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    return row.get(column, "gone")


@pytest.mark.parametrize(
    ("kind", "column", "value", "shown"),
    [
        ("redact", "email", "ann@example.test", None),
        ("redact", "code", "A-1", "***"),
        ("redact", "amount", 5, None),
        ("partial", "email", "ann@example.test", "************test"),
        ("partial", "email", "1234", "****"),
        ("partial", "email", "", ""),
        ("partial", "email", None, None),
        ("drop", "email", "ann@example.test", "gone"),
        ("left(email, 2)", "email", "ann@example.test", "an"),
        ("'x'", "email", "ann@example.test", "x"),
        ("upper(code)", "email", "ann@example.test", "A-1"),
        ("hash", "email", None, None),
    ],
)
def test_covers(kind: str, column: str, value: object, shown: object) -> None:
    assert covered(kind, value, column) == shown


def test_a_hash_is_the_same_for_the_same_value_and_key_only() -> None:
    ann, bob = covered("hash", "ann@example.test"), covered("hash", "bob@example.test")

    assert ann == covered("hash", "ann@example.test")
    assert ann != bob
    assert isinstance(ann, str)
    assert len(ann) == 32
    assert ann == covered("hash", "ann@example.test", "note")


def test_a_hash_needs_its_secret() -> None:
    (problem,) = problems_of(a_pipeline(mask={"email": "hash"}), mask_key=None)

    assert "hash needs a secret; put one in a file and set STREAMS_MASK_KEY_FILE" in problem


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        ({"amount": "partial"}, "partial is for text; amount is numeric"),
        ({"amount": "hash"}, "hash is text, amount is not; derive a text column from it"),
        ({"id": "redact"}, "a column that is neither text nor nullable cannot be redacted; drop"),
        ({"mail": "redact"}, "no column 'mail'; there are: amount, at, code"),
        ({"email": "left(emial, 2)"}, "no column 'emial'; did you mean email?"),
        ({"email": "tokenize"}, "tokenize arrives later; hash is keyed and joinable, too"),
    ],
)
def test_a_mask_that_does_not_fit_its_column_is_refused(mask: Mapping[str, str], says: str) -> None:
    (problem,) = problems_of(a_pipeline(mask=mask))

    assert says in problem


def test_a_masked_column_cannot_be_the_key_of_a_table() -> None:
    (problem,) = problems_of(a_plain_pipeline(mask={"code": "hash"}, table={"name": "latest", "key": ["code"]}))

    assert "code is the key of table latest; a masked key finds no row" in problem


def test_both_images_wear_the_same_cover() -> None:
    route = [{"to": OUT, "value": "envelope"}]
    mask = {"email": "hash", "note": "left(note, 1)", "code": "drop"}
    driver = a_driver(a_pipeline(mask=mask, route=route, source={"identity": "full"}))
    before = {"id": 1, "email": "ann@example.test", "code": "old", "note": "before"}

    send(driver, a_change(1, op="u", before=before, note="after"), a_change(1, op="d", before=before))

    updated, deleted = rows_of(driver.records(OUT))
    assert updated is not None
    assert deleted is not None
    assert updated["before"] == {"id": 1, "email": covered("hash", "ann@example.test"), "note": "b"}
    assert updated["after"]["note"] == "a"
    assert updated["after"]["email"] == updated["before"]["email"] == deleted["before"]["email"]
    assert deleted["after"] is None


def test_the_record_key_is_masked_for_what_comes_behind() -> None:
    driver = a_driver(a_pipeline(mask={"email": "redact"}, derive={"told": "key.email::text", "kept": "key.id"}))
    record = a_change(1)

    driver.send(TOPIC, key=b'{"id":1,"email":"ann@s3cret.test"}', value=record.value, timestamp_ms=1_000)

    assert [(row["told"], row["kept"]) for row in rows_of(driver.records(OUT)) if row] == [(None, 1)]


def test_what_comes_from_the_table_is_masked_once() -> None:
    driver = a_driver(a_pipeline(mask={"email": "hash", "note": "left(note, 1)"}, table={"name": "latest"}))

    unsent = a_change(1, op="u", email=UNSENT, note=UNSENT)
    send(driver, a_change(1, note="long"), unsent, a_change(1, op="u", note="x"))

    published = [(row["email"], row["note"]) for row in rows_of(driver.records(OUT)) if row]
    assert published == [(covered("hash", "ann@example.test"), note) for note in "llx"]


# -- the law: no masked value in anything that leaves the task

SECRET = "s3cret"
MASKED = ("email", "note", "code", "amount")
PIPELINES: tuple[Pipeline, ...] = (
    a_pipeline(
        mask={"email": "hash", "note": "redact", "code": "partial", "amount": "drop"},
        derive={"told": "coalesce(before.note, after.note, email, code)", "keyed": "key.note::text"},
        deduplicate={"by": ["code", "note"]},
        table={"name": "latest"},
        aggregate=[{"table": "by_email", "by": ["id", "email"], "columns": {"n": "max(code)"}, "to": "by_email.v1"}],
        route=[
            {"to": OUT, "key": ["id"], "attach": {"most": "by_email.n"}},
            {"to": "envelopes.v1", "value": "envelope"},
            {"to": "deletes.v1", "on_delete": "event"},
        ],
    ),
    a_pipeline(
        mask={"email": "'x'", "note": "drop", "code": "hash", "amount": "redact"},
        table={"name": "latest"},
        aggregate=[
            {
                "table": "windows",
                "by": ["id"],
                "window": {"tumbling": "1s"},
                "columns": {"n": "min(code)", "m": "max(email)", "s": "sum(amount)"},
                "late": "late.v1",
                "emit": "final",
                "to": "windows.v1",
            }
        ],
    ),
)


def secrets() -> st.SearchStrategy[str]:
    """Texts that are longer than what partial leaves, and recognisable."""
    return st.integers(0, 3).map(lambda number: f"{SECRET}-{number}-abcd")


def raw_changes() -> st.SearchStrategy[list[SourceRecord]]:
    row = st.fixed_dictionaries(
        {
            "email": secrets() | st.just(UNSENT) | st.just(5),
            "note": secrets() | st.just(UNSENT) | st.none(),
            "code": secrets() | st.just(UNSENT) | secrets().map(lambda text: text * 10),
            "amount": st.just(77_777) | st.just(f"{SECRET}-amount"),
        }
    )

    def change(id: int, op: str, time_ms: int, row: dict[str, object], before: dict[str, object]) -> SourceRecord:
        images = {name: value for name, value in before.items() if value != UNSENT}
        has_before = op in "ud"
        return a_change(id, op=op, time_ms=time_ms, before={"id": id, **images} if has_before else None, **row)

    garbage = st.just(a_change(1, code=5, **{f"{SECRET}-name": 1}))
    changes = st.builds(change, st.integers(1, 2), st.sampled_from("cuudr"), st.integers(0, 9_000), row, row)
    return st.lists(changes | garbage, max_size=10)


def leaks(records: Iterable[Delivery]) -> list[Delivery]:
    """Records that hold a masked value: anywhere, or in their headers where they carry the original bytes."""

    def text(record: Delivery) -> bytes:
        headers = b" ".join(name.encode() + (value or b"") for name, value in record.headers)
        carries_original = record.topic == DEAD
        return headers if carries_original else headers + (record.key or b"") + (record.value or b"")

    return [record for record in records if SECRET.encode() in text(record) or b"77777" in text(record)]


@laws
@given(st.sampled_from(PIPELINES), raw_changes(), st.integers(1, 4))
def test_a_masked_value_is_in_no_delivery_no_changelog_and_no_header(
    pipeline: Pipeline, changes: list[SourceRecord], size: int
) -> None:
    (sub,) = a_topology(pipeline).subtopologies
    task = Task(sub, 0, MemoryStore())

    for start in range(0, len(changes), size):
        result = task.process(a_batch(*changes[start : start + size], offset=start), now_ms=10_000)
        task.advance_clock(now_ms=10_000_000 + start, caught_up=task.sub.source_topics)
        prepared = task.prepare_checkpoint()
        letters = [letter for ledger in result.ledgers.values() for letter in ledger.dead_letters]

        assert leaks([*result.deliveries, *prepared.deliveries, *changelog_of(prepared)]) == []
        assert [str(letter.error) for letter in letters if SECRET in str(letter.error) + repr(letter.error)] == []
        task.commit({}, now_ms=0)


def test_the_secret_itself_is_nowhere() -> None:
    driver = send(a_driver(a_pipeline(mask={"email": "hash"})), a_change(1))

    assert MASK_KEY.decode() not in json.dumps([str(record) for record in driver.records(OUT)])
