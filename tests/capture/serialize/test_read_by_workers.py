"""Read by workers: what capture writes in a registry's formats, pipelines read as they read Debezium's own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.capture.envelope import UNAVAILABLE
from streams.capture.serialize.avro import AvroCodec
from streams.capture.serialize.json_schema import JsonCodec
from streams.capture.serialize.protobuf import ProtobufCodec
from streams.capture.serialize.registered import MakeCodec
from streams.contracts.registry import MemoryRegistry
from streams.testing import Driver
from tests.pipeline.captured import SCHEMAS, a_driver, captured_table, send

from .builders import NOW_US, ROW_1, ROW_2, TARGET, TYPES, Written

FORMATS: Mapping[str, MakeCodec] = {
    "debezium-avro": AvroCodec,
    "debezium-protobuf": ProtobufCodec,
    "debezium-json": JsonCodec,
}


RFC_3339 = (*ROW_2[:9], "00:00:00Z", *ROW_2[10:])
"""PostgreSQL's ``+00`` alone is no zone of RFC 3339, as the contract wants one."""
ZONED = {"ttz": "23:59:59.123456+05:30"}
"""JSON's words for a time of day with a zone are PostgreSQL's; Debezium has it in UTC."""
OWN_FORM: Mapping[str, Mapping[str, object]] = {"debezium-avro": {}, "debezium-protobuf": ZONED, "debezium-json": ZONED}


def a_worker(folder: Path, form: str, registry: MemoryRegistry) -> Driver:
    """The fixtures' pipeline of ``types_demo`` on our topic and format."""
    shutil.copytree(SCHEMAS / "com.acme.fixtures", folder / "com.acme.fixtures")
    (folder / "pipelines").mkdir()
    text = (SCHEMAS / "pipelines" / "types_demo.yaml").read_text("utf-8")
    text = text.replace("shopjson.public.types_demo", TARGET.topic).replace("format: debezium-json", f"format: {form}")
    (folder / "pipelines" / "types_demo.yaml").write_text(text)
    return Driver(folder, start_ms=NOW_US // 1_000, registry=registry)


def debeziums_rows(own: Mapping[str, object]) -> Mapping[object, object]:
    """What a worker makes of the same two rows, captured by Debezium in Avro; ``own``: what ours say otherwise."""
    driver = a_driver("types_demo", format="debezium-avro")
    send(driver, [record for record in captured_table("types_demo", "debezium-avro") if record.operation == "r"])
    return {number: {**row, **(own if number == 1 else {})} for number, row in driver.table("types_demo").items()}


@pytest.mark.parametrize("form", FORMATS)
def test_rows_are_those_that_debezium_would_have_told(tmp_path: Path, form: str) -> None:
    registry = MemoryRegistry()
    written = Written(FORMATS[form], TYPES, registry=registry)
    worker = a_worker(tmp_path, form, registry)
    for order, row in enumerate((ROW_1, RFC_3339), 1):
        for record in written.change("r", None, written.shape.image(row, {}), order=order):
            worker.send(TARGET.topic, key=record.key, value=record.value, timestamp_ms=NOW_US // 1_000)

    rows = {number: dict(row) for number, row in worker.table("types_demo").items()}

    assert worker.ledger() == {"processed": 2}
    assert rows == debeziums_rows(OWN_FORM[form])


@pytest.mark.parametrize("form", FORMATS)
def test_an_update_a_delete_and_what_was_not_sent_are_understood(tmp_path: Path, form: str) -> None:
    registry = MemoryRegistry()
    written = Written(FORMATS[form], TYPES, registry=registry)
    worker = a_worker(tmp_path, form, registry)
    first = written.shape.image(ROW_1, {})
    changes = [
        ("c", None, first),
        ("u", None, {**first, "b": False, "arr": UNAVAILABLE, "by": UNAVAILABLE, "jb": UNAVAILABLE}),
        ("c", None, written.shape.image(RFC_3339, {})),
        ("d", written.shape.identity(ROW_2), None),
    ]
    for order, (op, before, after) in enumerate(changes, 1):
        for record in written.change(op, before, after, order=order):
            worker.send(TARGET.topic, key=record.key, value=record.value, timestamp_ms=NOW_US // 1_000)

    (row,) = worker.table("types_demo").values()

    assert worker.ledger() == {"processed": 4, "filtered": 1}
    assert (row["id"], row["b"], row["arr"]) == (1, False, ["a", None, "c d"])
    assert row["by"] == "AP8Q"
