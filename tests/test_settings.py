"""Settings: STREAMS_* and nothing else, every mistake at once, and defaults for two workers in two shells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import ConfigurationError
from streams.settings import Settings


def problems_of(**environment: str) -> list[str]:
    """What is wrong with these, as a person reads it."""
    try:
        Settings.from_env({f"STREAMS_{name}": value for name, value in environment.items()})
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


def read(**environment: str) -> Settings:
    return Settings.from_env({f"STREAMS_{name}": value for name, value in environment.items()})


def test_nothing_set_is_the_defaults() -> None:
    settings = Settings.from_env({"BROKERS": "elsewhere:1", "PATH": "/bin"})

    assert settings == Settings()
    assert (settings.app, settings.store, settings.checkpoint_interval_ms) == ("streams", "rocksdb://", 200)
    assert (settings.web_host, settings.pipelines, settings.dead_letter_style) == ("127.0.0.1", None, "connect")


def test_a_registrys_hosts_are_resolved_and_keep_their_credentials() -> None:
    settings = read(REGISTRY="http://me:pw@schema-registry:8081, https://other/", HOSTS="schema-registry=127.0.0.1:99")

    assert settings.registry_url() == "http://me:pw@127.0.0.1:99,https://other/"
    assert Settings().registry_url() == ""


def test_every_setting_is_read() -> None:
    settings = read(
        BROKERS="a:1,b:2",
        SCHEMAS="contracts",
        DATA="state",
        APP="shop",
        INSTANCE="one",
        STORE="memory://",
        CHECKPOINT_INTERVAL="50",
        WEB_HOST="0.0.0.0",
        WEB_PORT="7000",
        DEAD_LETTER_STYLE="spring",
        HOSTS="source_db=127.0.0.1:5433, other=b:2",
        KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_SASL_PASSWORD="x=y",
        MASK_KEY_FILE="secret",
        MAX_RECORD_BYTES="2048",
        NATIVE="0",
        PIPELINES="orders, users,",
    )

    assert settings == Settings(
        brokers="a:1,b:2",
        schemas=Path("contracts"),
        data=Path("state"),
        app="shop",
        instance="one",
        store="memory://",
        checkpoint_interval_ms=50,
        web_host="0.0.0.0",
        web_port=7000,
        dead_letter_style="spring",
        hosts={"source_db": "127.0.0.1:5433", "other": "b:2"},
        kafka={"security.protocol": "SASL_SSL", "sasl.password": "x=y"},
        mask_key_file=Path("secret"),
        max_record_bytes=2_048,
        native=False,
        pipelines=("orders", "users"),
    )


def test_options_of_kafka_are_given_to_its_client_with_the_brokers() -> None:
    options = read(BROKERS="a:1", KAFKA_SSL_CA_LOCATION="ca.pem").librdkafka()

    assert (options["bootstrap.servers"], options["ssl.ca.location"]) == ("a:1", "ca.pem")


def test_all_mistakes_are_reported_at_once_each_with_its_variable() -> None:
    found = problems_of(
        CHECKPOINT_INTERVAL="soon",
        WEB_PORT="http",
        MAX_RECORD_BYTES="1MB",
        DEAD_LETTER_STYLE="fancy",
        STORE="redis:/localhost",
        REGISTRY="registry:8081",
        NATIVE="yes",
        HOSTS="source_db",
        APP="my shop",
    )

    assert sorted(found) == [
        "STREAMS_APP: letters, digits, '.', '_' and '-' only: it leads the names of topics",
        "STREAMS_CHECKPOINT_INTERVAL: a whole number, please: milliseconds",
        "STREAMS_DEAD_LETTER_STYLE: connect, streams or spring",
        "STREAMS_HOSTS: name=host:port, separated by commas",
        "STREAMS_MAX_RECORD_BYTES: a whole number, please: bytes",
        "STREAMS_NATIVE: 1, or 0: without the parts in C",
        "STREAMS_REGISTRY: the URL of a schema registry, such as http://schema-registry:8081",
        "STREAMS_STORE: rocksdb://, memory:// or redis://host:port/number",
        "STREAMS_WEB_PORT: a whole number, please: a port",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHECKPOINT_INTERVAL", "0"),
        ("CHECKPOINT_INTERVAL", "-1"),
        ("WEB_PORT", "65536"),
        ("WEB_PORT", "-1"),
        ("MAX_RECORD_BYTES", "0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    (problem,) = problems_of(**{name: value})

    assert problem.startswith(f"STREAMS_{name}: ")


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("postgresql://me:a%40b@source_db:5432/shop?x=1", "postgresql://me:a%40b@127.0.0.1:5433/shop?x=1"),
        ("postgresql://source_db/shop", "postgresql://127.0.0.1:5433/shop"),
        ("postgresql://me@elsewhere:5432/source_db", "postgresql://me@elsewhere:5432/source_db"),
        ("postgresql://[broken", "postgresql://[broken"),
    ],
)
def test_a_host_that_has_an_alias_is_its_address(url: str, resolved: str) -> None:
    assert read(HOSTS="source_db=127.0.0.1:5433").resolve(url) == resolved


# -- the secret


def test_without_a_file_there_is_no_secret() -> None:
    assert Settings().mask_key() is None


def test_a_secret_is_read_without_the_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b" sixteen bytes and more\n")

    assert read(MASK_KEY_FILE=str(tmp_path / "key")).mask_key() == b"sixteen bytes and more"


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), (b"short\n", "shorter than 16 bytes")])
def test_a_secret_that_is_none_is_refused_without_telling_it(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    with pytest.raises(ConfigurationError, match=says) as caught:
        read(MASK_KEY_FILE=str(tmp_path / "key")).mask_key()

    assert "short\n" not in str(caught.value)


# -- names of workers

CLAIM = """
import sys
from pathlib import Path
from streams.errors import ConfigurationError
from streams.settings import Settings
try:
    print(Settings(data=Path(sys.argv[1]), instance=sys.argv[2]).claim_instance(), flush=True)
except ConfigurationError as error:
    print(error.problems[0], flush=True)
input()
"""


def claiming(data: Path, instance: str = "") -> subprocess.Popen[str]:
    """A process that claims ``instance`` and keeps it until its input ends."""
    command = [sys.executable, "-c", CLAIM, str(data), instance]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def claimed(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_name_that_another_process_has_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with claiming(tmp_path, "mine") as first, claiming(tmp_path, "other") as other:
        assert (claimed(first), claimed(other)) == ("mine", "other")
        with claiming(tmp_path, "mine") as second:
            assert claimed(second) == (
                "STREAMS_INSTANCE: another process on this machine runs as mine; stop it, or give this worker a name"
                " of its own (unset: the lowest free slot)"
            )


def test_the_name_of_a_process_that_was_killed_is_free_at_once(tmp_path: Path) -> None:
    with claiming(tmp_path, "mine") as first:
        assert claimed(first) == "mine"
        first.kill()
        first.wait()

        with claiming(tmp_path, "mine") as second:
            assert claimed(second) == "mine"


def test_a_name_that_is_a_slot_s_is_not_given_twice(tmp_path: Path) -> None:
    with claiming(tmp_path) as first:
        slot = claimed(first)
        with claiming(tmp_path, slot) as second:
            assert claimed(second).startswith(f"STREAMS_INSTANCE: another process on this machine runs as {slot};")


def test_a_folder_that_cannot_be_written_to_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"STREAMS_DATA: cannot write to .*file/streams \(Not a directory\)"):
        Settings(data=tmp_path / "file").claim_instance()


def test_two_processes_get_two_slots_and_a_third_the_one_that_became_free(tmp_path: Path) -> None:
    with claiming(tmp_path) as first, claiming(tmp_path) as second:
        taken = {claimed(held).rpartition("-")[2] for held in (first, second)}
        first.communicate("\n")
        with claiming(tmp_path) as third:
            taken_now = claimed(third).rpartition("-")[2]

    assert (taken, taken_now in taken) == ({"0", "1"}, True)
