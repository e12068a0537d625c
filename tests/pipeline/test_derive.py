"""Derive: columns computed from others, in their order, from masked values."""

from __future__ import annotations

import pytest

from .builders import (
    OUT,
    Pipeline,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    problems_of,
    rows_of,
    send,
)


def derived(pipeline: Pipeline, **columns: object) -> dict[str, object]:
    (row,) = rows_of(send(a_driver(pipeline), a_plain(1, **columns)).records(OUT))
    assert row is not None
    return row


def test_a_derivation_sees_those_before_it() -> None:
    row = derived(a_plain_pipeline(derive={"twice": "amount * 2", "more": "twice + 1"}), amount=4)

    assert (row["twice"], row["more"]) == (8, 9)


def test_a_derivation_does_not_see_those_behind_it() -> None:
    (problem,) = problems_of(a_plain_pipeline(derive={"more": "twice + 1", "twice": "amount * 2"}))

    assert "derive.more: no column 'twice'" in problem


def test_decimals_of_text_columns_are_exact() -> None:
    row = derived(a_plain_pipeline(derive={"gross": "round(price * 1.19, 2)"}), price="12345678901234567890.10")

    assert str(row["gross"]) == "14691357892469135789.22"


def test_what_cannot_be_computed_is_null() -> None:
    assert derived(a_plain_pipeline(derive={"ratio": "1 / amount"}), amount=0)["ratio"] is None


def test_a_derivation_sees_masked_values() -> None:
    row = derived(a_plain_pipeline(mask={"email": "partial"}, derive={"copy": "email"}))

    assert row["copy"] == "************test"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("amonut * 2", "no column 'amonut'; did you mean amount?"),
        ("dropped || 'x'", "no column 'dropped'"),
        ("email", "no column 'email'"),
        ("amount +", "an operand or an argument is missing"),
        ("now()", "may not depend on when"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_place(text: str, says: str) -> None:
    (problem,) = problems_of(a_plain_pipeline(mask={"email": "drop"}, derive={"x": text}))

    assert problem.startswith("pipelines/orders.yaml:1: derive.x: ")
    assert says in problem


def test_times_are_published_in_utc_with_microseconds() -> None:
    pipeline = a_plain_pipeline(derive={"day": "date_trunc('day', note::timestamptz)"})
    row = derived(pipeline, note="2026-01-31T23:30:00-02:00")

    assert row["day"] == "2026-02-01T00:00:00.000000Z"


def test_on_delete_what_is_not_known_is_null() -> None:
    route = [{"to": OUT, "on_delete": "event"}]
    driver = send(a_driver(a_pipeline(derive={"twice": "amount * 2"}, route=route)), a_change(1, op="d"))

    assert rows_of(driver.records(OUT)) == [{"id": 1, "twice": None, "op": "DELETE"}]
