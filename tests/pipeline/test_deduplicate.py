"""Deduplicate: the same change once, by identity and never by order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.pipeline.task import Task
from streams.records import SourceRecord
from streams.state.stores.memory import MemoryStore

from ..contracts.builders import a_contract, a_schema
from .builders import (
    COLUMNS,
    OUT,
    TOPIC,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    a_topology,
    changelog_of,
    keys_of,
    problems_of,
    send,
)

HOUR_MS = 3_600_000
PLACED = {"transaction": {"id": "1:2", "total_order": 4}}


def outcome_of_the_second(first: SourceRecord, second: SourceRecord) -> str:
    driver = send(a_driver(), first)
    before = driver.ledger()
    send(driver, second)
    (outcome,) = {name for name, count in driver.ledger().items() if count != before.get(name, 0)}
    return outcome


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (lambda: a_change(1, lsn=5), "duplicate"),
        (lambda: a_change(1, lsn=5, amount=99), "duplicate"),
        (lambda: a_change(2, lsn=5), "processed"),
        (lambda: a_change(1, lsn=5, op="u"), "processed"),
        (lambda: a_change(1, lsn=4), "processed"),
        (lambda: a_change(1, lsn=5, source={"name": "another"}), "processed"),
        (lambda: a_change(1, lsn=5, source={"sequence": '["4","5"]'}), "processed"),
    ],
)
def test_a_change_is_its_source_row_position_and_operation(second: Callable[[], SourceRecord], outcome: str) -> None:
    assert outcome_of_the_second(a_change(1, lsn=5), second()) == outcome


def test_with_transaction_metadata_a_change_is_its_place_in_its_transaction() -> None:
    driver = a_driver()
    for place, transaction in ((1, 7), (2, 7), (1, 8), (2, 7)):
        value = (
            b'{"op":"c","after":{"id":1,"code":"a"},"source":{"name":"shop","lsn":5,"txId":%d,"ts_ms":1},'
            b'"transaction":{"id":"x","total_order":%d,"data_collection_order":1}}' % (transaction, place)
        )
        driver.send(TOPIC, key=b'{"id":1}', value=value, timestamp_ms=1)

    assert driver.ledger() == {"processed": 3, "duplicate": 1}


def test_rows_of_an_incremental_snapshot_are_never_duplicates() -> None:
    assert outcome_of_the_second(a_change(1, op="r", lsn=None), a_change(1, op="r", lsn=None)) == "processed"


def test_nothing_is_dropped_for_being_older() -> None:
    driver = send(a_driver(), *(a_change(1, op="u", lsn=lsn) for lsn in (9, 3, 5, 9)))

    assert driver.ledger() == {"processed": 3, "duplicate": 1}


def test_two_in_one_batch_are_one() -> None:
    (sub,) = a_topology().subtopologies
    same = a_change(1, lsn=5)

    result = Task(sub, 0, MemoryStore()).process(a_batch(same, same, same), now_ms=1_000)

    assert [delivery.topic for delivery in result.deliveries] == [OUT]


@pytest.mark.parametrize(("time_ms", "outcome"), [(HOUR_MS - 1, "duplicate"), (HOUR_MS, "processed")])
def test_a_change_is_remembered_for_keep_of_event_time(time_ms: int, outcome: str) -> None:
    driver = a_driver(a_pipeline(deduplicate={"by": "identity", "keep": "1h"}))

    send(driver, a_change(1, lsn=5, time_ms=0), a_change(2, time_ms=time_ms), a_change(1, lsn=5, time_ms=0))

    assert driver.ledger().get("duplicate", 0) == (outcome == "duplicate")


def test_a_change_is_remembered_over_a_crash_as_far_as_it_was_committed() -> None:
    driver = send(a_driver(), a_change(1, lsn=5))
    driver.commit()

    driver.restart(lose_uncommitted=True)
    send(driver, a_change(1, lsn=5))

    assert driver.ledger() == {"processed": 1, "duplicate": 1}


def test_by_columns_two_rows_with_the_same_values_are_one() -> None:
    driver = a_driver(a_plain_pipeline(deduplicate={"by": ["code", "amount"]}))

    send(driver, a_plain(1, code="a"), a_plain(2, code="a"), a_plain(3, code="a", amount=9), a_plain(4, code="b"))

    assert keys_of(driver.records(OUT)) == [{"id": 1}, {"id": 3}, {"id": 4}]


def test_a_change_that_does_not_carry_those_columns_is_known_as_a_change() -> None:
    driver = a_driver(a_pipeline(deduplicate={"by": ["id", "code"]}, table={"name": "latest"}))
    gone, gone_again = a_change(1, op="d"), a_change(1, op="d")

    send(driver, a_change(1, code="a"), gone, gone, a_change(1, code="b"), gone_again, gone_again)

    assert (driver.ledger(), driver.table("latest")) == ({"processed": 4, "duplicate": 2}, {})


@pytest.mark.parametrize("pipeline", [a_plain_pipeline(), a_pipeline(deduplicate={"by": "none"})])
def test_without_a_rule_everything_goes_on(pipeline: dict[str, object]) -> None:
    same = a_plain(1) if "event_time" in str(pipeline) else a_change(1)

    assert send(a_driver(pipeline), same, same).ledger() == {"processed": 2}


def test_plain_events_have_no_identity() -> None:
    (problem,) = problems_of(a_plain_pipeline(deduplicate={"by": "identity"}))

    assert "identity is for change formats; name event_id or columns" in problem


SECRET_KEY = {
    "com.acme/secrets/jsonschema/1-0-0": a_schema("secrets", properties=COLUMNS, required=("code",)),
    "com.acme/secrets/contract.yaml": a_contract("{name: code, primaryKey: true}", name="secrets"),
}


@pytest.mark.parametrize(
    "rule", [{"by": "identity"}, {"by": ["id", "code"]}, None], ids=["identity", "columns", "default"]
)
def test_a_masked_value_is_no_part_of_what_is_remembered(rule: object) -> None:
    source = {"contract": "iglu:com.acme/secrets/jsonschema/1-*-*"}
    pipeline = a_pipeline(source=source, mask={"code": "hash"}, deduplicate=rule)
    (sub,) = a_topology(pipeline, more=SECRET_KEY).subtopologies
    task = Task(sub, 0, MemoryStore())

    first = task.process(a_batch(a_change(1, lsn=5, code="s3cret")), now_ms=1_000)
    again = task.process(a_batch(a_change(1, lsn=5, code="s3cret"), offset=1), now_ms=1_000)

    remembered = changelog_of(task.prepare_checkpoint())
    assert not [record for record in remembered if b"s3cret" in (record.key or b"") + (record.value or b"")]
    assert (len(first.deliveries), len(again.deliveries)) == (1, 0)
