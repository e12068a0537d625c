"""The parts of Debezium's Avro envelope that are the same for every table."""

from __future__ import annotations

from typing import Any

SOURCE_NAME = "io.debezium.connector.postgresql.Source"
TRANSACTION_NAME = "event.block"
_SNAPSHOTS = ("true", "first", "first_in_data_collection", "last_in_data_collection", "last", "false", "incremental")
_SNAPSHOT = {
    "type": "string",
    "connect.version": 1,
    "connect.parameters": {"allowed": ",".join(_SNAPSHOTS)},
    "connect.default": "false",
    "connect.name": "io.debezium.data.Enum",
}


def _optional(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": ["null", kind], "default": None}


SOURCE: dict[str, Any] = {
    "type": "record",
    "name": "Source",
    "namespace": "io.debezium.connector.postgresql",
    "fields": [
        {"name": "version", "type": "string"},
        {"name": "connector", "type": "string"},
        {"name": "name", "type": "string"},
        {"name": "ts_ms", "type": "long"},
        {"name": "snapshot", "type": [_SNAPSHOT, "null"], "default": "false"},
        {"name": "db", "type": "string"},
        _optional("sequence", "string"),
        _optional("ts_us", "long"),
        _optional("ts_ns", "long"),
        {"name": "schema", "type": "string"},
        {"name": "table", "type": "string"},
        _optional("txId", "long"),
        _optional("lsn", "long"),
        _optional("xmin", "long"),
        _optional("origin", "string"),
        _optional("origin_lsn", "long"),
    ],
    "connect.version": 1,
    "connect.name": SOURCE_NAME,
}
TRANSACTION: dict[str, Any] = {
    "type": "record",
    "name": "block",
    "namespace": "event",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total_order", "type": "long"},
        {"name": "data_collection_order", "type": "long"},
    ],
    "connect.version": 1,
    "connect.name": TRANSACTION_NAME,
}
