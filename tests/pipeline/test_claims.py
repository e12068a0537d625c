"""Claims: what live rows have now, told to the stage by digests; what several rows break is found and resolved."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..contracts.builders import a_contract, a_schema
from ..quality.builders import FINDINGS, Source, a_driver, a_pipeline_text, open_findings
from .builders import laws

UNIQUE = {"quality.yaml": "users: {uniqueness: [email]}"}
AGED = {"quality.yaml": "users: {uniqueness: [age]}"}
"""Of a column that is not classified."""
PAIR = Counter({("uniqueness.email", 2, "[[1], [2]]"): 1})


def a_source(more: dict[str, str], **options: Any) -> tuple[Driver, Source]:
    driver = a_driver(more, **options)
    return driver, Source(driver)


def test_the_deleted_row_gives_its_value_back() -> None:
    driver, source = a_source(UNIQUE, partitions=3)
    source.change(1, email="a@b.co")
    source.change(2, email="a@b.co")
    assert open_findings(driver) == PAIR

    source.delete(1)

    assert open_findings(driver) == {}
    assert [record.value for record in driver.records(FINDINGS)][-1] is None


def test_a_filter_that_drops_deletes_does_not_keep_rows_alive() -> None:
    pipeline = a_pipeline_text(filter="op <> 'DELETE'")
    driver, source = a_source({**UNIQUE, "pipelines/users.yaml": pipeline})
    source.change(1, email="a@b.co")
    source.delete(1)
    source.change(2, email="a@b.co")

    assert open_findings(driver) == {}


def test_a_row_that_nobody_wants_any_more_claims_nothing() -> None:
    driver, source = a_source({**UNIQUE, "pipelines/users.yaml": a_pipeline_text(filter="age >= 18")})
    source.change(1, email="a@b.co", age=20)
    source.change(2, email="a@b.co", age=20)
    assert open_findings(driver) == PAIR

    source.change(2, op="u", email="a@b.co", age=17)
    assert open_findings(driver) == {}
    source.change(2, op="u", email="a@b.co", age=18)
    assert open_findings(driver) == PAIR


def test_a_change_that_is_dead_leaves_the_claim_of_the_last_that_was_not() -> None:
    rules = {"quality.yaml": "users: {uniqueness: [email], validity: {age: range:0-150}}"}
    driver, source = a_source(rules)
    source.change(1, email="a@b.co", age=1)
    source.change(1, op="u", email="c@d.co", age=151)
    source.change(2, email="a@b.co", age=1)

    assert open_findings(driver) == PAIR


def test_a_row_whose_key_changes_takes_an_unsent_value_along() -> None:
    driver, source = a_source(UNIQUE)
    source.change(1, email="a@b.co")
    source.change(9, email="a@b.co")
    driver.restart(lose_uncommitted=False)

    source.move(9, 2, omit=["email"])

    assert open_findings(driver) == PAIR


def test_a_record_that_holds_both_halves_of_a_changed_key_moves_the_row() -> None:
    pipeline = a_pipeline_text().replace("debezium-json", "wal2json-v2")
    driver = a_driver({**UNIQUE, "pipelines/users.yaml": pipeline})

    def send(letter: str, lsn: int, id: int, email: str | None, old: int | None = None) -> None:
        columns = [{"name": "id", "type": "bigint", "value": id}]
        columns += [] if email is None else [{"name": "email", "type": "text", "value": email}]  # type: ignore[list-item]
        place = {"schema": "public", "table": "users", "xid": lsn, "lsn": f"0/{lsn}"}
        told = {"action": letter, "timestamp": "2026-03-01 10:00:00+00", "columns": columns, **place}
        if old is not None:
            told["identity"] = [{"name": "id", "type": "bigint", "value": old}]
        driver.send("cdc.users.v1", key=json.dumps({"id": id}).encode(), value=json.dumps(told).encode())

    send("I", 10, 1, "a@b.co")
    send("I", 11, 9, "a@b.co")
    send("U", 12, 2, None, old=9)  # the address did not change and was not sent

    assert open_findings(driver) == PAIR


def test_an_old_row_of_an_incremental_snapshot_takes_nothing_back() -> None:
    driver, source = a_source(UNIQUE)
    source.change(1, email="old@b.co", lsn=50)
    source.change(1, op="u", email="new@b.co", lsn=60)
    envelope = {
        "op": "r", "before": None, "after": {"id": 1, "email": "old@b.co"},
        "source": {"name": "shop", "lsn": None, "sequence": '["54","55"]', "ts_ms": 0},
    }  # fmt: skip
    driver.send(source.topic, key=b'{"id": 1}', value=json.dumps(envelope).encode())
    source.change(2, email="old@b.co")
    source.change(3, email="new@b.co")

    assert open_findings(driver) == Counter({("uniqueness.email", 2, "[[1], [3]]"): 1})


def test_a_truncate_reaches_rows_of_all_partitions() -> None:
    driver, source = a_source(UNIQUE, partitions=3)
    for id in range(12):
        source.change(id, email=f"{id // 2}@b.co")
    assert sum(open_findings(driver).values()) == 6

    source.truncate(partition=2)
    assert open_findings(driver) == {}
    for id in range(12):  # and the same rows come again
        source.change(id, email=f"{id // 2}@b.co")
    assert sum(open_findings(driver).values()) == 6


def test_a_new_row_that_is_dead_says_that_the_old_one_was_truncated() -> None:
    """Its partition has not seen the TRUNCATE: what it knows of the row is of before."""
    rules = {"quality.yaml": "users: {uniqueness: [email], validity: {age: range:0-150}}"}
    for wrong in ({"age": 151}, {"age": "old"}):  # breaks a rule, breaks the contract
        driver, source = a_source(rules, partitions=3)
        for id in range(12):
            source.change(id, email="a@b.co", age=1)
        source.truncate(partition=2)
        for id in range(12):
            source.change(id, email="c@d.co", **wrong)
        for id in range(12):
            source.change(id, op="u", email="a@b.co", age=1)

        assert [rows for _, rows, _ in open_findings(driver)] == [12]


def test_a_dead_insert_that_comes_again_takes_nothing_from_the_row_that_it_became() -> None:
    driver, source = a_source({"quality.yaml": "users: {uniqueness: [email]}"})
    sent = source.change(1, email="a@b.co", age="old")
    source.change(1, op="u", email="a@b.co", age=1)
    driver.send(source.topic, **sent)
    source.change(2, email="a@b.co")

    assert open_findings(driver) == PAIR


def test_a_copy_of_the_insert_that_came_after_a_truncate_takes_nothing_from_it() -> None:
    driver, source = a_source(UNIQUE, partitions=3)
    source.change(1, email="a@b.co")
    for partition in range(3):  # one of them is not the row's
        source.truncate(partition=partition)
        sent = source.change(1, email="a@b.co")
        driver.send(source.topic, **sent)
        source.change(2, email="a@b.co")

        assert open_findings(driver) == PAIR


def test_numbers_that_are_equal_are_one_value() -> None:
    columns = {"id": {"type": "integer"}, "amount": {"type": ["number", "null"]}}
    driver, source = a_source(
        {
            "com.acme/users/jsonschema/1-0-0": a_schema("users", properties=columns, required=("id",)),
            "com.acme/users/contract.yaml": a_contract(name="users"),
            "quality.yaml": "users: {uniqueness: [amount]}",
        }
    )
    source.change(1, amount=1)
    source.change(2, amount=1.0)

    assert sum(open_findings(driver).values()) == 1


# -- what is told holds no value


def told_bytes(driver: Driver) -> bytes:
    """Everything that rules about several rows keep, send on and publish."""
    topics = ("driver-users-quality", "driver-users-uniqueness")
    kept = [held for (topic, _), held in driver._committed.items() if topic.startswith(topics)]
    assert len({topic for topic, _ in driver._committed if topic.startswith(topics)}) == 5
    return b"".join((record.key or b"") + (record.value or b"") for held in kept for record in held)


def test_no_classified_value_is_in_a_state_a_changelog_a_stage_or_a_finding() -> None:
    secret = {
        "com.acme/users/contract.yaml": a_contract(
            "{name: id, logicalType: integer, primaryKey: true, classification: pii}",
            "{name: email, logicalType: string, classification: pii}",
            name="users",
        )
    }
    driver, source = a_source({**UNIQUE, **secret})
    source.change(4711, email="ann@example.test")
    source.change(4712, email="ann@example.test")
    source.change(4711, op="u", email="bob@example.test")
    source.move(4712, 4713, email="ann@example.test")
    source.change(4714, email="ann@example.test")
    driver.commit()

    told = told_bytes(driver)
    assert [word for word in (b"ann@", b"bob@", b"4711", b"4712", b"4713", b"4714") if word in told] == []
    assert sum(open_findings(driver).values()) == 1


def test_digests_of_classified_values_need_the_secret_and_others_do_not() -> None:
    def digests(rules: dict[str, str], mask_key: bytes) -> set[bytes | None]:
        driver, source = a_source(rules, mask_key=mask_key)
        source.change(1, email="a@b.co", age=3)
        source.change(2, email="a@b.co", age=3)
        return {record.key for record in driver.records(FINDINGS)}

    assert digests(UNIQUE, b"one secret of many") != digests(UNIQUE, b"another one")
    assert digests(AGED, b"one secret of many") == digests(AGED, b"another one")


# -- references

ORDERS = {
    "com.acme/orders/jsonschema/1-0-0": a_schema(
        "orders", properties={"id": {"type": "integer"}, "user_id": {"type": ["integer", "null"]}}
    ),
    "com.acme/orders/contract.yaml": a_contract(
        "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}", name="orders"
    ),
    "pipelines/orders.yaml": a_pipeline_text("orders", "orders"),
    "quality.yaml": "orders: {references: {user_id: users}}",
}
OF_ORDERS = "driver-orders-quality"


def orders_and_users(partitions: int = 3) -> tuple[Driver, Source, Source]:
    driver = a_driver(ORDERS, partitions=partitions)
    return driver, Source(driver, "cdc.orders.v1"), Source(driver)


def test_a_row_that_refers_to_nothing_is_a_finding_until_it_is_there() -> None:
    driver, orders, users = orders_and_users()
    orders.change(1, user_id=7)
    orders.change(2, user_id=None)
    assert open_findings(driver, OF_ORDERS) == Counter({("references.user_id", 1, "[[1]]"): 1})

    users.change(7)
    assert open_findings(driver, OF_ORDERS) == {}
    users.delete(7)
    assert open_findings(driver, OF_ORDERS) == Counter({("references.user_id", 1, "[[1]]"): 1})
    orders.change(1, op="u", user_id=None)
    assert open_findings(driver, OF_ORDERS) == {}


def test_a_dataset_that_is_not_read_here_cannot_be_referred_to() -> None:
    orders = {**ORDERS, "quality.yaml": "orders: {references: {user_id: users}}"}
    try:
        a_driver(orders, pipelines=["orders"])
    except Exception as error:
        assert "no pipeline here reads com.acme/users" in str(error)
    else:
        raise AssertionError("it was not refused")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "user", "user", "no order", "no user", "truncate users", "crash", "commit"]),
        st.integers(1, 4),
        st.sampled_from([None, 1, 2, 3]),
    ),
    max_size=30,
)


@laws
@given(STEPS)
def test_references_are_those_of_a_naive_observer(steps: list[tuple[str, int, int | None]]) -> None:
    driver, orders, users = orders_and_users()
    refers: dict[int, int | None] = {}
    there: set[int] = set()
    for kind, id, other in steps:
        match kind:
            case "order":
                orders.change(id, op="u" if id in refers else "c", user_id=other)
                refers[id] = other
            case "user":
                users.change(id, op="u" if id in there else "c")
                there.add(id)
            case "no order" if id in refers:
                orders.delete(id)
                del refers[id]
            case "no user" if id in there:
                users.delete(id)
                there.discard(id)
            case "truncate users":
                users.truncate(partition=id % 3)
                there = set()
            case "crash":
                driver.restart(lose_uncommitted=True)
            case "commit":
                driver.commit()
    lost: dict[int, list[list[int]]] = {}
    for id, user in sorted(refers.items()):
        if user is not None and user not in there:
            lost.setdefault(user, []).append([id])
    wanted = Counter(("references.user_id", len(keys), json.dumps(keys)) for keys in lost.values())
    assert open_findings(driver, OF_ORDERS) == wanted
