"""Targets: every decoder, with real records of it or records written by its schemas, damaged."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import fastavro
from google.protobuf import descriptor_pb2, descriptor_pool

from streams.capture.serialize.protobuf import ProtobufCodec
from streams.contracts import read_contracts
from streams.contracts.framing import KEY_HEADER, VALUE_HEADER, frame_prefix
from streams.contracts.registry import MemoryRegistry, RegisteredSchema, SchemaKind, find_schema
from streams.pipeline.compile import compile_topology
from streams.pipeline.plan import Plan
from streams.records import Headers, SourceRecord

from ..capture.serialize.builders import ROW_1, ROW_2, TYPES, Written
from ..contracts.builders import a_contract, a_folder, a_schema
from ..pipeline.captured import (
    DEBEZIUM_FORMATS,
    SCHEMAS,
    CapturedRecord,
    a_registry,
    captured_table,
    captured_topic,
    registered_schemas,
    schemas_of,
    topic_of,
    wal2json_lines,
)
from .binary import avro_of, damage_bytes, protobuf_of
from .check import checked, outcome_of
from .lanes import both_ways, make_record
from .logs import Run, log_inputs, outcome_of_log
from .samples import AVRO_SCHEMAS, CLOUD_HEADERS, COLUMNS, CONTRACT, FORMATS, IMPORTS, JSON_SAMPLES, protobuf_file
from .trees import damage, parse, write

Make = Callable[[Random], tuple[bytes | None, bytes | None, Headers]]
"""(key, value, headers) of one input."""
GUID = UUID("11111111-2222-3333-4444-555555555555")
PROTOBUF_ID, JSON_ID, BROKEN_ID = 300, 301, 302


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One decoder."""

    name: str
    make: Make
    run: Callable[[SourceRecord], str]
    """What an input led to; raises what must not be."""

    def record(self, chance: Random) -> SourceRecord:
        """The next input."""
        key, value, headers = self.make(chance)
        return SourceRecord("in", 0, 0, 1_795_444_170_656, key, value, headers)


def all_targets() -> list[Target]:
    """Every decoder: of pipelines, and of the capture; and the quick way of plain records."""
    lane = Target(name="lane", make=make_record, run=both_ways)
    return [*_captured_targets(), *_sample_targets(), _own_target(), *_log_targets(), lane]


def _target(name: str, plan: Plan, make: Make) -> Target:
    return Target(name=name, make=make, run=partial(outcome_of, plan))


# -- real records


def _captured_targets() -> Iterator[Target]:
    for format in (*DEBEZIUM_FORMATS, "wal2json-v2"):
        topology = compile_topology(read_contracts(schemas_of(format)), app="fuzz", registry=a_registry())
        for plan in topology.plans:
            if plan.name != "dbz_signal":
                records = _records_of(plan.name, format)
                make = _damaged_avro(records) if format == "debezium-avro" else _damaged_json(records)
                yield _target(f"{format} {plan.name}", plan, make)


def _records_of(table: str, format: str) -> list[CapturedRecord]:
    found = [record for record in captured_table(table, format) if record.value is not None]
    if format in DEBEZIUM_FORMATS:
        prefix = topic_of(table, format).split(".")[0]
        for topic in (f"{prefix}.message", f"{prefix}.transaction", f"__debezium-heartbeat.{prefix}"):
            found += [record for record in captured_topic(topic, format)[:3] if record.value is not None]
    return found


def _damaged_json(records: list[CapturedRecord]) -> Make:
    values = [record.value or b"" for record in records]
    keys = [record.key for record in records]
    headers = [record.headers for record in records]
    trees = [parse(value) for value in values]

    def make(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
        place = chance.randrange(len(values))
        return _key(keys, place, chance), _damaged(values, trees, place, chance), headers[place]

    return make


def _damaged(values: list[bytes], trees: list[Any], place: int, chance: Random) -> bytes:
    if chance.random() < 0.2:
        return damage_bytes(values[place], chance.choice(values), chance)
    tree = trees[place]
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        tree = damage(tree, trees, chance)
    text = write(tree)
    return text.encode("latin-1", "replace") if chance.random() < 0.02 else text.encode("utf-8", "surrogatepass")


def _key(keys: list[bytes | None], place: int, chance: Random) -> bytes | None:
    key = keys[place]
    if key is None or chance.random() < 0.8:
        return key
    return chance.choice([damage_bytes(key, b'{"id":null}', chance), None, b"", b"\xff", b"[1]", b'{"schema":1}'])


def _damaged_avro(records: list[CapturedRecord]) -> Make:
    values, keys = [record.value or b"" for record in records], [record.key for record in records]
    known = _AvroWriter({number: json.loads(text) for number, text in registered_schemas().items()})

    def make(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
        place = chance.randrange(len(values))
        if chance.random() < 0.5:
            value = damage_bytes(values[place], chance.choice(values), chance)
        elif chance.random() < 0.3:  # another schema's id
            value = frame_prefix(chance.choice([*registered_schemas(), 0, 99, (1 << 32) - 1])) + values[place][5:]
        else:
            number = int.from_bytes(values[place][1:5], "big")
            value = frame_prefix(number) + known.write(number, chance)
        return _key(keys, place, chance), value, records[place].headers

    return make


class _AvroWriter:
    """Writes by registered schemas."""

    def __init__(self, schemas: dict[int, Any]) -> None:
        self._parsed: dict[int, tuple[Any, dict[str, Any]]] = {}
        for number, schema in schemas.items():
            named: dict[str, Any] = {}
            self._parsed[number] = fastavro.parse_schema(schema, named_schemas=named), named

    def write(self, number: int, chance: Random) -> bytes:
        """A body of the schema."""
        schema, named = self._parsed[number]
        return avro_of(schema, named, chance)


# -- what our capture reads and writes


def _log_targets() -> Iterator[Target]:
    for name, make, run in log_inputs():
        yield Target(name=name, make=partial(_value_of, make), run=partial(_read_log, run))


def _value_of(make: Callable[[Random], bytes], chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
    return None, make(chance), ()


def _read_log(run: Run, record: SourceRecord) -> str:
    outcome, text = outcome_of_log(run, record.value or b"")
    return checked(outcome, text)


def _own_target() -> Target:
    """Debezium's envelope in Protobuf is written by our capture alone."""
    registry = MemoryRegistry()
    written = Written(ProtobufCodec, TYPES, registry=registry)
    rows = [written.shape.image(row, {}) for row in (ROW_1, ROW_2)]
    changes = [("c", None, rows[0]), ("u", rows[0], rows[1]), ("d", rows[1], None), ("r", None, rows[1])]
    records = [held for change in changes for held in written.change(*change) if held.value is not None]
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "com.acme.fixtures").symlink_to(SCHEMAS / "com.acme.fixtures")
        text = (SCHEMAS / "pipelines" / "types_demo.yaml").read_text("utf-8")
        a_folder(root, {"pipelines/own.yaml": text.replace("debezium-json", "debezium-protobuf")})
        (plan,) = compile_topology(read_contracts(root), app="fuzz", registry=registry).plans
    pool = descriptor_pool.DescriptorPool()
    schema = find_schema(registry, int.from_bytes((records[0].value or b"")[1:5], "big"))
    file = descriptor_pb2.FileDescriptorProto.FromString(b64decode(schema.text))
    pool.Add(file)
    envelope = pool.FindMessageTypeByName(f"{file.package}.Envelope")

    def make(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
        record = chance.choice(records)
        value, key = record.value or b"", record.key or b""
        if chance.random() < 0.4:
            value = value[:6] + protobuf_of(envelope, chance)
        else:
            value = damage_bytes(value, records[0].value or b"", chance)
        return (key if chance.random() < 0.7 else damage_bytes(key, value, chance)), value, ()

    return _target("own debezium-protobuf", plan, make)


# -- records written here


def _sample_targets() -> Iterator[Target]:
    registry = a_sample_registry()
    with TemporaryDirectory() as folder:
        contracts = read_contracts(_written(Path(folder)))
    topology = compile_topology(contracts, app="fuzz", registry=registry)
    for plan in topology.plans:
        yield _target(f"sample {plan.name}", plan, _maker_of(plan))


def a_sample_registry() -> MemoryRegistry:
    """Schemas that can be read with, and some that cannot."""
    registry = MemoryRegistry()
    for number, schema in AVRO_SCHEMAS.items():
        registry.add(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps(schema), id=number))
    text = b64encode(protobuf_file().SerializeToString()).decode()
    registry.add(RegisteredSchema(kind=SchemaKind.PROTOBUF, text=text, id=PROTOBUF_ID, guid=GUID))
    registry.add(RegisteredSchema(kind=SchemaKind.JSON, text="{}", id=JSON_ID))
    registry.add(RegisteredSchema(kind=SchemaKind.AVRO, text="{", id=BROKEN_ID))
    return registry


def _written(root: Path) -> Path:
    files: dict[str, str | bytes] = {
        "com.acme/all/jsonschema/1-0-0": a_schema("all", properties=COLUMNS, required=("id",)),
        "com.acme/all/contract.yaml": a_contract(*CONTRACT, name="all"),
    }
    for place, format in enumerate(FORMATS):
        name = format.replace("-", "_")
        source: dict[str, object] = {
            "topic": f"in.{name}",
            "format": format,
            "contract": "iglu:com.acme/all/jsonschema/1-*-*",
        }
        if place % 2:
            source["event_time"] = "at"
        pipeline = {"pipeline": name, "source": source, "filter": "key.id is null or source.lsn is null"}
        if format in ("json", "iglu-json", "avro", "protobuf"):
            del pipeline["filter"]
        files[f"pipelines/{name}.yaml"] = json.dumps({**pipeline, "route": [{"to": f"out.{name}"}]})
    return a_folder(root, files)


def _maker_of(plan: Plan) -> Make:
    match plan.codec.name:
        case "avro" | "debezium-avro":
            return _written_avro()
        case "protobuf":
            return _written_protobuf()
        case name:
            return _written_json(name)


def _written_json(format: str) -> Make:
    samples = JSON_SAMPLES[format]
    values = [json.dumps(sample).encode() for sample in samples]
    if format == "wal2json-v2":
        values += [line.encode() for line in wal2json_lines()[:60]]
    trees = [parse(value) for value in values]

    def make(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
        place = chance.randrange(len(values))
        value = _damaged(values, trees, place, chance)
        if chance.random() < 0.05:
            value = frame_prefix(chance.choice([7, GUID])) + value
        headers: Headers = ()
        if format == "cloudevents":
            headers = _cloud_headers(chance)
        return _key([b'{"id":1}', b'{"schema":null,"payload":{"id":1}}'], place % 2, chance), value, headers

    return make


def _cloud_headers(chance: Random) -> Headers:
    headers = [list(header) for header in chance.choice(CLOUD_HEADERS)]
    if headers and chance.random() < 0.3:
        header = chance.choice(headers)
        damaged = damage_bytes(header[1] or b"", b"1.0", chance)
        header[1] = chance.choice([None, b"", b"\xff\xfe", b"9" * 40, b"x", damaged])
    return tuple((name, value) for name, value in headers)


def _written_avro() -> Make:
    readable = {number: schema for number, schema in AVRO_SCHEMAS.items() if number < BROKEN_ID}
    writer, numbers = _AvroWriter(readable), [*readable, *[201, 202] * 6]

    def make(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
        number = chance.choice(numbers)
        body = writer.write(number, chance)
        if chance.random() < 0.2:
            body = damage_bytes(body, body, chance)
        named = number if chance.random() > 0.05 else chance.choice([JSON_ID, BROKEN_ID, PROTOBUF_ID, 77, GUID])
        return _key([frame_prefix(number) + body], 0, chance), *_framed(frame_prefix(named), body, chance)

    return make


def _framed(prefix: bytes, body: bytes, chance: Random) -> tuple[bytes, Headers]:
    if chance.random() < 0.9:
        return prefix + body, ()
    name = chance.choice([VALUE_HEADER, VALUE_HEADER, KEY_HEADER])
    return body, ((name, chance.choice([prefix, b"\x01" + GUID.bytes, b"", b"\x01", b"\x02" * 17])),)


def _written_protobuf() -> Make:
    pool = descriptor_pool.DescriptorPool()
    for name in IMPORTS:
        module = __import__(f"google.protobuf.{name}_pb2", fromlist=["DESCRIPTOR"])
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(protobuf_file().SerializeToString()))
    kinds = list(pool.FindFileByName("all.proto").message_types_by_name.values())

    def make(chance: Random) -> tuple[bytes | None, bytes | None, Headers]:
        place = chance.randrange(len(kinds))
        body = protobuf_of(kinds[place], chance)
        if chance.random() < 0.2:
            body = damage_bytes(body, body, chance)
        path = (place,) if chance.random() > 0.05 else chance.choice([(0, 0), (9,), (0, 0, 0), (1 << 31, 1)])
        named = PROTOBUF_ID if chance.random() > 0.05 else chance.choice([JSON_ID, GUID, 3])
        return b'{"id":1}', *_framed(frame_prefix(named, path), body, chance)

    return make


