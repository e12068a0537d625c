"""Samples: one dataset with a column of every form, and right records of it in every format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2

FORMATS = (
    "debezium-json", "debezium-avro", "wal2json-v2", "cloudevents", "json", "iglu-json", "avro", "protobuf",
)  # fmt: skip
COLUMNS: Mapping[str, object] = {
    "id": {"type": "integer"},
    "n": {"type": ["number", "null"]},
    "m": {"type": ["number", "null"]},
    "q": {"type": ["integer", "null"]},
    "at": {"type": ["integer", "null"]},
    "t": {"type": ["integer", "null"]},
    "d": {"type": ["integer", "null"]},
    "day": {"type": ["string", "null"], "format": "date"},
    "iv": {"type": ["string", "null"]},
    "by": {"type": ["string", "null"], "contentEncoding": "base64"},
    "bits": {"type": ["boolean", "null"]},
    "jb": {"type": ["object", "null"]},
    "arr": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    "o": {"type": ["object", "null"], "properties": {"a": {"type": "string"}, "at": {"type": "string"}}},
    "f": {"type": ["number", "null"]},
    "s": {"type": ["string", "null"]},
}
CONTRACT = (
    "{name: id, logicalType: integer, physicalType: bigint, primaryKey: true, primaryKeyPosition: 1}",
    "{name: n, physicalType: 'numeric(10,2)', customProperties: [{property: encoding, value: base64}]}",
    "{name: m, physicalType: numeric}",
    "{name: q, physicalType: 'numeric(9)'}",
    "{name: at, physicalType: timestamp(3)}",
    "{name: t, physicalType: time}",
    "{name: d, physicalType: date}",
    "{name: day, physicalType: date}",
    "{name: iv, physicalType: interval}",
    "{name: by, physicalType: bytea, customProperties: [{property: encoding, value: hex}]}",
    "{name: bits, physicalType: bit(1)}",
    "{name: jb, physicalType: jsonb}",
    "{name: arr, physicalType: 'numeric(6,2)[]'}",
    "{name: o, logicalType: object}",
    "{name: f, physicalType: double precision}",
    "{name: s, physicalType: text}",
)
ROW: dict[str, Any] = {
    "id": 1, "n": "AN0=", "m": {"scale": 3, "value": "AQ=="}, "q": "7", "at": 1_795_444_170_656, "t": 86_399_000_000,
    "d": 20_541, "day": 20_541, "iv": "P1DT2H", "by": "00ff", "bits": True, "jb": '{"a":1.50}', "arr": ["1.50", None],
    "o": {"a": "x", "at": 1}, "f": 1.5, "s": "text",
}  # fmt: skip
PLAIN_ROW: dict[str, Any] = {
    **ROW, "n": 1.5, "m": 7, "q": 7, "day": "2026-01-01", "jb": {"a": 1.5}, "by": "AP8=", "o": {"a": "x", "at": "y"},
}  # fmt: skip
SOURCE = {"name": "shop", "lsn": 9, "txId": 3, "ts_ms": 1_795_444_170_656, "sequence": '["8","9"]', "table": "all"}
_TIME, _CONNECT, _BITS = "io.debezium.time.", "org.apache.kafka.connect.data.", "io.debezium.data.Bits"


def _field(name: str, kind: str, meaning: str | None = None, **more: object) -> dict[str, object]:
    named = {} if meaning is None else {"name": meaning}
    return {"field": name, "type": kind, "optional": True, **named, **more}


_IMAGE = [
    _field("id", "int64"),
    _field("n", "bytes", _CONNECT + "Decimal", parameters={"scale": "2"}),
    _field("m", "struct", "io.debezium.data.VariableScaleDecimal"),
    _field("q", "string"),
    _field("at", "int64", _TIME + "MicroTimestamp"),
    _field("t", "int64", _TIME + "NanoTime"),
    _field("d", "int32", _TIME + "Date"),
    _field("day", "int32", _CONNECT + "Date"),
    _field("iv", "string", _TIME + "Interval"),
    _field("by", "bytes"),
    _field("bits", "bytes", _BITS, parameters={"length": "1"}),
    _field("jb", "string", "io.debezium.data.Json"),
    _field("arr", "array", items=_field("", "bytes", _CONNECT + "Decimal", parameters={"scale": "2"})),
    _field("o", "struct", fields=[_field("a", "string"), _field("at", "int64", _TIME + "Timestamp")]),
    _field("f", "double"),
    _field("s", "map", keys={"type": "string"}, values={"type": "float"}),
]
_SCHEMA = {"type": "struct", "fields": [_field(name, "struct", fields=_IMAGE) for name in ("before", "after")]}


def _change(op: str, **more: object) -> dict[str, object]:
    before, after = (ROW if op in "ud" else None), (ROW if op in "cur" else None)
    return {"op": op, "before": before, "after": after, "source": SOURCE, "ts_ms": 1, **more}


_BARE = [_change(op) for op in "cudrtm"]
_TYPES = {
    "n": ("numeric(10,2)", 2.21), "m": ("numeric", "0.001"), "at": ("timestamp(3)", "2026-01-01 00:00:00"),
    "t": ("time without time zone", "24:00:00"), "d": ("date", "infinity"), "day": ("date", "0044-03-15 BC"),
    "iv": ("interval", "1 mon -02:00:00"), "by": ("bytea", "00ff"), "bits": ("bit(1)", "1"),
    "jb": ("jsonb", '{"a":1.50}'),
    "arr": ("numeric(6,2)[]", "{1.50,NULL}"), "f": ("double precision", "NaN"), "s": ("text", "é"), "id": ("bigint", 1),
    "z": ("time with time zone", "23:59:59+05:30"), "b": ("boolean", True), "i": ("integer[]", "{{1,2},{3,4}}"),
    "a": ("timestamp with time zone[]", '{"2026-01-01 00:00:00+02"}'),
}  # fmt: skip
_WAL2JSON_COLUMNS = [{"name": name, "type": kind, "value": value} for name, (kind, value) in _TYPES.items()]
_IDENTITY = [{"name": "id", "type": "bigint", "value": 2}]


def _action(action: str, **more: object) -> dict[str, object]:
    place = {"xid": 3, "timestamp": "2026-11-23 14:29:16.149364+00", "lsn": "0/166F1C8"}
    return {"action": action, **place, "schema": "public", "table": "all", **more}


JSON_SAMPLES: Mapping[str, list[dict[str, object]]] = {
    "debezium-json": [*_BARE, *({"schema": _SCHEMA, "payload": change} for change in _BARE)],
    "wal2json-v2": [
        _action("I", columns=_WAL2JSON_COLUMNS),
        _action("U", columns=_WAL2JSON_COLUMNS, identity=_IDENTITY),
        _action("U", columns=_IDENTITY, identity=_WAL2JSON_COLUMNS),
        _action("D", identity=_IDENTITY),
        _action("T"),
        _action("M", content="x"),
    ],
    "cloudevents": [
        PLAIN_ROW,
        _change("c"),
        {"schema": _SCHEMA, "payload": _change("u")},
        {"specversion": "1.0", "type": "t", "source": "s", "id": "1", "time": "2026-01-01T00:00Z", "data": PLAIN_ROW},
        {
            "specversion": "1.0", "type": "io.debezium.connector.postgresql.DataChangeEvent", "id": "1", "source": "/d",
            "iodebeziumop": "u", "iodebeziumname": "shop", "iodebeziumtsms": "1795444170656", "iodebeziumlsn": "9",
            "iodebeziumtxid": "3", "iodebeziumtxtotalorder": "1", "data": {"before": ROW, "after": ROW},
        },
    ],
    "json": [PLAIN_ROW, {**PLAIN_ROW, "jb": {"a": [1]}, "more": 1}],
    "iglu-json": [{"schema": "iglu:com.acme/all/jsonschema/1-0-0", "data": PLAIN_ROW}],
}  # fmt: skip
_CE = [("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"/shop"), ("ce_time", b"2026-01-01T00:00:00Z")]
CLOUD_HEADERS: list[list[tuple[str, bytes | None]]] = [
    [*_CE, ("ce_type", b"com.acme.changed")],
    [*_CE, ("ce_type", b"io.debezium.connector.postgresql.DataChangeEvent"), ("ce_iodebeziumop", b"c")],
    [],
]


def _avro(name: str, kind: object) -> dict[str, object]:
    return {"name": name, "type": ["null", kind], "default": None}


_AVRO_ROW = {
    "type": "record",
    "name": "Row",
    "namespace": "fuzz",
    "fields": [
        {"name": "id", "type": "long"},
        _avro("n", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}),
        _avro("m", {"type": "fixed", "name": "F", "size": 8, "logicalType": "decimal", "precision": 18, "scale": 3}),
        _avro("q", {"type": "bytes", "connect.name": _CONNECT + "Decimal", "connect.parameters": {"scale": "-3"}}),
        _avro("at", {"type": "long", "logicalType": "timestamp-micros"}),
        _avro("t", {"type": "int", "logicalType": "time-millis"}),
        _avro("d", {"type": "int", "logicalType": "date"}),
        _avro("day", {"type": "int", "connect.name": _TIME + "Date"}),
        _avro("iv", {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}),
        _avro("by", "bytes"),
        _avro("bits", {"type": "bytes", "connect.name": _BITS, "connect.parameters": {"length": "9"}}),
        _avro("jb", {"type": "string", "connect.name": "io.debezium.data.Json"}),
        _avro("arr", {"type": "array", "items": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 6}]}),
        _avro("o", {"type": "map", "values": ["null", "float", "double", "bytes", "string"]}),
        _avro("f", "float"),
        _avro("s", {"type": "enum", "name": "E", "symbols": ["sad", "ok"]}),
        _avro("u", {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}),
        {"name": "many", "type": ["null", "boolean", "int", "bytes", "fuzz.E", {"type": "array", "items": "double"}]},
    ],
}
AVRO_SCHEMAS: Mapping[int, Any] = {
    201: _AVRO_ROW,
    202: {
        "type": "record",
        "name": "Envelope",
        "fields": [
            _avro("before", _AVRO_ROW),
            _avro("after", "fuzz.Row"),
            {"name": "op", "type": "string"},
            _avro("ts_ms", "long"),
            _avro("source", {"type": "map", "values": ["null", "string", "long", "bytes"]}),
        ],
    },
    203: {"type": "record", "name": "N", "fields": [_avro("next", "N"), {"name": "id", "type": "long"}]},
    204: {"type": "record", "name": "Z", "fields": [{"name": "arr", "type": {"type": "array", "items": "null"}}]},
    205: "string",
    206: {"type": "array", "items": "long"},
}
"""203 is recursive, 204 has an array of nothing, 205 and 206 are no records."""


IMPORTS = ("timestamp", "duration", "struct", "wrappers", "any")


def protobuf_file() -> Any:
    """Messages with a field of every type, one of them inside of itself."""
    file = descriptor_pb2.FileDescriptorProto(name="all.proto", package="fuzz", syntax="proto3")
    file.dependency.extend(f"google/protobuf/{name}.proto" for name in IMPORTS)
    _message(file.message_type.add(name="Decimal"), [("value", 12, ""), ("precision", 13, ""), ("scale", 17, "")])
    enum = file.enum_type.add(name="Mood")
    enum.value.add(name="SAD", number=0)
    enum.value.add(name="OK", number=1)
    own = [
        ("id", 3, ""), ("n", 9, ""), ("m", 1, ""), ("q", 17, ""), ("at", 11, ".google.protobuf.Timestamp"),
        ("t", 18, ""), ("d", 5, ""), ("day", 9, ""), ("iv", 11, ".google.protobuf.Duration"), ("by", 12, ""),
        ("bits", 8, ""),
        ("jb", 11, ".google.protobuf.Struct"), ("o", 11, ".fuzz.All"), ("f", 2, ""), ("s", 14, ".fuzz.Mood"),
        ("w", 11, ".google.protobuf.DoubleValue"), ("x", 11, ".google.protobuf.Any"), ("c", 11, ".fuzz.Decimal"),
        ("v", 11, ".google.protobuf.Value"), ("b", 11, ".google.protobuf.BytesValue"), ("fx", 7, ""), ("u", 4, ""),
    ]  # fmt: skip
    message = file.message_type.add(name="All")
    _message(message, own)
    for place, (name, kind) in enumerate((("arr", 9), ("floats", 2), ("more", 11)), 40):
        field = message.field.add(name=name, number=place, type=kind, label=3)
        if kind == 11:
            field.type_name = ".fuzz.All"
    entry = message.nested_type.add(name="TagsEntry")
    entry.options.map_entry = True
    _message(entry, [("key", 9, ""), ("value", 12, "")])
    message.field.add(name="tags", number=50, type=11, label=3, type_name=".fuzz.All.TagsEntry")
    return file


def _message(message: Any, fields: list[tuple[str, int, str]]) -> None:
    for number, (name, kind, type_name) in enumerate(fields, 1):
        field = message.field.add(name=name, number=number, type=kind, label=1)
        if type_name:
            field.type_name = type_name
