"""Avro and Protobuf: others compile them, rows come back as they were, and numbers never change."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.contracts import Contracts
from streams.contracts.compatibility import Mode, compare_history
from streams.contracts.exports import export_dataset

from ..builders import a_schema
from .builders import SHOP, WIDE, a_mock, a_tree, contracts_of, newest, the_shop, wide_things
from .test_never_stricter import plain

SUBJECTS = sorted(the_shop().families)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    return wide_things(tmp_path_factory.mktemp("wide"))


@pytest.fixture(params=[*SUBJECTS, WIDE])
def dataset(request: pytest.FixtureRequest, wide: Contracts) -> tuple[Contracts, str]:
    return (wide if request.param == WIDE else the_shop()), request.param


def same(row: Mapping[str, Any]) -> Any:
    """A row for comparison: without what is null, moments in UTC, numbers by value."""
    return {name: _same(value) for name, value in row.items() if value is not None}


def _same(value: Any) -> Any:
    if isinstance(value, dict):
        return same(value)
    if isinstance(value, list):
        return [_same(held) for held in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*", value):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


# An Avro writer and reader of JSON rows, which knows of the schema alone.


def to_avro(value: Any, kind: Any) -> Any:
    if isinstance(kind, list):
        return None if value is None else to_avro(value, next(one for one in kind if one != "null"))
    if isinstance(kind, str):
        return b64decode(value) if kind == "bytes" else value
    match kind.get("logicalType") or kind["type"]:
        case "record":
            return {field["name"]: to_avro(value.get(field.get("column", field["name"])), field["type"])
                    for field in kind["fields"]}  # fmt: skip
        case "array":
            return [to_avro(held, kind["items"]) for held in value]
        case "map":
            return {name: to_avro(held, kind["values"]) for name, held in value.items()}
        case "decimal":
            return Decimal(value)
        case "timestamp-micros" | "timestamp-millis":
            is_number = isinstance(value, int)
            return EPOCH + timedelta(milliseconds=value) if is_number else datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "string" if kind.get("content") == "json":
            return json.dumps(value)
        case "string" if kind.get("content") == "decimal":
            return json.dumps(value)
    return value


def from_avro(value: Any, kind: Any, like: Any) -> Any:
    """JSON's form of it; ``like``: whether a moment is text or a number, which Avro does not tell."""
    if value is None:
        return None
    if isinstance(kind, list):
        return from_avro(value, next(one for one in kind if one != "null"), like)
    if isinstance(kind, str):
        return b64encode(value).decode() if kind == "bytes" else value
    match kind.get("logicalType") or kind["type"]:
        case "record":
            names = {field["name"]: field.get("column", field["name"]) for field in kind["fields"]}
            return {names[field["name"]]: from_avro(value[field["name"]], field["type"], like.get(names[field["name"]]))
                    for field in kind["fields"]}  # fmt: skip
        case "array":
            return [from_avro(held, kind["items"], one) for held, one in zip(value, like, strict=True)]
        case "map":
            return {name: from_avro(held, kind["values"], like[name]) for name, held in value.items()}
        case "decimal":
            return str(value) if isinstance(like, str) else value
        case "timestamp-micros" | "timestamp-millis":
            is_number = isinstance(like, int)
            return (value - EPOCH) // timedelta(milliseconds=1) if is_number else value.isoformat()
        case "date" | "uuid":
            return str(value)
        case "string" if "content" in kind:
            return json.loads(value)
    return value


def test_rows_come_back_from_avro(dataset: tuple[Contracts, str]) -> None:
    contracts, subject = dataset
    schema = json.loads(export_dataset(newest(contracts, subject), contracts, "avro").text)
    parsed = fastavro.parse_schema(schema)

    for row in map(plain, a_mock(contracts).rows(subject, 40)):
        file = BytesIO()
        fastavro.schemaless_writer(file, parsed, to_avro(row, schema), strict=True)
        held = fastavro.schemaless_reader(BytesIO(file.getvalue()), parsed, None)
        assert same(from_avro(held, schema, row)) == same(row)


def test_decimals_moments_and_null_are_avros_own(wide: Contracts) -> None:
    schema = json.loads(export_dataset(newest(wide), wide, "avro").text)
    kinds = {field["name"]: field["type"] for field in schema["fields"]}

    assert (schema["namespace"], schema["name"]) == ("com.acme", "wide")
    assert kinds["price"] == {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
    assert kinds["at"] == {"type": "long", "logicalType": "timestamp-micros"}
    assert kinds["seen_ms"] == ["null", {"type": "long", "logicalType": "timestamp-millis"}]
    assert kinds["day"] == ["null", {"type": "int", "logicalType": "date"}]
    assert kinds["state"]["symbols"] == ["new", "in_use", "OLD"]
    assert kinds["mood"] == ["null", "string"]
    assert (kinds["small"], kinds["id"], kinds["ratio"]) == (["null", "int"], "long", ["null", "double"])
    assert kinds["marks"] == ["null", {"type": "array", "items": ["null", "long"]}]
    assert kinds["_1st"] == ["null", "long"]


def test_a_default_of_the_schema_is_one_of_avro(tmp_path: Path) -> None:
    properties = {"id": {"type": "integer"}, "state": {"type": "string", "enum": ["a", "b"], "default": "b"},
                  "size": {"type": ["integer", "null"], "default": 3}}  # fmt: skip
    contracts = contracts_of(tmp_path, {"com.acme/things/jsonschema/1-0-0": a_schema(properties=properties)})
    text = export_dataset(newest(contracts, "iglu:com.acme/things/jsonschema"), contracts, "avro").text
    parsed = fastavro.parse_schema(json.loads(text))

    old = {"type": "record", "name": "things", "namespace": "com.acme", "fields": [{"name": "id", "type": "long"}]}
    file = BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(old), {"id": 1})
    assert fastavro.schemaless_reader(BytesIO(file.getvalue()), old, parsed) == {"id": 1, "state": "b", "size": 3}


# Protobuf, compiled by protoc and read by its runtime.


def compiled(folder: Path, contracts: Contracts, subject: str, version: str | None = None) -> Any:
    """The class of the row."""
    family = contracts.families[subject]
    contract = family.newest if version is None else family.version(version)
    assert contract is not None
    held = export_dataset(contract, contracts, "protobuf")
    place = folder / (version or "newest")
    (place / held.path).parent.mkdir(parents=True)
    (place / held.path).write_text(held.text, "utf-8")
    out = place / "file.pb"
    done = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{place}", f"--descriptor_set_out={out}", held.path],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    for file in files.file:
        pool.Add(file)
    file = pool.FindFileByName(held.path)
    return message_factory.GetMessageClass(next(iter(file.message_types_by_name.values())))


def is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def fill(message: Any, row: Mapping[str, Any]) -> None:
    for field in message.DESCRIPTOR.fields:
        value = row.get(field.json_name)
        if value is None:
            continue
        if is_map(field):
            for name, held in value.items():
                getattr(message, field.name)[name] = held
        elif field.is_repeated:
            for held in value:
                if field.message_type is not None:
                    fill(getattr(message, field.name).add(), held)
                else:
                    getattr(message, field.name).append(single(field, held))
        elif field.message_type is not None:
            fill_message(getattr(message, field.name), field, value)
        else:
            setattr(message, field.name, single(field, value))


def fill_message(inner: Any, field: Any, value: Any) -> None:
    if field.message_type.full_name == "google.protobuf.Timestamp":
        is_number = isinstance(value, int)
        inner.FromDatetime(EPOCH + timedelta(milliseconds=value) if is_number else datetime.fromisoformat(value))
    elif [one.name for one in field.message_type.fields] == ["items"]:
        inner.SetInParent()
        for held in value:
            fill(inner.items.add(), {"value": held})
    else:
        inner.SetInParent()
        fill(inner, value)


def single(field: Any, value: Any) -> Any:
    if field.type == field.TYPE_BYTES:
        return b64decode(value)
    return json.dumps(value) if field.type == field.TYPE_STRING and not isinstance(value, str) else value


def read(message: Any, like: Mapping[str, Any]) -> dict[str, Any]:
    row = {}
    for field in message.DESCRIPTOR.fields:
        value, one = getattr(message, field.name), like.get(field.json_name)
        if is_map(field):
            row[field.json_name] = dict(value) if value or one == {} else None  # an absent map is an empty one
        elif field.is_repeated:
            pairs = zip(value, one or [], strict=True)
            row[field.json_name] = [read_single(field, held, inner) for held, inner in pairs]
        elif message.HasField(field.name):
            row[field.json_name] = read_single(field, value, one)
    return row


def read_single(field: Any, value: Any, like: Any) -> Any:
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            moment = value.ToDatetime(UTC)
            return (moment - EPOCH) // timedelta(milliseconds=1) if isinstance(like, int) else moment.isoformat()
        if [one.name for one in field.message_type.fields] == ["items"]:
            pairs = zip(value.items, like, strict=True)
            return [read(held, {"value": inner}).get("value") for held, inner in pairs]
        return read(value, like)
    if field.type == field.TYPE_BYTES:
        return b64encode(value).decode()
    return json.loads(value) if field.type == field.TYPE_STRING and not isinstance(like, str) else value


def test_protoc_takes_the_file_and_rows_come_back(dataset: tuple[Contracts, str], tmp_path: Path) -> None:
    contracts, subject = dataset
    row_class = compiled(tmp_path, contracts, subject)

    for row in map(plain, a_mock(contracts).rows(subject, 40)):
        message = row_class()
        fill(message, row)
        held = row_class.FromString(message.SerializeToString())
        assert same(read(held, row)) == same(row)


def test_rings_and_references_are_messages_and_records(tmp_path: Path) -> None:
    contracts = a_tree(tmp_path / "schemas")
    tree, forest = (f"iglu:com.acme/{name}/jsonschema" for name in ("tree", "forest"))
    row = {"root": {"label": "a", "weight": 2, "children": [{"label": "b", "children": []}]}}

    for number, subject in enumerate((tree, forest)):
        held = row if subject == tree else {"id": 1, "first": row["root"]}
        row_class = compiled(tmp_path / str(number), contracts, subject)
        message = row_class()
        fill(message, held)
        assert same(read(row_class.FromString(message.SerializeToString()), held)) == same(held)
        schema = json.loads(export_dataset(newest(contracts, subject), contracts, "avro").text)
        parsed = fastavro.parse_schema(schema)
        assert parsed["type"] == "record"


def numbers(text: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r" (\w+) = (\d+)[ ;]", text)}


def test_a_later_version_keeps_all_numbers_and_reserves_what_went(tmp_path: Path) -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    versions = {
        "1-0-0": {"id": number, "b": text, "state": {"type": "string", "enum": ["new", "old"]}},
        "1-0-1": {"a": text, "id": number, "b": text, "state": {"type": "string", "enum": ["made", "new", "old"]}},
        "2-0-0": {"c": text, "a": text, "id": text, "state": text},
    }
    files = {f"com.acme/things/jsonschema/{version}": a_schema(version=version, properties=properties)
             for version, properties in versions.items()}  # fmt: skip
    contracts = contracts_of(tmp_path / "schemas", files)
    family = contracts.families["iglu:com.acme/things/jsonschema"].versions
    texts = [export_dataset(one, contracts, "protobuf").text for one in family]

    first, second, third = map(numbers, texts)
    assert first == {"id": 1, "b": 2, "state": 3}
    assert second == {**first, "a": 4}
    # A number that was an integer on the wire is no text now: the column has another.
    assert third == {"a": 4, "state": 3, "c": 5, "id": 6}
    assert "  reserved 1, 2;\n  reserved \"b\";" in texts[2]
    for version in versions:
        compiled(tmp_path, contracts, "iglu:com.acme/things/jsonschema", version)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_columns_come_and_go_bytes_of_old_versions_mean_what_they_meant(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    texts_ = {"type": "array", "items": {"type": "string"}}
    kinds = [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, texts_]
    column = st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from(kinds), max_size=5)
    histories = data.draw(st.lists(column, min_size=2, max_size=5))
    files = {f"com.acme/things/jsonschema/1-{number}-0": a_schema(version=f"1-{number}-0", properties=held, required=())
             for number, held in enumerate(histories)}  # fmt: skip
    contracts = contracts_of(tmp_path_factory.mktemp("history"), files)
    family = contracts.families["iglu:com.acme/things/jsonschema"].versions
    texts = [export_dataset(one, contracts, "protobuf").text for one in family]

    # The package is that of the MODEL, so the versions are of one file; its own rules judge them.
    verdict = compare_history(texts[:-1], texts[-1], mode=Mode.FULL_TRANSITIVE, kind="protobuf")

    # A message that comes or goes with its only field is no matter of bytes.
    breaks = [one for _, comparison in verdict.comparisons for one in comparison.differences
              if any("json" not in way for way in one.breaks) and not one.code.startswith("MESSAGE_")]  # fmt: skip
    assert breaks == []


def test_the_shop_says_what_it_said() -> None:
    contracts = the_shop()
    text = export_dataset(newest(contracts, "iglu:com.acme.shop/orders/jsonschema"), contracts, "protobuf").text

    assert (SHOP / "com.acme.shop" / "orders").is_dir()
    assert numbers(text) == {
        "id": 1, "customer_id": 2, "product_id": 3, "amount": 4, "status": 5, "note": 6, "created_at": 7,
        "updated_at": 8,
    }  # fmt: skip
