"""Types: what PostgreSQL writes as text is exact as JSON, also where JSON has no word for it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.outgoing.envelope import encode_json
from streams.capture.postgres.types import converter_of

BOOL, BYTEA, INT8, INT2, INT4, JSON, JSONB, FLOAT4, FLOAT8 = 16, 17, 20, 21, 23, 114, 3802, 700, 701
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, NUMERIC, UUID, TEXT = 1082, 1083, 1114, 1184, 1186, 1700, 2950, 25
BOOLS, BYTEAS, INT8S, TEXTS, FLOAT8S, TIMESTAMPTZS, NUMERICS, UUIDS = 1000, 1001, 1016, 1009, 1022, 1185, 1231, 2951


def as_json(type_oid: int, text: str) -> str:
    convert = converter_of(type_oid)
    return encode_json(text if convert is None else convert(text)).decode()


@pytest.mark.parametrize(
    ("type_oid", "text", "expected"),
    [
        (BOOL, "t", "true"),
        (BOOL, "f", "false"),
        (INT8, "9223372036854775807", "9223372036854775807"),
        (INT2, "-32768", "-32768"),
        (NUMERIC, "12.30", '"12.30"'),
        (NUMERIC, "12345678901234567890.123456789", '"12345678901234567890.123456789"'),
        (NUMERIC, "NaN", '"NaN"'),
        (NUMERIC, "-Infinity", '"-Infinity"'),
        (FLOAT8, "0.1", "0.1"),
        (FLOAT8, "1e+300", "1E+300"),
        (FLOAT8, "-0", "-0"),
        (FLOAT4, "3.4028235e+38", "3.4028235E+38"),
        (FLOAT8, "NaN", '"NaN"'),
        (FLOAT8, "-Infinity", '"-Infinity"'),
        (TIMESTAMPTZ, "2026-01-02 03:04:05.1+00", '"2026-01-02T03:04:05.100000Z"'),
        (TIMESTAMPTZ, "2026-01-02 03:04:05+00", '"2026-01-02T03:04:05.000000Z"'),
        (TIMESTAMP, "2026-01-02 03:04:05.123456", '"2026-01-02T03:04:05.123456Z"'),
        (TIMESTAMPTZ, "infinity", '"infinity"'),
        (TIMESTAMP, "-infinity", '"-infinity"'),
        (TIMESTAMPTZ, "0044-03-15 12:00:00+00 BC", '"0044-03-15 12:00:00+00 BC"'),
        (DATE, "2026-01-02", '"2026-01-02"'),
        (DATE, "infinity", '"infinity"'),
        (DATE, "0044-03-15 BC", '"0044-03-15 BC"'),
        (TIME, "24:00:00", '"24:00:00"'),
        (INTERVAL, "P1Y2M3DT4H5M6S", '"P1Y2M3DT4H5M6S"'),
        (UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
        (JSONB, '{"n": 12345678901234567890, "x": "\\""}', '"{\\"n\\": 12345678901234567890, \\"x\\": \\"\\\\\\"\\"}"'),
        (JSON, "null", '"null"'),
        (BYTEA, "\\x00ff41", '"AP9B"'),
        (BYTEA, "\\x", '""'),
        (INT8S, "{1,NULL,3}", "[1,null,3]"),
        (INT8S, "[0:1]={1,2}", "[1,2]"),
        (INT8S, "{}", "[]"),
        (INT8S, "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        (BOOLS, "{t,f}", "[true,false]"),
        (NUMERICS, "{1.50,NaN}", '["1.50","NaN"]'),
        (FLOAT8S, "{0.5,Infinity}", '[0.5,"Infinity"]'),
        (TEXTS, '{"Zoë 😀",NULL,"NULL","a\\\\b\\"c,d",""}', '["Zoë 😀",null,"NULL","a\\\\b\\"c,d",""]'),
        (BYTEAS, '{"\\\\x00ff"}', '["AP8="]'),
        (TIMESTAMPTZS, '{"2026-01-02 03:04:05+00",infinity}', '["2026-01-02T03:04:05.000000Z","infinity"]'),
        (UUIDS, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", '["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]'),
        (TEXT, "\t\"\\ 😀", '"\\t\\"\\\\ 😀"'),
        (99_999, "happy", '"happy"'),
    ],
)  # fmt: skip
def test_a_value_is_written_exactly(type_oid: int, text: str, expected: str) -> None:
    assert as_json(type_oid, text) == expected


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_every_instant_is_read_back_as_it_was(moment: datetime) -> None:
    text = moment.isoformat(sep=" ") + "+00"

    assert datetime.fromisoformat(json.loads(as_json(TIMESTAMPTZ, text))) == moment.replace(tzinfo=UTC)


@given(st.binary())
def test_bytes_are_read_back_as_they_were(content: bytes) -> None:
    assert json.loads(as_json(BYTEA, "\\x" + content.hex())) == b64encode(content).decode()


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", codec="utf-8")))))
def test_an_array_of_text_is_read_back_as_it_was(items: list[str | None]) -> None:
    written = ("NULL" if item is None else re.sub(r'(["\\])', r"\\\1", item).join('""') for item in items)

    assert json.loads(as_json(TEXTS, "{" + ",".join(written) + "}")) == items
