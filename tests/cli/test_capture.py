"""``streams capture``: flags and files say the same, and what contradicts is refused before anything is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.capture.options import CaptureOptions
from streams.capture.outgoing.rules import FilterRule, Format, MaskMethod, MaskRule, RouteRule, Rules
from streams.cli.main import cli
from streams.errors import ConfigurationError

CONFIG = Path(__file__).parents[1] / "fixtures" / "cdc_config.py"
HOSTS = "source_db=127.0.0.1:5433,schema-registry=127.0.0.1:8999"
BASICS = ("--database", "postgresql://source_db/shop", "--tables", "users,orders")


def capture(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["capture", *arguments], env={"STREAMS_HOSTS": HOSTS, **environment})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[CaptureOptions]:
    """The options of captures that would run."""
    seen: list[CaptureOptions] = []
    monkeypatch.setattr("streams.cli.capture._run", lambda options, output: seen.append(options))
    return seen


def test_the_customers_file_needs_nothing_but_addresses(started: list[CaptureOptions]) -> None:
    result = capture("--config", str(CONFIG), "--metrics-port", "9999")

    assert result.exit_code == 0, result.output
    (options,) = started
    assert (options.database, options.registry) == ("postgresql://127.0.0.1:5433", "http://127.0.0.1:8999")
    assert (options.tables, options.plugin) == (("users", "orders", "products"), "wal2json")
    assert (options.format, options.metrics_port) == (Format.AVRO, 9999)
    assert options.topics_of(options.tables) == [
        "cdc.users.v1", "cdc.orders.v1", "cdc.products.v1", "cdc.users.v1.warehouse", "cdc.users.v1.cache",
    ]  # fmt: skip


def test_flags_say_what_a_file_can_say(started: list[CaptureOptions]) -> None:
    result = capture(
        *BASICS, "--filter", "op != 'DELETE'", "--filter", "id > 1", "--mask", "ssn,credit_card",
        "--mask", "email=hash", "--route", "users=warehouse,cache", "--topic", "users=u", "--format", "avro",
        "--registry", "http://schema-registry:8081",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert started[0].rules == Rules(
        filters=(FilterRule(condition="op != 'DELETE'"), FilterRule(condition="id > 1")),
        masks=(MaskRule(fields=("ssn", "credit_card")), MaskRule(fields=("email",), method=MaskMethod.HASH)),
        routes=(RouteRule(table="users", topic="u.warehouse"), RouteRule(table="users", topic="u.cache")),
    )
    assert (started[0].format, started[0].registry) == (Format.AVRO, "http://127.0.0.1:8999")


@pytest.mark.parametrize(
    ("arguments", "registry"),
    [((), ""), (("--format", "avro"), "http://r"), (("--registry", "http://own"), "http://own")],
)
def test_json_is_framed_only_where_a_registry_is_named_for_it(
    started: list[CaptureOptions], arguments: tuple[str, ...], registry: str
) -> None:
    capture(*BASICS, *arguments, STREAMS_REGISTRY="http://r")

    assert started[0].registry == registry


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name --database and --tables, or a --config"),
        (("--config", str(CONFIG), "--tables", "users", "--format", "json"), "--tables, --format is said in the file"),
        (("--config", "nowhere.py"), "cannot read nowhere.py"),
        ((*BASICS, "--format", "avro"), "--format avro needs --registry or STREAMS_REGISTRY"),
        ((*BASICS, "--mask", "ssn=hsh"), "there is no method hsh, but redact, hash, partial, drop"),
        ((*BASICS, "--route", "products=x"), "write it as table=sink"),
        ((*BASICS, "--route", "users"), "write it as table=sink"),
    ],
)
def test_what_contradicts_is_wrong_use(
    started: list[CaptureOptions], arguments: tuple[str, ...], says: str
) -> None:
    result = capture(*arguments)

    assert (result.exit_code, started) == (2, [])
    assert says in result.output


def test_a_file_with_mistakes_tells_them_all(started: list[Any], tmp_path: Path) -> None:
    place = tmp_path / "cdc_config.py"
    place.write_text(CONFIG.read_text().replace('"tables"', '"tabels"').replace('"avro"', '"arvo"'))

    result = capture("--config", str(place))

    assert (type(result.exception), started) == (ConfigurationError, [])
    assert "cdc_config.py:5: source.tabels: unknown key 'tabels'; did you mean tables?" in str(result.exception)
    assert "cdc_config.py:15: sink.format: did you mean avro?" in str(result.exception)
