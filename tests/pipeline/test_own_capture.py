"""What ``streams capture`` writes in each of its formats is what pipelines read: the same rows as Debezium's."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from msgspec.structs import replace

from streams.capture.outgoing.envelope import UNAVAILABLE
from streams.capture.serialize.avro import AvroCodec
from streams.capture.serialize.json_schema import JsonCodec
from streams.capture.serialize.protobuf import ProtobufCodec
from streams.capture.serialize.registered import MakeCodec
from streams.contracts.registry import MemoryRegistry
from streams.testing import CommittedRecord, Driver

from ..capture.serialize.builders import NOW_US, PLACE, ROW_1, ROW_2, TARGET, TYPES, Written
from .captured import SCHEMAS, SNAPSHOT, published_by

FORMATS: dict[str, MakeCodec] = {
    "debezium-json": JsonCodec,
    "debezium-avro": AvroCodec,
    "debezium-protobuf": ProtobufCodec,
}


def a_reader(root: Path, format: str, registry: MemoryRegistry) -> Driver:
    """The fixtures' pipeline of types_demo over our capture's topic."""
    copytree(SCHEMAS / "com.acme.fixtures" / "types_demo", root / "com.acme.fixtures" / "types_demo")
    contract = root / "com.acme.fixtures" / "types_demo" / "contract.yaml"
    # Our capture writes decimals as text.
    contract.write_text(contract.read_text("utf-8").replace("value: base64}", "value: hex}"), "utf-8")
    text = (SCHEMAS / "pipelines" / "types_demo.yaml").read_text("utf-8")
    text = text.replace("shopjson.public.types_demo", TARGET.topic)
    text = text.replace("format: debezium-json", f"format: {format}")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "types_demo.yaml").write_text(text, "utf-8")
    return Driver(root, registry=registry, start_ms=NOW_US // 1_000)


def published(root: Path, format: str, *changes: tuple[str, object, object]) -> list[CommittedRecord]:
    registry = MemoryRegistry()
    written = Written(FORMATS[format], TYPES, registry=registry)
    driver = a_reader(root, format, registry)
    for number, (op, *halves) in enumerate(changes, 1):
        before, after = [written.shape.image(held, {}) if isinstance(held, tuple) else held for held in halves]
        change, place = (op, before, after), replace(PLACE, total_order=number)
        for record in written.outgoing.records(TARGET, written.shape, change, place, now_us=NOW_US):
            driver.send(record.topic, key=record.key, value=record.value, headers=record.headers)
    assert "dead" not in driver.ledger()
    return driver.records("types_demo.rows.v1")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("place", "row"), [(0, ROW_1), (1, ROW_2)])
def test_rows_are_the_same_bytes_as_debeziums(
    format: str, place: int, row: tuple[str | None, ...], tmp_path: Path
) -> None:
    (record,) = published(tmp_path, format, ("c", None, row))

    captured = published_by("types_demo", SNAPSHOT)[place]
    assert (record.key, record.value) == (captured.key, captured.value)


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_not_sent_is_known_and_a_delete_is_a_tombstone(format: str, tmp_path: Path) -> None:
    later = {name: UNAVAILABLE if name == "jb" else None for name in [fact.name for fact in TYPES]} | {"id": 1}

    inserted, updated, gone = published(tmp_path, format, ("c", None, ROW_1), ("u", None, later), ("d", later, None))

    assert b'"jb":"{\\"a\\": 2, \\"z\\": 1}"' in (inserted.value or b"")
    assert b'"jb":"{\\"a\\": 2, \\"z\\": 1}"' in (updated.value or b"")
    assert (gone.key, gone.value) == (b'{"id":1}', None)
