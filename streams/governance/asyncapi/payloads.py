"""Payloads: what stands in a record of each format, around a row or as its schema."""

from __future__ import annotations

import json
import re
from typing import Any

from streams.contracts.exports.avro import avro_schema
from streams.contracts.exports.json_schema import bundled
from streams.contracts.exports.names import pascal
from streams.contracts.exports.protobuf import to_protobuf
from streams.contracts.exports.read import read_model
from streams.contracts.model import Contract, Contracts
from streams.pipeline.published import envelope_shape

Shape = dict[str, Any]
AT = "#/components/schemas/"
JSON, AVRO, PROTOBUF = "application/json", "application/vnd.apache.avro", "application/vnd.google.protobuf"


def name_of(contract: Contract) -> str:
    """What the schema of its rows is called among the components."""
    return pascal(contract.subject.split("/")[1])


def payload_of(form: str, contract: Contract, row: Shape, contracts: Contracts) -> tuple[Shape, str]:
    """What stands in a record of ``form``, and its content type."""
    match form:
        case "avro":
            own = json.loads(contract.text) if contract.format == "avro" else None
            schema = own or avro_schema(read_model(contract, contracts))
            return {"schemaFormat": f"{AVRO};version=1.9.0", "schema": schema}, AVRO
        case "protobuf":
            return {"schemaFormat": f"{PROTOBUF};version=3", "schema": _proto(contract, contracts)}, PROTOBUF
        case "iglu-json":
            uri = {"type": "string", "pattern": f"^{re.escape(contract.subject)}/[0-9]+-[0-9]+-[0-9]+$"}
            properties = {"schema": uri, "data": row}
            return {"type": "object", "properties": properties, "required": ["schema", "data"]}, JSON
        case "wal2json-v2":
            return _WAL2JSON, JSON
        case "debezium-json" | "debezium-avro" | "debezium-protobuf":
            whole = bundled(contract, contracts, at=f"{AT}{name_of(contract)}")
            return _change(whole), {"debezium-avro": AVRO, "debezium-protobuf": PROTOBUF}.get(form, JSON)
        case "cloudevents":
            return row, "application/cloudevents+json"
        case _:
            return row, JSON


def _proto(contract: Contract, contracts: Contracts) -> str:
    if contract.format == "protobuf":
        return contract.text
    models = [read_model(one, contracts) for one in contracts.history_of(contract)]
    return to_protobuf(models, contracts.numbers_of(contract))


def _change(row: Shape) -> Shape:
    """An envelope, bare or with Connect's schema around it."""
    envelope = envelope_shape({name: held for name, held in row.items() if name != "$defs"}, is_partial=True)
    wrapped = {"type": "object", "properties": {"schema": {}, "payload": envelope}, "required": ["payload"]}
    return {"anyOf": [envelope, wrapped]}


_WAL2JSON = {
    "type": "object",
    "properties": {
        "action": {"enum": ["B", "C", "I", "U", "D", "T", "M"]},
        "schema": {"type": "string"},
        "table": {"type": "string"},
        "columns": {"type": "array", "items": {"type": "object"}},
        "identity": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["action"],
}
