"""Iglu's self-describing events: the customer's own example, through the whole pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from streams.testing import Driver

from .captured import FIXTURES

TOPIC = "user.updated.v1"
PIPELINE = """
pipeline: profiles
source:
  topic: user.updated.v1
  format: iglu-json
  contract: iglu:com.company/user_updated/jsonschema/1-*-*
  event_time: event_time
deduplicate: {by: event_id, keep: 24h}
derive: {user_id: user.id, email: user.email}
route:
  - {to: profiles.v1, key: [user_id]}
"""


def the_event(**changes: object) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FIXTURES / "events" / "user_updated.json").read_text("utf-8"))
    return {**event, **changes}


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    copytree(Path(__file__).parents[2] / "schemas" / "com.company", tmp_path / "com.company")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "profiles.yaml").write_text(PIPELINE, "utf-8")
    return Driver(tmp_path)


def send(driver: Driver, event: object) -> None:
    driver.send(TOPIC, key=None, value=json.dumps(event).encode(), timestamp_ms=1_705_314_600_000)


def test_the_event_is_published_once_however_often_it_comes(driver: Driver) -> None:
    send(driver, the_event())
    send(driver, the_event())

    (published,) = driver.records("profiles.v1")
    assert published.key == b'{"user_id":"user_123"}'
    assert published.timestamp_ms == 1_705_314_600_000
    assert json.loads(published.value or b"") == {
        **the_event()["data"],
        "user_id": "user_123",
        "email": "user@example.com",
    }
    assert driver.ledger() == {"processed": 1, "duplicate": 1}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (the_event(schema="iglu:com.company/user_updated/jsonschema/2-0-0"), b"contract_unknown"),
        (the_event(schema="iglu:com.company/user_deleted/jsonschema/1-0-0"), b"contract_unknown"),
        (the_event(more="than schema and data"), b"decode_failed"),
        ({"data": {}}, b"decode_failed"),
        (the_event(data={}), b"contract_violation"),
    ],
)
def test_what_is_not_agreed_is_a_dead_letter(driver: Driver, event: object, reason: bytes) -> None:
    send(driver, event)

    (dead,) = driver.records(f"{TOPIC}-profiles-dlt")
    assert reason in {value for _, value in dead.headers}
    assert dead.value == json.dumps(event).encode()


def test_every_violation_is_in_the_dead_letter_and_no_value(driver: Driver) -> None:
    data = the_event()["data"]
    wrong = {**data, "event_id": "s3cret-id", "user": {**data["user"], "email": "s3cret-address"}}
    send(driver, the_event(data=wrong))

    (dead,) = driver.records(f"{TOPIC}-profiles-dlt")
    headers = b" ".join(value or b"" for _, value in dead.headers)
    assert b"event_id" in headers
    assert b"user.email" in headers
    assert b"s3cret" not in headers
