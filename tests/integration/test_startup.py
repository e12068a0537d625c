"""Start-up: what is wrong is told whole, by name, with what to do; a worker that cannot run does not half run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from tests.contracts.builders import a_contract, a_folder, a_schema

from .cluster import Cluster

COLUMN = "{name: id, logicalType: integer, primaryKey: true}"
THINGS = {"com.acme/things/jsonschema/1-0-0": a_schema(), "com.acme/things/contract.yaml": a_contract(COLUMN)}
SOURCE = 'topic: %s, format: json, contract: "iglu:com.acme/things/jsonschema/1-*-*"'


Ended = subprocess.CompletedProcess[str]


def a_pipeline(name: str, more: str, *, topic: str = "things.v1") -> str:
    """A pipeline over com.acme/things; the first line of ``more`` is line 3."""
    return f"pipeline: {name}\nsource: {{{SOURCE % topic}}}\n{more}\n"


def start(folder: Path, **environment: str) -> Ended:
    """The worker command, until it ends by itself; the broker of the defaults is not there."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")}
    named = {f"STREAMS_{name}": value for name, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-m", "faust", "-A", "streams.app", "worker"],
        env={**inherited, "STREAMS_DATA": str(folder / "data"), "STREAMS_BROKERS": "127.0.0.1:1",
             "STREAMS_SCHEMAS": str(folder), **named},
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def abandoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Ended]]:
    """A worker without a broker: it waits while the other tests run."""
    files = {**THINGS, "pipelines/a.yaml": a_pipeline("a", "table: {name: a}")}
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(start, a_folder(tmp_path_factory.mktemp("abandoned"), files))


def refusals(folder: Path, **environment: str) -> list[str]:
    """What a start is refused for, a line each."""
    ended = start(folder, **environment)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False), ended.stderr
    head, *problems = ended.stderr.partition("cannot start: ")[2].splitlines() or ["none"]
    assert head.split()[0] == str(len(problems)), ended.stderr
    return problems


BROKEN = {
    "com.acme/torn/jsonschema/1-0-0": '{\n  "type": "object",\n',
    "com.acme/odd/jsonschema/1-0-0": a_schema("odd", properties={"id": {"type": "integre"}}),
    "com.acme/alien/jsonschema/1-0-0": a_schema("somebody"),
    "com.acme/terms/jsonschema/1-0-0": a_schema("terms"),
    "com.acme/terms/contract.yaml": a_contract("{name: colour, logicalType: string}", name="terms"),
    "com.acme/loose/jsonschema/v1.json": a_schema("loose"),
    "pipelines/torn.yaml": "pipeline: torn\nsource: [\n",
    "pipelines/misspelt.yaml": a_pipeline("misspelt", "tabel: {name: things}"),
    "pipelines/lost.yaml": a_pipeline("lost", "table: {name: lost}").replace("things/", "nobody/"),
    "pipelines/column.yaml": a_pipeline("column", 'table: {name: t}\nderive:\n  more: "colour + 1"'),
    "pipelines/window.yaml": a_pipeline("window", "aggregate:\n  - {table: w, by: [id], window: {grace: 1s},"
                                                  ' columns: {n: "count(*)"}}'),
}  # fmt: skip
"""Eleven files, ten of them wrong."""
LOOSE = "the name must be a version, MODEL-REVISION-ADDITION such as 1-0-0, without extension"


def test_ten_broken_files_are_reported_in_one_start_with_file_line_and_path(tmp_path: Path) -> None:
    problems = refusals(a_folder(tmp_path, {**THINGS, **BROKEN}))

    assert sorted(problem.split(": ")[:2] for problem in problems) == [
        ["com.acme/alien/jsonschema/1-0-0:5", "self.name"],
        ["com.acme/loose/jsonschema/v1.json", LOOSE],
        ["com.acme/odd/jsonschema/1-0-0:12", "properties.id.type"],
        ["com.acme/terms/contract.yaml:10", "schema[0].properties[0]"],
        ["com.acme/torn/jsonschema/1-0-0:3", "no valid JSON"],
        ["pipelines/column.yaml:5", "derive.more"],
        ["pipelines/lost.yaml:2", "source.contract"],
        ["pipelines/misspelt.yaml:3", "tabel"],
        ["pipelines/torn.yaml:3", "no valid YAML"],
        ["pipelines/window.yaml:4", "aggregate[0].window"],
    ]


LATER = {
    "tokenize": "mask: {note: tokenize}",
    "avro": "route: [{to: a, format: avro}]",
}


def test_what_this_release_cannot_do_yet_is_refused_by_name_never_ignored(tmp_path: Path) -> None:
    route = "route: [{to: b}]"
    texts = [text if "route:" in text else f"{text}\n{route}" for text in LATER.values()]
    files = {f"pipelines/p{number}.yaml": a_pipeline(f"p{number}", text) for number, text in enumerate(texts)}

    problems = refusals(a_folder(tmp_path, {**THINGS, **files}))

    for number, name in enumerate(LATER):
        (told,) = (line for line in problems if line.startswith(f"pipelines/p{number}.yaml:3"))
        assert name in told.partition(": ")[2], told
        assert "later" in told, told


def test_a_format_that_names_its_schemas_by_id_is_refused_without_a_registry(tmp_path: Path) -> None:
    pipeline = a_pipeline("a", "table: {name: a}").replace("format: json", "format: avro")

    (problem,) = refusals(a_folder(tmp_path, {**THINGS, "pipelines/a.yaml": pipeline}))

    assert problem == (
        "pipelines/a.yaml:2: source.format: avro names its schemas by id: set STREAMS_REGISTRY to a registry's URL"
    )


def test_a_mask_that_needs_a_secret_is_refused_without_one(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {**THINGS, "pipelines/a.yaml": a_pipeline("a", "mask: {note: hash}\ntable: {name: a}")})

    assert refusals(folder) == [
        "pipelines/a.yaml:3: mask.note: hash needs a secret; put one in a file and set STREAMS_MASK_KEY_FILE"
    ]


def test_wrong_settings_the_secret_and_broken_files_are_told_by_name(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {**THINGS, "pipelines/a.yaml": a_pipeline("a", "tabel: {name: a}")})

    assert refusals(folder, STORE="mysql://", BROKER="b:1") == [
        "STREAMS_STORE: rocksdb://, memory:// or redis://host:port/number",
        "STREAMS_BROKER: no such setting; did you mean STREAMS_BROKERS?",
    ]
    secret, misspelt = refusals(folder, MASK_KEY_FILE=str(tmp_path / "nowhere"))
    assert secret == "STREAMS_MASK_KEY_FILE: No such file or directory"
    assert misspelt.startswith("pipelines/a.yaml:3: tabel: unknown key 'tabel'; did you mean table?")


def test_an_option_that_kafka_s_client_does_not_know_is_told_with_its_name(tmp_path: Path) -> None:
    ended = start(a_folder(tmp_path, {**THINGS, "pipelines/a.yaml": a_pipeline("a", "table: {name: a}")}),
                  KAFKA_SECURITY_PROTOKOLL="ssl")  # fmt: skip

    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert '"security.protokoll"; correct STREAMS_KAFKA_<OPTION>' in ended.stderr


def test_a_folder_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    (problem,) = refusals(tmp_path / "nowhere")

    assert problem == f"{tmp_path}/nowhere: no such folder; set STREAMS_SCHEMAS to the folder with your contracts"


def test_contracts_without_any_pipeline_are_nothing_to_run(tmp_path: Path) -> None:
    assert refusals(a_folder(tmp_path, THINGS)) == [f"{tmp_path}/pipelines: no pipeline is there to run"]


def test_a_pipeline_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {**THINGS, "pipelines/a.yaml": a_pipeline("a", "table: {name: a}")})

    assert refusals(folder, PIPELINES="b") == ["pipelines: no pipeline 'b'; there are: a"]


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    """One pipeline with a table ``things`` over a topic of two partitions; no workers yet."""
    topic = unique("things")
    files = {**THINGS, "pipelines/a.yaml": a_pipeline("a", "table: {name: things}", topic=topic)}
    with Cluster(kafka.bootstrap, a_folder(tmp_path / "schemas", files), tmp_path, unique("app")) as held:
        held.create_topic(topic, 2)
        yield held


@pytest.mark.integration
def test_changelogs_with_another_number_of_partitions_are_refused_by_name(cluster: Cluster) -> None:
    cluster.create_topic(f"{cluster.app}-things-changelog", 3)
    cluster.create_topic(f"{cluster.app}-a-state-changelog", 1)

    code = cluster.start("a").wait(60)

    assert (code, "Traceback" in cluster.log("a")) == (2, False)
    for name, count in (("things", 3), ("a-state", 1)):
        assert f"{cluster.app}-{name}-changelog: has {count} partitions, its source " in cluster.log("a")
    assert "has 2; recreate it with 2, or set a new STREAMS_APP" in cluster.log("a")


@pytest.mark.integration
def test_two_workers_in_two_shells_take_slots_and_web_ports_of_their_own(cluster: Cluster) -> None:
    taken = cluster.start("first", STREAMS_INSTANCE="")
    cluster.wait_ready("first")
    port = cluster.get_address("first").rpartition(":")[2]
    cluster.start("second", STREAMS_INSTANCE="", STREAMS_WEB_PORT=port)
    cluster.wait_ready("first", "second")

    status = [json.loads(cluster.get(name, "/api/status")[1]) for name in ("first", "second")]
    assert taken.poll() is None
    assert [held["instance"].rpartition("-")[2] for held in status] == ["0", "1"]
    assert len(set(status[0]["workers"].values())) == 2
    assert status[0]["workers"] == status[1]["workers"]


@pytest.mark.integration
def test_a_worker_that_gets_no_task_is_ready_to_take_one(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):
        cluster.start(name)

    cluster.wait_until(lambda: [cluster.get(name, "/health/ready")[0] for name in cluster.workers] == [200] * 3)
    tasks = [len(json.loads(cluster.get(name, "/health/ready")[1])["tasks"]) for name in cluster.workers]

    assert sorted(tasks) == [0, 1, 1]


def test_without_a_broker_a_worker_says_what_it_waits_for_and_ends(abandoned: Future[Ended]) -> None:
    ended = abandoned.result(90)

    assert (ended.returncode, "Traceback" in ended.stderr) == (9, False)
    assert "waiting for a Kafka broker on 127.0.0.1:1" in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert "start one (streams embedded up), or set STREAMS_BROKERS. The last error: 127.0.0.1:1/bootstrap" in last
    assert "Connection refused" in last
    assert len(ended.stderr.splitlines()) < 40
