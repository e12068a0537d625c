"""Told: where Debezium says that transactions end agrees with where it says that the next ones begin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from streams.errors import DecodeError
from streams.pipeline.transactional.place import place_reader
from streams.pipeline.transactional.wire import end_reader
from streams.records import SourceRecord
from streams.testing import Driver

from ..builders import a_topology
from ..captured import (
    DEBEZIUM_FORMATS,
    CapturedRecord,
    a_registry,
    captured_table,
    captured_topic,
    in_log_order,
    schemas_of,
    topic_of,
)
from .builders import a_value, an_end, sub_of, whole

SHARED = ("users", "orders", "order_items", "products")
every_format = pytest.mark.parametrize("format", DEBEZIUM_FORMATS)


def a_source_record(value: bytes | None) -> SourceRecord:
    return SourceRecord("t", 0, 0, 0, None, value)


def told_of(format: str) -> tuple[CapturedRecord, ...]:
    """The capture's topic of transactions."""
    return captured_topic(f"{topic_of('users', format).partition('.')[0]}.transaction", format)


def transactional(format: str, folder: Path) -> Path:
    """The fixtures' pipelines, released transaction by transaction."""
    for place in schemas_of(format).iterdir():
        if place.name != "pipelines":
            (folder / place.name).symlink_to(place.resolve())
    (folder / "pipelines").mkdir()
    for table in SHARED:
        text = (schemas_of(format) / "pipelines" / f"{table}.yaml").read_text("utf-8")
        (folder / "pipelines" / f"{table}.yaml").write_text(f"{text}\ntransactional: true\n", "utf-8")
    return folder


def events_of(format: str) -> list[CapturedRecord]:
    return in_log_order(record for table in SHARED for record in captured_table(table, format))


@every_format
def test_each_transaction_ends_behind_its_beginning_and_at_least_where_the_next_begins(format: str) -> None:
    read_end = end_reader(a_registry())
    ends = [end for record in told_of(format) if (end := read_end(a_source_record(record.value))) is not None]
    begins = sorted({record.order[0] for record in events_of(format) if record.operation in ("c", "u", "d", "t")})

    def ends_between(begin: int, next_begin: int) -> Iterator[int]:
        yield from (end for end in ends if begin < end <= next_begin)

    assert len(ends) > 40
    assert ends == sorted(ends)
    assert [begin for begin, following in pairwise(begins) if not list(ends_between(begin, following))] == []


def test_a_change_says_to_which_transaction_it_belongs() -> None:
    place_of = place_reader(sub_of(whole()).plans[0].codec)

    def placed(value: bytes | None) -> object:
        return place_of(a_source_record(value))

    assert placed(a_value(1, xid=7, before=300, number=2)) == (7, 300, 2)
    assert placed(a_value(1, xid=7, before=0, number=1)) == (7, 0, 1)  # the first of a log
    assert placed(a_value(1, xid=None, op="r")) is None
    assert placed(None) is None
    assert placed(b"not JSON") is None
    for sequence in ("[]", "?", '["x","1"]', None):
        said = {**json.loads(a_value(1, xid=7)), "source": {"name": "shop", "txId": 7, "sequence": sequence}}
        assert placed(json.dumps(said).encode()) is None


def test_an_end_is_read_with_and_without_its_schema_and_a_beginning_is_none() -> None:
    read_end = end_reader(None)
    bare = an_end(7, 400)

    assert read_end(a_source_record(bare)) == 400
    assert read_end(a_source_record(b'{"schema":{},"payload":' + bare + b"}")) == 400
    assert read_end(a_source_record(b'{"status":"BEGIN","id":"7:300"}')) is None
    assert read_end(a_source_record(None)) is None


@pytest.mark.parametrize(
    "value", [b"?", b"\x00\x00\x00\x00\x07abc", b'{"status":"END","id":"7"}', b'{"status":"END"}', b"[]"]
)
def test_what_cannot_be_read_is_a_decode_error(value: bytes) -> None:
    with pytest.raises(DecodeError):
        assert end_reader(None)(a_source_record(value)) is None


@every_format
def test_a_real_capture_is_published_as_without_them(format: str, tmp_path: Path) -> None:
    straight = Driver(schemas_of(format), pipelines=SHARED, registry=a_registry())
    held = Driver(transactional(format, tmp_path), registry=a_registry())
    read_end = end_reader(a_registry())
    ends = [(read_end(a_source_record(record.value)) or 0, record) for record in told_of(format)]
    # What ends somewhere does so before what begins there.
    placed = [((end, 0, place), record) for place, (end, record) in enumerate(ends)]
    placed += [((record.order[0], 1, place), record) for place, record in enumerate(events_of(format))]

    for (_, is_event, _), record in sorted(placed, key=lambda entry: entry[0]):
        for driver in (straight, held) if is_event else (held,):
            driver.send(
                record.topic, key=record.key, value=record.value, timestamp_ms=record.timestamp_ms,
                headers=record.headers,
            )  # fmt: skip
            driver.commit()  # what a TRUNCATE takes away goes with checkpoints

    for table in SHARED:
        assert held.records(f"{table}.rows.v1") == straight.records(f"{table}.rows.v1") != []
    assert held.incomplete() == {}


def test_who_tells_has_one_task_and_everybody_hears() -> None:
    topology = a_topology(whole(), whole("lines", "cdc.lines.v1"))

    assert [(sub.source_topics, len(sub.plans)) for sub in topology.subtopologies] == [
        (("cdc.lines.v1", "cdc.orders.v1", "app-cdc.transaction-ends-repartition"), 2),
        (("cdc.transaction",), 1),
    ]
    kinds = {spec.name: (spec.kind.value, spec.source) for spec in topology.topics}
    assert kinds["cdc.transaction"] == ("source", "cdc.transaction")
    assert kinds["app-cdc.transaction-ends-repartition"] == ("repartition", "cdc.lines.v1")
