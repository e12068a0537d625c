"""``streams``: every command is there, teaches its use, and keeps to the exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.cli.main import COMMANDS, cli


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its words: ``contracts check``."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None, f"{name} is listed and not there"
        yield name, command
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                held = command.get_command(context, sub)
                assert held is not None, f"{name} {sub} is listed and not there"
                yield f"{name} {sub}", held


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments], capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("name", [*COMMANDS, *(name for name, _ in commands() if " " in name)])
def test_every_command_has_a_help_that_says_more_than_its_name(name: str) -> None:
    result = CliRunner().invoke(cli, [*name.split(), "--help"])

    assert (result.exit_code, len(result.output.splitlines()) > 4) == (0, True), result.output


def test_every_command_takes_output() -> None:
    leaves = {name: command for name, command in commands() if not isinstance(command, click.Group)}
    without = {name for name, held in leaves.items() if "output" not in {parameter.name for parameter in held.params}}

    assert without == set()


def test_the_short_help_of_a_group_is_told_without_loading_its_commands() -> None:
    program = "import sys; from streams.cli.contracts import command; command(['--help'], standalone_mode=False);"
    program += "sys.exit('streams.cli.mock' in sys.modules or 'streams.cli.compare' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60).returncode == 0


def test_the_help_lists_every_command() -> None:
    result = CliRunner().invoke(cli, ["--help"])

    assert [name for name in COMMANDS if f"\n  {name} " not in result.output] == []


@pytest.mark.parametrize("arguments", [["nothing"], ["contracts", "nothing"], ["contracts", "show"], ["tables", "get"],
                                       ["contracts", "list", "--output", "xml"], ["capture"]])  # fmt: skip
def test_wrong_use_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 2


def test_mistakes_in_settings_and_files_are_exit_code_2_without_a_traceback(tmp_path: Path) -> None:
    settings = run("contracts", "list", STREAMS_WEB_PORT="http")
    files = run("pipelines", "list", "--schemas", str(tmp_path / "nowhere"))

    assert (settings.returncode, settings.stderr) == (
        2,
        "cannot start: 1 problem\nSTREAMS_WEB_PORT: a whole number, please: a port\n",
    )
    assert (files.returncode, files.stderr.count("\n"), "no such folder" in files.stderr) == (2, 2, True)


def test_a_worker_that_is_not_there_is_exit_code_1_and_says_how_to_name_one() -> None:
    found = run("tables", "list", "--worker", "127.0.0.1:1")

    assert (found.returncode, "no worker answers on 127.0.0.1:1" in found.stderr, "--worker" in found.stderr) == (
        1,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("module", "arguments", "says"),
    [
        ("psycopg2", ["capture", "--database", "postgresql://x/y", "--tables", "t"],
         "psycopg2 is not installed: pip install 'contract-streams[capture]'\n"),
        ("faker", ["contracts", "mock", "orders"], "mock data need Faker: pip install 'contract-streams[mock]'\n"),
    ],
)  # fmt: skip
def test_an_extra_that_is_not_installed_is_told_with_the_command_that_installs_it(
    module: str, arguments: list[str], says: str
) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from streams.cli.main import cli; cli({arguments!r})"

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert found.returncode == 1
    assert found.stderr.endswith(says)


def test_services_that_do_not_run_are_exit_code_1(tmp_path: Path) -> None:
    found = CliRunner().invoke(cli, ["embedded", "status", "--data", str(tmp_path)])
    stopped = CliRunner().invoke(cli, ["embedded", "down", "--data", str(tmp_path), "--output", "json"])

    assert (found.exit_code, "streams embedded up starts them" in found.stderr) == (1, True)
    assert (stopped.exit_code, stopped.stdout) == (0, '{"result": "nothing runs there"}\n')
