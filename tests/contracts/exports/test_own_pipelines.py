"""Our own pipelines read what was written under an exported schema: the row is the one that JSON would have brought."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf import descriptor_pb2

from streams.contracts import Contracts
from streams.contracts.exports import export_dataset
from streams.contracts.registry import MemoryRegistry, RegisteredSchema, SchemaKind
from streams.dsl import stream
from streams.testing import Driver

from .builders import SHOP, a_mock, newest, the_shop
from .test_binary import compiled, fill, same, to_avro
from .test_never_stricter import plain

SUBJECTS = sorted(the_shop().families)
ID = 7
Encode = Callable[[Mapping[str, Any]], bytes]


@pytest.fixture(params=[subject for subject in SUBJECTS if "enriched" not in subject])
def dataset(request: pytest.FixtureRequest) -> tuple[Contracts, str]:
    """Those whose decimals have a scale, and whose columns may be null where they may be absent."""
    return the_shop(), request.param


def avro_of(contracts: Contracts, subject: str, folder: Path) -> tuple[str, SchemaKind, Encode]:
    text = export_dataset(newest(contracts, subject), contracts, "avro").text
    schema = json.loads(text)
    parsed = fastavro.parse_schema(schema)

    def encode(row: Mapping[str, Any]) -> bytes:
        file = BytesIO()
        fastavro.schemaless_writer(file, parsed, to_avro(row, schema))
        return file.getvalue()

    return text, SchemaKind.AVRO, encode


def protobuf_of(contracts: Contracts, subject: str, folder: Path) -> tuple[str, SchemaKind, Encode]:
    row_class = compiled(folder, contracts, subject)
    file = descriptor_pb2.FileDescriptorProto()
    row_class.DESCRIPTOR.file.CopyToProto(file)

    def encode(row: Mapping[str, Any]) -> bytes:
        message = row_class()
        fill(message, row)
        return b"\0" + bytes(message.SerializeToString())

    return b64encode(file.SerializeToString()).decode(), SchemaKind.PROTOBUF, encode


@pytest.mark.parametrize("form", ["avro", "protobuf"])
def test_a_pipeline_reads_the_row(form: str, dataset: tuple[Contracts, str], tmp_path: Path) -> None:
    contracts, subject = dataset
    text, kind, encode = {"avro": avro_of, "protobuf": protobuf_of}[form](contracts, subject, tmp_path / "protos")
    registry = MemoryRegistry()
    registry.add(RegisteredSchema(kind=kind, text=text, id=ID))
    rows = [plain(row) for row in a_mock(contracts).rows(subject, 20)]
    read = [read_by_pipeline(subject, contracts, form_, values, registry) for form_, values in (
        (form, [b"\0" + struct.pack(">I", ID) + encode(row) for row in rows]),
        ("json", [json.dumps(row).encode() for row in rows]),
    )]  # fmt: skip

    assert list(map(same, read[0])) == list(map(same, read[1]))
    assert len(read[0]) == len(rows)


def read_by_pipeline(
    subject: str, contracts: Contracts, form: str, values: list[bytes], registry: MemoryRegistry
) -> list[dict[str, Any]]:
    """What a pipeline publishes of ``values``; dead letters fail."""

    pipeline = stream("in.v1", pipeline="p", format=form, contract=f"{subject}/*-*-*").route("out.v1").build()
    driver = Driver(contracts.folder or SHOP, pipelines=[pipeline], registry=registry)
    for number, value in enumerate(values):
        driver.send("in.v1", key=b'{"id":%d}' % number, value=value, timestamp_ms=1_772_362_800_000)
    letters = driver.records("in.v1-p-dlt")
    assert [dict(letter.headers)["__connect.errors.exception.message"] for letter in letters[:1]] == []
    return [json.loads(record.value or b"null") for record in driver.records("out.v1")]
