"""Records: mock rows as a source would write them to a topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from streams.contracts.iglu import dataset_of
from streams.contracts.model import Contract

Format = Literal["rows", "debezium-json", "iglu-json"]
FORMATS: tuple[Format, ...] = ("rows", "debezium-json", "iglu-json")
encode_json = msgspec.json.Encoder(decimal_format="number").encode
_LSN = 24_000_000
_STEP = 64

Row = Mapping[str, object]


def key_of(row: Row, contract: Contract) -> bytes | None:
    """The key as JSON, an object of the key columns that the row has; ``None`` for a dataset without a key."""
    return encode_json({name: row[name] for name in contract.key if name in row}) if contract.key else None


def value_of(row: Row, contract: Contract, form: Format, *, number: int, at_ms: int) -> bytes:
    """The value of record ``number``, whose source committed it at ``at_ms``."""
    values: Mapping[Format, Callable[[], object]] = {
        "rows": lambda: row,
        "debezium-json": lambda: _insert(row, contract, number, at_ms),
        "iglu-json": lambda: {"schema": contract.uri, "data": row},
    }
    return encode_json(values[form]())


def _insert(row: Row, contract: Contract, number: int, at_ms: int) -> dict[str, object]:
    """Debezium's envelope of an INSERT. Source: Debezium 3, "PostgreSQL connector", change events."""
    lsn = _LSN + number * _STEP
    table = dataset_of(contract.subject).rpartition("/")[2]
    source = {
        "version": "3.0.0.Final", "connector": "postgresql", "name": "mock", "ts_ms": at_ms, "snapshot": "false",
        "db": "mock", "sequence": f'["{lsn - _STEP}","{lsn}"]', "schema": "public", "table": table, "txId": number + 1,
        "lsn": lsn,
    }  # fmt: skip
    return {"before": None, "after": row, "source": source, "op": "c", "ts_ms": at_ms}
