"""Filter: what is TRUE goes on; rows that were sent in part are filled from what is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.task import Task
from streams.records import SourceRecord
from streams.state.stores.memory import MemoryStore

from .builders import (
    OUT,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    a_topology,
    keys_of,
    laws,
    problems_of,
    rows_of,
    send,
)

UNSENT = "__debezium_unavailable_value"
KEEPS = a_pipeline(table={"name": "latest"})


def test_only_true_goes_on() -> None:
    driver = a_driver(a_plain_pipeline(filter="amount > 5"))

    send(driver, a_plain(1, amount=6), a_plain(2, amount=5), a_plain(3, amount=None))

    assert keys_of(driver.records(OUT)) == [{"id": 1}]
    assert driver.ledger() == {"processed": 1, "filtered": 2}


def test_operations_can_be_filtered() -> None:
    driver = a_driver(a_pipeline(filter="op in ('UPDATE', 'READ')"))

    send(driver, *(a_change(id, op=op) for id, op in enumerate("cudr")))

    assert keys_of(driver.records(OUT)) == [{"id": 1}, {"id": 3}]


def test_without_a_table_a_delete_knows_its_key_and_nothing_else() -> None:
    driver = a_driver(a_pipeline(filter="amount > 5 or id = 2"))

    send(driver, a_change(1, amount=6), a_change(1, op="d", before={"id": 1, "amount": 6}), a_change(2, op="d"))

    published = driver.records(OUT)
    assert (keys_of(published), [row is None for row in rows_of(published)]) == ([{"id": 1}, {"id": 2}], [False, True])


def test_with_a_table_a_delete_knows_the_row_that_went() -> None:
    driver = a_driver(a_pipeline(table={"name": "latest"}, filter="amount > 5"))

    send(driver, a_change(1, amount=6), a_change(1, op="d"), a_change(1, op="d"))

    assert [row is None for row in rows_of(driver.records(OUT))] == [False, True]
    assert driver.ledger() == {"processed": 2, "filtered": 1}


@pytest.mark.parametrize("commits", [False, True])
def test_an_unsent_column_is_filled_from_the_row_as_it_was(commits: bool) -> None:
    driver = send(a_driver(KEEPS), a_change(1, note="long"))
    if commits:
        driver.commit()
        driver.restart()

    send(driver, a_change(1, op="u", note=UNSENT, amount=9))

    assert [(row or {}).get("note") for row in rows_of(driver.records(OUT))] == ["long", "long"]
    assert driver.table("latest")[1]["note"] == "long"


def test_what_nobody_knows_is_left_out() -> None:
    driver = send(a_driver(KEEPS), a_change(1, op="u", note=UNSENT))

    assert ["note" in (row or {}) for row in rows_of(driver.records(OUT))] == [False]


def test_a_row_that_was_deleted_fills_nothing() -> None:
    driver = send(a_driver(KEEPS), a_change(1, note="old"), a_change(1, op="d"), a_change(1, note=UNSENT))

    assert "note" not in driver.table("latest")[1]


def test_a_row_whose_key_changed_keeps_what_was_not_sent() -> None:
    gone = a_change(1, op="d", headers=(("__debezium.newkey", b'{"id":2}'),))
    come = a_change(2, note=UNSENT, headers=(("__debezium.oldkey", b'{"id":1}'),))

    driver = send(a_driver(KEEPS), a_change(1, note="long"), gone, come)

    assert (set(driver.table("latest")), driver.table("latest")[2]["note"]) == ({2}, "long")


def test_a_row_with_another_old_key_takes_nothing_from_the_row_that_went() -> None:
    gone = a_change(1, op="d", headers=(("__debezium.newkey", b'{"id":2}'),))
    come = a_change(3, note=UNSENT, headers=(("__debezium.oldkey", b'{"id":9}'),))

    driver = send(a_driver(KEEPS), a_change(1, note="long"), gone, come)

    assert "note" not in driver.table("latest")[3]


@pytest.mark.parametrize("new_key", [b"", b"\xff", b"[]", b"{}", b"7"])
def test_a_header_that_is_no_key_moves_nothing(new_key: bytes) -> None:
    gone = a_change(1, op="d", headers=(("__debezium.newkey", new_key),))

    driver = send(a_driver(KEEPS), a_change(1, note="long"), gone, a_change(2, note=UNSENT))

    assert (driver.ledger(), "note" in driver.table("latest")[2]) == ({"processed": 3}, False)


def test_a_filter_may_not_name_what_is_masked_and_not_always_sent() -> None:
    problems = problems_of(a_pipeline(mask={"email": "redact"}, filter="email is not null"))

    assert problems == [
        "pipelines/orders.yaml:1: filter: email: masked, and not always sent; a condition sees it raw or not at all"
    ]


def test_a_filter_of_plain_rows_sees_them_before_the_mask() -> None:
    driver = a_driver(a_plain_pipeline(mask={"email": "redact"}, filter="email like 'ann@%'"))

    send(driver, a_plain(1), a_plain(2, email="bob@example.test"))

    assert [(row["id"], row["email"]) for row in rows_of(driver.records(OUT)) if row] == [(1, None)]


UPDATES = st.lists(
    st.builds(
        a_change,
        st.integers(1, 2),
        op=st.sampled_from("cuud"),
        note=st.sampled_from(["a", "b", UNSENT]),
        email=st.sampled_from(["x", UNSENT]),
        amount=st.integers(0, 3),
    ),
    max_size=12,
)


@laws
@given(UPDATES, st.integers(1, 5))
def test_what_is_known_of_a_row_does_not_depend_on_batches(changes: list[SourceRecord], size: int) -> None:
    pipeline = a_pipeline(table={"name": "latest"}, filter="amount > 0 or op = 'DELETE'")
    (sub,) = a_topology(pipeline).subtopologies
    driver = a_driver(pipeline)
    task, delivered = Task(sub, 0, MemoryStore()), []
    send(driver, *changes)

    for start in range(0, len(changes), size):
        result = task.process(a_batch(*changes[start : start + size], offset=start), now_ms=1_000)
        delivered += [(delivery.key, delivery.value) for delivery in result.deliveries]

    published = [(record.key, record.value) for record in driver.records(OUT)]
    assert delivered == published
    assert not [value for _, value in published if UNSENT.encode() in (value or b"")]
    left = {key for key, value in dict(published).items() if value is not None}
    assert {b'{"id":%d}' % int(str(key)) for key in driver.table("latest")} == left
