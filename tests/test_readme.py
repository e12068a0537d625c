"""README: what it lists is what there is, and its example runs."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry

from streams.capture.metrics import CaptureMetrics
from streams.cli.main import cli
from streams.contracts.literals import parse_literal
from streams.contracts.shape import shape_problems
from streams.contracts.validation import compile_validator
from streams.errors import REASONS
from streams.pipeline.grammar import grammar_schema
from streams.quality.grammar import RulesReader, on_fail_problems, quality_schema
from streams.quality.rules import Dimension
from streams.quality.words import WORDS
from streams.settings import PREFIX, Settings
from streams.worker.metrics import WorkerMetrics
from streams.worker.stop import ExitCode
from streams.worker.web.routes import ROUTES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")
PROSE = re.sub(r"^```.*?^```\n", "", TEXT, flags=re.M | re.S)
HEADINGS = re.findall(r"^#+ (.+)$", PROSE, re.M)


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", TEXT, re.M | re.S)
    assert found, f"no section {title}"
    return found[1]


def first_cells(text: str) -> list[str]:
    """First column of the tables in ``text``, without their heads."""
    rows = re.findall(r"^\| (.+?) \|", text, re.M)
    return [row for row in rows if row.startswith("`") or row.isdigit()]


def words(text: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`]+)`", text))


def test_settings_and_their_defaults_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `STREAMS_([A-Z_<>]+)` \| (.*?) \|", section("Settings"), re.M))
    defaults = {field.name.upper(): getattr(Settings(), field.name) for field in fields(Settings)}
    defaults["CHECKPOINT_INTERVAL"] = defaults.pop("CHECKPOINT_INTERVAL_MS")
    defaults["KAFKA_<OPTION>"] = defaults.pop("KAFKA")
    defaults["NATIVE"] = int(defaults["NATIVE"])

    assert set(rows) == set(defaults)
    told = {name: cell.strip("`") for name, cell in rows.items() if cell.startswith("`")}
    assert told == {name: str(value) for name, value in defaults.items() if value}


def test_exit_codes_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", section("Exit codes"), re.M)

    assert {int(code): name for code, name in rows} == {code.value: code.name.lower() for code in ExitCode}


def exported(registry: CollectorRegistry) -> dict[str, str]:
    """Name as Prometheus shows it, and labels, of every metric."""
    collectors = list(registry._collector_to_names)
    return {
        family.name + ("_total" if family.type == "counter" else ""): ", ".join(collector._labelnames)  # type: ignore[attr-defined]
        for collector in collectors
        for family in collector.describe()  # type: ignore[attr-defined]
    }


def test_metrics_and_their_labels_are_those_that_are_registered() -> None:
    rows = dict(re.findall(r"^\| `(cdc_\w+)` \| (.*?) ?\|", section("Metrics"), re.M))

    assert rows == {**exported(WorkerMetrics().registry), **exported(CaptureMetrics().registry)}


def test_reasons_are_all_there_are() -> None:
    table = section("Dead letters").partition("| header |")[0]

    assert {reason for cell in first_cells(table) for reason in words(cell)} == REASONS


def test_paths_of_the_http_interface_are_those_that_are_served() -> None:
    assert {cell.strip("`") for cell in first_cells(section("HTTP"))} == {path for path, _ in ROUTES}


def test_make_targets_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.M))

    assert {cell.strip("`") for cell in first_cells(section("Development"))} == {f"make {name}" for name in targets}
    assert set(re.findall(r"`make ([a-z-]+)", PROSE)) <= targets


def test_commands_are_those_of_the_command_line() -> None:
    context = click.Context(cli)
    there: set[str] = set()
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        subs = command.list_commands(context) if isinstance(command, click.Group) else [""]
        there |= {f"streams {name} {sub}".strip() for sub in subs}
        if isinstance(command, click.Group) and command.invoke_without_command:
            there.add(f"streams {name}")

    assert {word for cell in first_cells(section("Command line")) for word in words(cell)} == there


def test_options_of_capture_are_those_it_takes() -> None:
    capture = cli.get_command(click.Context(cli), "capture")
    assert capture is not None
    told = {word for cell in first_cells(section("Capture")) for word in words(cell)}

    assert told == {option for parameter in capture.params for option in parameter.opts}


def test_the_grammar_names_keys_that_exist_and_every_one_that_runs() -> None:
    known = grammar_schema()["properties"]
    told = {re.split(r"[.\[]", word)[0] for cell in first_cells(section("Pipeline files")) for word in words(cell)}
    later = {re.split(r"[.\[: ]", word)[0] for cell in first_cells(section("Not yet")) for word in words(cell)}

    assert told <= set(known)
    assert set(known) - told <= later


def test_formats_are_all_there_are() -> None:
    (row,) = re.findall(r"^\| `source.format` \| (.*): see", section("Pipeline files"), re.M)
    explained = {word for cell in first_cells(section("Formats")) for word in words(cell)}
    known = set(grammar_schema()["properties"]["source"]["properties"]["format"]["enum"])

    assert words(row) == known
    assert explained == known


def test_links_inside_the_page_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", TEXT, re.M)
    }

    assert set(re.findall(r"\]\(#([a-z-]+)\)", TEXT)) <= headings


def test_files_that_are_named_exist() -> None:
    named = {word for word in words(PROSE) if re.fullmatch(r"(streams|tests|\.ci)/[\w./]+", word)}

    assert [word for word in named if not (ROOT / word).exists()] == []
    assert len(named) > 8


def test_variables_that_are_named_are_settings() -> None:
    names = {field.name.upper() for field in fields(Settings)} | {"CHECKPOINT_INTERVAL"}

    assert {name for name in re.findall(rf"{PREFIX}([A-Z_]*[A-Z])", TEXT) if not name.startswith("KAFKA")} <= names


@pytest.mark.parametrize("title", ["Tests of your pipelines", "Mock data"])
def test_the_example_runs(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", section(title), re.M | re.S)
    monkeypatch.chdir(ROOT)

    exec(compile(code, "README.md", "exec"), {})


def test_rules_of_quality_are_all_there_are_and_the_example_is_read() -> None:
    told = {word.partition(":")[0] for cell in first_cells(section("Quality")) for word in words(cell)}
    (example,) = re.findall(r"^```python\n(.*?)^```", section("Quality"), re.M | re.S)
    document, problems = parse_literal(example, "README.md", name="quality_rules"), []

    assert told == {dimension.value for dimension in Dimension} | set(WORDS)
    assert [*shape_problems(document, quality_schema(), compile_validator(quality_schema()))] == []
    rules = RulesReader(document, ("users",), problems).read(document.value["users"])
    assert [*problems, *on_fail_problems(rules, document, ())] == []
    assert {rule.dimension for rule in rules.rules.values()} == set(Dimension)
