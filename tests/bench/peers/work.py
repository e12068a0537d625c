"""Work: what every Python peer does to an event, whatever engine carries it. Imports nothing of ``streams``.

msgspec decodes the envelope and of it only the row; jsonschema-rs validates it against the contract's own schema; sums
are exact decimals, as in the worker.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

CONTRACT = Path(__file__).parents[1] / "schemas" / "com.acme.bench" / "orders" / "jsonschema" / "1-0-0"
MINUTE_MS = 60_000
GRACE_MS = 5_000
DAY_MS = 86_400_000

Row = dict[str, Any]


class _Envelope(msgspec.Struct, gc=False):
    after: Row | None = None


_decode = msgspec.json.Decoder(_Envelope, float_hook=Decimal).decode
_is_valid = jsonschema_rs.validator_for(json.loads(CONTRACT.read_text()), validate_formats=True).is_valid
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a peer runs: one folder, in which it may keep state, and its topics."""

    brokers: str
    app: str
    folder: str
    orders: str
    out: str
    dead: str
    options: dict[str, float]
    """Settings of the engine that a run changes."""


def read_place() -> Place:
    """The place in the folder that the command line names."""
    return Place(**json.loads((Path(sys.argv[1]) / "place.json").read_text()))


def read_row(value: bytes) -> Row | None:
    """The row after a change; ``None`` where it breaks its contract."""
    try:
        row = _decode(value).after
    except msgspec.DecodeError:
        return None
    return row if row is not None and _is_valid(row) else None


def window_start(row: Row) -> int:
    """Start of the minute, milliseconds."""
    time_ms: int = row["created_at"]
    return time_ms - time_ms % MINUTE_MS


def write_result(row: Row, orders: int, revenue: Decimal) -> bytes:
    """What is published of an order."""
    return _encode({**row, "running_orders": orders, "running_revenue": revenue})


def say_begins() -> None:
    """Tell the bench that the first record is there."""
    print("begins", flush=True)


def calm_collector() -> None:
    """What the worker does, too: what is there at the start is never looked at again, and the rest rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
