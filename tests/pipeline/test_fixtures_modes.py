"""One snapshot in every mode that Debezium has for decimals, times, intervals and bytes: rows are the same."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from streams.testing import Driver

from .captured import FIXTURES, SCHEMAS

MODES = ("double", "iso", "micro", "nano", "string")
EXACT = {
    "id": 1, "n_fixed": "1234567890.12", "n_free": "3.14159265358979323846", "f4": 1.5, "f8": 2.5e100, "b": True,
    "i2": -32768, "d": "2026-03-29", "t": "23:59:59.123456", "ttz": "18:29:59.123456Z",
    "ts": "2026-03-29T02:30:00.123456Z", "ts3": "2026-03-29T02:30:00.123000Z", "tstz": "2026-03-29T00:30:00.123456Z",
    "iv": 37_091_106_789_000, "u": "11111111-2222-3333-4444-555555555555", "by": "AP8Q", "arr": ["a", None, "c d"],
    "iarr": [1, 2, 3], "j": '{"z":1, "a":2}', "jb": '{"a": 2, "z": 1}', "m": "happy", "net": "10.0.0.1/24",
    "bits": "Fg==", "nul": None,
}  # fmt: skip
EARLY = {
    "id": 2, "n_fixed": "-0.01", "n_free": "0", "f4": "NaN", "f8": "-Infinity", "b": False, "i2": 0,
    "d": "0001-01-01", "t": "00:00:00.000000", "ttz": "00:00:00Z", "ts": "0001-01-01T00:00:00.000000Z",
    "ts3": "1969-12-31T23:59:59.999000Z", "tstz": "1969-12-31T23:59:59.999999Z", "iv": -86_400_000_000, "u": None,
    "by": "", "arr": [], "iarr": None, "j": None, "jb": None, "m": "sad", "net": None, "bits": None, "nul": None,
}  # fmt: skip
LOST: dict[str, dict[int, dict[str, object]]] = {
    # What Debezium itself does not send in a mode.
    "double": {1: {"n_free": "3.141592653589793"}, 2: {"n_free": "0.0"}},
    "nano": {2: {"ts": None}},
    "string": {1: {"t": "23:59:59.123000", "ts": "2026-03-29T02:30:00.123000Z"}},
    "iso": {},
    "micro": {},
}
ENCODINGS = {"string": "hex", "double": "base64"}
"""Text says nothing of its encoding; base64 is what a contract need not say."""


def snapshot_of(mode: str, *, interval: str = "integer") -> dict[int, dict[str, Any]]:
    """By id, the rows that the pipeline publishes of the snapshot in ``mode``."""
    lines = [json.loads(line) for line in (FIXTURES / "debezium-modes" / f"mode-{mode}.jsonl").read_text().splitlines()]
    with TemporaryDirectory() as folder:
        driver = Driver(_schemas(Path(folder), lines[0]["topic"], mode, interval), pipelines=["types_demo"])
    for line in lines:
        key, value = b64decode(line["key"]), b64decode(line["value"])
        driver.send(line["topic"], key=key, value=value, timestamp_ms=line["timestamp"], partition=0)
    published = [json.loads(record.value or b"") for record in driver.records("types_demo.rows.v1")]
    assert driver.ledger() == {"processed": len(lines)}
    return {row["id"]: row for row in published}


def _schemas(root: Path, topic: str, mode: str, interval: str) -> Path:
    place = SCHEMAS / "com.acme.fixtures" / "types_demo"
    contract = (place / "contract.yaml").read_text("utf-8").replace(
        "{name: by, logicalType: string, physicalType: bytea}",
        "{name: by, logicalType: string, physicalType: bytea, "
        f"customProperties: [{{property: encoding, value: {ENCODINGS.get(mode, 'base64')}}}]}}",
    )
    schema = json.loads((place / "jsonschema" / "1-0-0").read_text("utf-8"))
    schema["properties"]["iv"] = {"type": [interval, "null"]}
    for name in ("n_fixed", "n_free"):
        schema["properties"][name] = {"type": ["string", "null"]}
    pipeline = (SCHEMAS / "pipelines" / "types_demo.yaml").read_text("utf-8")
    files = {
        "com.acme.fixtures/types_demo/contract.yaml": contract,
        "com.acme.fixtures/types_demo/jsonschema/1-0-0": json.dumps(schema),
        "pipelines/types_demo.yaml": pipeline.replace("shopjson.public.types_demo", topic),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("mode", MODES)
def test_rows_are_the_same_in_every_mode(mode: str) -> None:
    published = snapshot_of(mode)

    assert published[1] == {**EXACT, **LOST[mode].get(1, {})}
    assert published[2] == {**EARLY, **LOST[mode].get(2, {})}


@pytest.mark.parametrize("mode", MODES)
def test_infinity_and_nan_have_one_name(mode: str) -> None:
    row = snapshot_of(mode)[5]

    assert (row["d"], row["ts"], row["tstz"]) == ("infinity", "-infinity", "infinity")
    # Precise mode makes null of NaN, with a warning in the connector's log.
    assert row["n_free"] == ("NaN" if mode in ("double", "string") else None)


@pytest.mark.parametrize("mode", MODES)
def test_the_smallest_number_keeps_its_digit(mode: str) -> None:
    row = snapshot_of(mode)[6]

    assert row["n_free"] == "0.0000000000000000000000000000000000000001"
    assert (row["d"], row["ts"]) == ("2026-01-01", "2026-01-01T00:00:00.500000Z")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("string", ("P1Y2M3DT4H5M6.789S", "P-1D")), ("micro", ("PT10303H5M6.789S", "PT-24H"))],
)
def test_an_interval_is_iso_8601_where_the_contract_says_text(mode: str, expected: tuple[str, str]) -> None:
    published = snapshot_of(mode, interval="string")

    assert (published[1]["iv"], published[2]["iv"]) == expected
