"""AsyncAPI and OpenAPI: valid by their own schemas, and true of what pipelines read and send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV31SpecValidator

from streams.cli.contracts import command
from streams.contracts import read_contracts
from streams.contracts.registry import MemoryRegistry
from streams.pipeline.compile import compile_topology
from streams.testing import Driver
from streams.testing.mock import Mock
from streams.testing.mock.records import key_of, value_of
from streams.worker.web.openapi import openapi_of
from streams.worker.web.routes import ROUTES
from tests.contracts.builders import a_contract, a_folder, a_schema
from tests.contracts.exports.tools import ASYNCAPI, npm_package

SCHEMAS = Path(__file__).parents[2] / "schemas"
AT_MS = 1_772_362_800_000


def export(*arguments: object, schemas: Path = SCHEMAS) -> Any:
    result = CliRunner().invoke(command, ["export", "--schemas", str(schemas), *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture(scope="module")
def asyncapi() -> Any:
    return export("--as", "asyncapi")


def asyncapi_problems(document: Any) -> list[str]:
    """What AsyncAPI's own schema says."""
    schema = json.loads((npm_package(ASYNCAPI) / "schemas" / "3.0.0.json").read_text("utf-8"))
    errors = jsonschema_rs.validator_for(schema).iter_errors(document)
    return [f"{error.instance_path}: {error.message}"[:300] for error in errors]


def test_asyncapi_is_valid_by_its_own_schema(asyncapi: Any) -> None:
    assert asyncapi_problems(asyncapi) == []
    assert asyncapi_problems({**asyncapi, "channels": {"a": {"address": 1}}}) != []


FORMATS = ("debezium-json", "debezium-avro", "wal2json-v2", "cloudevents", "json", "iglu-json", "avro", "protobuf")


@pytest.mark.parametrize("form", FORMATS)
def test_asyncapi_is_valid_whatever_the_format_of_the_source(form: str, tmp_path: Path) -> None:
    source = f"topic: things.v1, format: {form}, contract: iglu:com.acme/things/jsonschema/1-*-*"
    properties = {"id": {"type": "integer"}, "inner": {"$ref": "#/$defs/x"}}
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(properties=properties, **{"$defs": {"x": {"type": "object"}}}),
        "com.acme/things/contract.yaml": a_contract(),
        "pipelines/p.yaml": f"pipeline: p\nsource: {{{source}}}\nroute: [{{to: out.v1}}]\n",
    }
    a_folder(tmp_path, files)
    document = export("--as", "asyncapi", schemas=tmp_path)

    assert asyncapi_problems(document) == []
    (message,) = (document["components"]["messages"][name] for name in document["channels"]["things_v1"]["messages"])
    assert ("schemaFormat" in message["payload"]) == (form in ("avro", "protobuf"))


def test_channels_are_the_topics_and_operations_who_reads_and_sends(asyncapi: Any) -> None:
    topics = {held["address"] for held in asyncapi["channels"].values()}
    by_reference = {f"#/channels/{name}": held["address"] for name, held in asyncapi["channels"].items()}
    done = {(held["action"], by_reference[held["channel"]["$ref"]], held["summary"])
            for held in asyncapi["operations"].values()}  # fmt: skip

    assert {"cdc.orders.v1", "orders.enriched.v1", "cdc.orders.v1-orders-dlt"} <= topics
    assert not any(topic.endswith(("-changelog", "-repartition")) for topic in topics)
    assert {("receive", "cdc.orders.v1", "Pipeline orders"), ("send", "orders.enriched.v1", "Pipeline orders"),
            ("send", "cdc.orders.v1-orders-dlt", "Pipeline orders")} <= done  # fmt: skip
    assert {topic for _, topic, _ in done} == topics
    enriched = asyncapi["components"]["messages"][next(iter(asyncapi["channels"]["orders_enriched_v1"]["messages"]))]
    assert enriched["x-contract"] == "iglu:com.acme.shop/orders_enriched/jsonschema/1-0-0"
    assert list(enriched["bindings"]["kafka"]["key"]["properties"]) == ["customer_id"]


def test_one_dataset_is_the_part_that_is_about_it() -> None:
    document = export("com.acme.shop/users", "--as", "asyncapi")

    assert asyncapi_problems(document) == []
    assert {held["address"] for held in document["channels"].values()} >= {"cdc.users.v1"}
    assert not any("orders" in held["address"] for held in document["channels"].values())
    assert all("Orders" not in name for name in document["components"]["schemas"])


def resolved(document: Any, schema: Any) -> Any:
    """A validator of one schema of the document."""
    return jsonschema_rs.Draft202012Validator({"components": document["components"], **schema})


def test_what_pipelines_read_and_send_is_what_the_document_says(asyncapi: Any) -> None:
    contracts = read_contracts(SCHEMAS)
    mock = Mock(contracts, seed=1, at_ms=AT_MS)
    driver = Driver(SCHEMAS, pipelines=["orders", "products"], start_ms=AT_MS)
    for name in ("products", "orders"):
        contract = mock.contract(f"iglu:com.acme.shop/{name}/jsonschema")
        for number, row in enumerate(mock.rows(contract.subject, 30)):
            value = value_of(row, contract, "debezium-json", number=number, at_ms=AT_MS)
            message = payload_of(asyncapi, f"cdc.{name}.v1", "receive")
            assert resolved(asyncapi, message).is_valid(json.loads(value))
            driver.send(f"cdc.{name}.v1", key=key_of(row, contract), value=value, timestamp_ms=AT_MS)
    sent = 0
    for topic in {held["address"] for held in asyncapi["channels"].values()}:
        if topic.endswith("-dlt") or topic.startswith("cdc."):
            continue
        for record in driver.records(topic):
            sent += 1
            assert resolved(asyncapi, payload_of(asyncapi, topic, "send")).is_valid(json.loads(record.value or b"null"))
    assert sent >= 30
    assert not resolved(asyncapi, payload_of(asyncapi, "orders.enriched.v1", "send")).is_valid({"id": "a"})


def payload_of(document: Any, topic: str, action: str) -> Any:
    (channel,) = (name for name, held in document["channels"].items() if held["address"] == topic)
    found = next(held for held in document["operations"].values()
                 if (held["action"], held["channel"]["$ref"]) == (action, f"#/channels/{channel}"))  # fmt: skip
    return document["components"]["messages"][found["messages"][0]["$ref"].rpartition("/")[2]]["payload"]


def test_openapi_is_valid_and_has_every_path_and_row_type() -> None:
    document = export("--as", "openapi")

    OpenAPIV31SpecValidator(document).validate()
    assert {path for path, _ in ROUTES} <= set(document["paths"])
    assert "/api/tables/orders/rows/{key}" in document["paths"]
    assert {"Orders", "OrdersRow", "Users", "UserUpdated"} <= set(document["components"]["schemas"])


def test_openapi_of_one_dataset_is_its_row_type() -> None:
    document = export("orders", "--as", "openapi")

    OpenAPIV31SpecValidator(document).validate()
    assert list(document["components"]["schemas"]) == ["Orders"]


def test_rows_of_tables_are_what_openapi_says() -> None:
    contracts = read_contracts(SCHEMAS)
    topology = compile_topology(contracts, app="a", mask_key=b"k" * 32, registry=MemoryRegistry())
    document = openapi_of(topology.plans, contracts)
    mock = Mock(contracts, seed=1, at_ms=AT_MS)
    contract = mock.contract("iglu:com.acme.shop/orders/jsonschema")
    driver = Driver(SCHEMAS, pipelines=["orders"], start_ms=AT_MS)
    for number, row in enumerate(mock.rows(contract.subject, 30)):
        value = value_of(row, contract, "debezium-json", number=number, at_ms=AT_MS)
        driver.send("cdc.orders.v1", key=key_of(row, contract), value=value, timestamp_ms=AT_MS)
    entry = resolved(document, {"$ref": "#/components/schemas/OrdersRowEntry"})
    rows = driver.table("orders")

    assert len(rows) == 30
    for key, row in rows.items():
        assert entry.is_valid({"key": [key], "window": None, "row": row})
        assert not entry.is_valid({"key": [key], "window": None, "row": {**row, "id": "a"}})
