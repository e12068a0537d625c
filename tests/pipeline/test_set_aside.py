"""Set aside: a dead letter is the record itself, with the reason in headers and no value among them."""

from __future__ import annotations

import pytest

from streams.contracts.violations import Violation
from streams.errors import ContractViolationError
from streams.ledger import Ledger
from streams.pipeline.plan import DeadLetterStyle, Limits
from streams.pipeline.set_aside import set_aside
from streams.pipeline.task import Task
from streams.records import Delivery, Headers, SourceRecord
from streams.state.stores.memory import MemoryStore
from streams.worker.topics import HEADERS_BYTES

from .builders import (
    DEAD,
    TOPIC,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_topology,
    header,
    keys_of,
    problems_of,
    send,
)

OWN = "__contract.errors."
MINE = (("trace", b"\x00\xff"), ("empty", None), ("trace", b"again"))


def dead_letter(record: SourceRecord, *, style: DeadLetterStyle = DeadLetterStyle.CONNECT, now_ms: int = 9) -> Delivery:
    (sub,) = a_topology(style=style).subtopologies
    (delivery,) = Task(sub, 3, MemoryStore()).process(a_batch(record, offset=41), now_ms=now_ms).deliveries
    return delivery


def named(headers: Headers, prefix: str) -> dict[str, bytes | None]:
    """Headers that begin with ``prefix``, without it; each only once."""
    found = [(name.removeprefix(prefix), value) for name, value in headers if name.startswith(prefix)]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_key_value_headers_and_partition_are_those_of_the_record() -> None:
    record = a_change(1, omit=["code"], headers=MINE, time_ms=77)

    letter = dead_letter(record)

    assert (letter.topic, letter.key, letter.value) == (DEAD, record.key, record.value)
    assert (letter.timestamp_ms, letter.partition) == (77, 0)
    assert letter.headers[: len(MINE)] == MINE


def test_our_own_headers_tell_what_is_wrong() -> None:
    own = named(dead_letter(a_change(1, omit=["code"], amount="x", time_ms=77)).headers, OWN)

    assert own.pop("fingerprint")
    assert own == {
        "code": b"contract_violation",
        "uri": b"iglu:com.acme/orders/jsonschema/1-0-0",
        "rule": b"required,type",
        "path": b"code,amount",
        "message": b"iglu:com.acme/orders/jsonschema/1-0-0 is broken in: code, amount",
        "attempt": b"1",
        "original_timestamp": b"77",
        "first_failed_at": b"9",
    }


@pytest.mark.parametrize("style", DeadLetterStyle)
def test_the_headers_of_a_row_that_breaks_its_contract_everywhere_are_bounded(style: DeadLetterStyle) -> None:
    (plan,) = a_topology(style=style).subtopologies[0].plans
    ledger = Ledger(1)
    violations = tuple(Violation(path=f"größen[{n}]", code=f"rule{n}", message="") for n in range(100_000))
    ledger.bury(a_change(1), ContractViolationError("iglu:com.acme/orders/jsonschema/1-0-0", violations))

    (letter,) = set_aside(ledger, plan, now_ms=9)

    assert sum(len(name) + len(value or b"") for name, value in letter.headers) < HEADERS_BYTES
    assert (header(letter, OWN + "path") or "").startswith("größen[0],größen[1],")
    assert (header(letter, OWN + "path") or "").endswith("...")


def test_the_style_of_kafka_connect() -> None:
    assert named(dead_letter(a_change(1, omit=["code"])).headers, "__connect.errors.") == {
        "topic": TOPIC.encode(),
        "partition": b"0",
        "offset": b"41",
        "connector.name": b"app",
        "task.id": b"orders:0",
        "stage": b"TRANSFORMATION",
        "class.name": b"streams.pipeline.orders",
        "exception.class.name": b"streams.errors.ContractViolationError",
        "exception.message": b"iglu:com.acme/orders/jsonschema/1-0-0 is broken in: code",
    }


def test_the_style_of_kafka_streams() -> None:
    letter = dead_letter(a_change(1, omit=["code"]), style=DeadLetterStyle.STREAMS)

    assert named(letter.headers, "__streams.errors.") == {
        "exception": b"streams.errors.ContractViolationError",
        "message": b"iglu:com.acme/orders/jsonschema/1-0-0 is broken in: code",
        "topic": TOPIC.encode(),
        "partition": b"0",
        "offset": b"41",
    }
    assert named(letter.headers, "__connect") == {}


def test_the_style_of_spring_has_big_endian_numbers() -> None:
    letter = dead_letter(a_change(1, omit=["code"], time_ms=258), style=DeadLetterStyle.SPRING)

    assert named(letter.headers, "kafka_dlt-") == {
        "original-topic": TOPIC.encode(),
        "original-partition": b"\0\0\0\0",
        "original-offset": b"\0\0\0\0\0\0\0\x29",
        "original-timestamp": b"\0\0\0\0\0\0\x01\x02",
        "original-timestamp-type": b"CreateTime",
        "original-consumer-group": b"app",
        "exception-fqcn": b"streams.errors.ContractViolationError",
        "exception-message": b"iglu:com.acme/orders/jsonschema/1-0-0 is broken in: code",
    }


@pytest.mark.parametrize("style", DeadLetterStyle)
@pytest.mark.parametrize("before", DeadLetterStyle)
def test_a_replayed_record_that_fails_again_has_its_headers_replaced(
    style: DeadLetterStyle, before: DeadLetterStyle
) -> None:
    first = dead_letter(a_change(1, omit=["code"], headers=MINE, time_ms=77), style=before, now_ms=9)
    replayed = SourceRecord(
        topic=TOPIC,
        partition=0,
        offset=0,
        timestamp_ms=500,
        key=first.key,
        value=first.value,
        headers=first.headers,
    )

    again = dead_letter(replayed, style=style, now_ms=600)

    own = named(again.headers, OWN)
    assert (own["attempt"], own["first_failed_at"], own["original_timestamp"]) == (b"2", b"9", b"77")
    assert own["fingerprint"] == named(first.headers, OWN)["fingerprint"]
    names = [name for name, _ in again.headers if name not in dict(MINE)]
    assert len(names) == len(set(names))
    assert [header for header in again.headers if header[0] in dict(MINE)] == list(MINE)


@pytest.mark.parametrize("value", [b"x", b"", b"\xff", b"-1", b"9" * 30, None])
@pytest.mark.parametrize("name", ["attempt", "original_timestamp", "first_failed_at", "code"])
def test_headers_that_somebody_else_wrote_stop_nothing(name: str, value: bytes | None) -> None:
    driver = send(a_driver(), a_change(1, omit=["code"], headers=((OWN + name, value),), time_ms=5))

    (dead,) = driver.records(DEAD)
    assert [header(dead, OWN + name) for name in ("attempt", "original_timestamp", "first_failed_at", "code")] == [
        "1",
        "5",
        "5",
        "contract_violation",
    ]


def fingerprint_of(record: SourceRecord) -> bytes | None:
    return named(dead_letter(record).headers, OWN)["fingerprint"]


def test_a_fingerprint_is_that_of_the_cause() -> None:
    one = fingerprint_of(a_change(1, omit=["code"], amount=1))

    assert one == fingerprint_of(a_change(2, omit=["code"], amount=2))
    assert one != fingerprint_of(a_change(1, code=5))
    assert one != fingerprint_of(a_change(1, omit=["code"], amount="x"))


def test_dead_letters_of_one_batch_are_in_its_order() -> None:
    (sub,) = a_topology().subtopologies
    garbage = SourceRecord(topic=TOPIC, partition=0, offset=0, timestamp_ms=0, key=b"3", value=b"{")
    batch = a_batch(a_change(1, omit=["code"]), garbage, a_change(2, omit=["code"]))

    result = Task(sub, 0, MemoryStore()).process(batch, now_ms=0)

    assert [delivery.key for delivery in result.deliveries] == [b'{"id":1}', b"3", b'{"id":2}']


def test_the_topic_is_the_pipelines_or_the_one_it_names() -> None:
    driver = send(a_driver(a_pipeline(errors={"dead_letters": "graveyard.v1"})), a_change(1, omit=["code"]))

    assert keys_of(driver.records("graveyard.v1")) == [{"id": 1}]


def test_dead_letters_cannot_go_where_they_came_from() -> None:
    (problem,) = problems_of(a_pipeline(errors={"dead_letters": TOPIC}))

    assert problem.endswith("errors.dead_letters: cdc.orders.v1 is a source here; chained pipelines arrive later")


def test_sizes_are_a_setting() -> None:
    (sub,) = a_topology(limits=Limits(record_bytes=100)).subtopologies

    (letter,) = Task(sub, 0, MemoryStore()).process(a_batch(a_change(1)), now_ms=0).deliveries

    assert named(letter.headers, OWN)["code"] == b"too_large"
