"""Mock data on real servers: a worker takes what is valid, and buries the rest for what each record says of itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka

from .cluster import Cluster, WholeRecord, read_whole

pytestmark = [pytest.mark.integration]

SHOP = Path(__file__).parents[2] / "schemas"
ROWS = 600


def pipelines_on(topic: str, folder: Path) -> Path:
    """The shop's contracts, and one pipeline of products."""
    schemas = folder / "schemas"
    shutil.copytree(SHOP, schemas, ignore=shutil.ignore_patterns("pipelines", "matrix.yaml"))
    (schemas / "pipelines").mkdir()
    (schemas / "pipelines" / "goods.yaml").write_text(
        f"pipeline: goods\nsource: {{topic: {topic}, format: debezium-json,"
        f' contract: "iglu:com.acme.shop/products/jsonschema/1-*-*"}}\nroute: [{{to: {topic}.out}}]\n'
    )
    return schemas


def mock(brokers: str, schemas: Path, topic: str) -> str:
    arguments = ["products", "--rows", ROWS, "--invalid", "0.1", "--format", "debezium-json", "--to", topic]
    done = subprocess.run(
        [sys.executable, "-m", "streams", "contracts", "mock", *map(str, arguments), "--schemas", str(schemas)],
        env={**os.environ, "STREAMS_BROKERS": brokers}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def said(letter: WholeRecord) -> str:
    """What a dead letter says of itself: the header with which it came."""
    return (dict(letter.headers)["mock.breaks"] or b"").decode().partition(":")[0]


def found(letter: WholeRecord) -> str:
    """What the worker found broken in it."""
    message = (dict(letter.headers)["__connect.errors.exception.message"] or b"").decode()
    return message.partition(" is broken in: ")[2]


def test_a_worker_takes_the_valid_ones_and_finds_in_each_other_what_it_says_of_itself(
    kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    topic = unique("mocked")
    schemas = pipelines_on(topic, tmp_path)
    with Cluster(kafka.bootstrap, schemas, tmp_path, unique("app")) as cluster:
        cluster.create_topic(topic, 2)
        sent = mock(cluster.brokers, schemas, topic)
        told = re.fullmatch(rf"{ROWS} records to {topic}, (\d+) of them invalid\n", sent)
        assert told is not None
        cluster.start("a")
        cluster.wait_ready("a")
        cluster.wait_until(lambda: cluster.lag(topic) == 0)
        dead, out = (read_whole(cluster.brokers, name) for name in (f"{topic}-goods-dlt", f"{topic}.out"))

    assert (len(dead), len(out)) == (int(told[1]), ROWS - int(told[1]))
    assert len(dead) > 20
    assert [found(letter) for letter in dead] == [said(letter) for letter in dead]
