"""Embedded services: real servers that start, survive a power cut, and never outlive their owner."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams.embedded import EmbeddedKafka, EmbeddedPostgres, read_state
from streams.embedded.services import STATE_FILE, birth_of

pytestmark = pytest.mark.integration
STATE = {"pid": os.getpid(), "brokers": "127.0.0.1:1", "database": "postgresql://127.0.0.1:2/shop"}
PATIENCE_SECONDS = 60.0


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.05)


def streams(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=180,
        env={**os.environ, **environment},
    )  # fmt: skip


def descendants(pid: int) -> set[tuple[int, str]]:
    """(process id, start time) of everything that ``pid`` started, directly or not."""
    parents = dict(filter(None, map(_process, Path("/proc").glob("[0-9]*"))))
    found: set[tuple[int, str]] = set()
    grown = {pid}
    while grown:
        grown = {child for child, (parent, _) in parents.items() if parent in grown}
        found |= {(child, parents[child][1]) for child in grown}
    return found


def _process(place: Path) -> tuple[int, tuple[int, str]] | None:
    """(process id, (parent, start time)); ``None`` once it is gone or a zombie."""
    try:
        fields = (place / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (int(place.name), (int(fields[1]), fields[19]))


def is_alive(process: tuple[int, str]) -> bool:
    found = _process(Path("/proc") / str(process[0]))
    return found is not None and found[1][1] == process[1]


def topics(broker: EmbeddedKafka) -> set[str]:
    return set(AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=10).topics)


def test_kafka_comes_back_from_a_power_cut_with_its_topics(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path) as broker:
        client = AdminClient({"bootstrap.servers": broker.bootstrap})
        for future in client.create_topics([NewTopic("kept", 1)]).values():
            future.result(30)
        address = broker.bootstrap

        broker.kill()
        broker.start()

        assert broker.bootstrap == address
        assert "kept" in topics(broker)


def test_kafka_makes_no_topic_by_itself(kafka: EmbeddedKafka, unique: Callable[[str], str]) -> None:
    name = unique("never-made")

    AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(name, timeout=10)

    assert name not in topics(kafka)


def test_postgres_comes_back_from_a_power_cut_with_its_rows(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "pg") as server:
        with psycopg2.connect(server.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 1 AS one")
        connection.close()

        server.kill()
        server.start()

        with psycopg2.connect(server.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT one FROM kept")
            assert cursor.fetchall() == [(1,)]
        connection.close()


def test_postgres_is_version_18_with_logical_replication(postgres: EmbeddedPostgres) -> None:
    with psycopg2.connect(postgres.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000, current_setting('wal_level')")
        assert cursor.fetchone() == (18, "logical")
    connection.close()


def test_up_tells_where_they_are_and_down_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "embedded"
    try:
        up = streams("embedded", "up", "--data", str(data), "--with", "redis", "--output", "json")
        again = streams("embedded", "up", "--data", str(data))
        status = streams("embedded", "status", "--data", str(data), "--output", "json")
        state = read_state(data)
        assert state is not None
        started = {process for process in descendants(state.pid) if is_alive(process)}
    finally:
        down = streams("embedded", "down", "--data", str(data))

    assert [row["service"] for row in json.loads(up.stdout)] == ["kafka", "postgresql", "redis"]
    assert f"starting PostgreSQL and Kafka on {data}" in up.stderr
    assert json.loads(status.stdout) == json.loads(up.stdout)
    assert (again.returncode, "they run already" in again.stdout) == (0, True)
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert f"export STREAMS_BROKERS={state.brokers}" in again.stdout
    assert f"streams capture --database {state.database}" in again.stdout
    assert f"export STREAMS_STORE={state.store}" in again.stdout
    assert len(started) >= 6, "three guards, a broker, a postmaster, a Redis"
    assert not any(map(is_alive, started))
    assert streams("embedded", "status", "--data", str(data)).returncode == 1


def test_another_process_that_has_got_the_keeper_s_number_is_not_taken_for_it(tmp_path: Path) -> None:
    born = birth_of(os.getpid())
    assert born is not None

    for said, is_found in ((born, True), (f"{born}0", False)):
        (tmp_path / STATE_FILE).write_text(json.dumps({**STATE, "born": said}))
        assert (read_state(tmp_path) is not None) is is_found


def test_kill_9_of_the_owner_leaves_no_orphans(tmp_path: Path) -> None:
    data = tmp_path / "embedded"
    owner = subprocess.Popen(
        [sys.executable, "-m", "streams", "embedded", "up", "--foreground", "--data", str(data)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: read_state(data) is not None, "the services are up")
        started = descendants(owner.pid)
    finally:
        owner.kill()
        owner.wait()

    assert len(started) >= 4, "two guards, a broker, a postmaster"
    wait_until(lambda: not any(map(is_alive, started)), "every process is gone")
    assert read_state(data) is None


@pytest.mark.parametrize(("tool", "package"), [("java", "openjdk-17-jre-headless"), ("mvn", "maven")])
def test_a_missing_tool_is_named_with_its_package_and_the_docker_way(tmp_path: Path, tool: str, package: str) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    if tool == "mvn":
        (bin_folder / "java").write_text("#!/bin/sh\nexit 1\n")
        (bin_folder / "java").chmod(0o755)

    up = streams("embedded", "up", "--data", str(tmp_path / "data"), PATH=str(bin_folder), HOME=str(tmp_path))

    assert up.returncode == 1
    assert f"{tool} is not installed; apt-get install {package}" in up.stderr
    assert "docker compose up" in up.stderr
    assert "Traceback" not in up.stderr


def test_a_cluster_goes_when_the_folder_it_belongs_to_is_gone(tmp_path: Path) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    with EmbeddedPostgres(gone) as server:
        cluster = server.cluster
    shutil.rmtree(gone)

    EmbeddedPostgres(there)

    assert not cluster.exists()
