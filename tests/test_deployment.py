"""Deployment: docker-compose.yml, the board and the Makefile say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from streams.capture.metrics import CaptureMetrics
from streams.settings import PREFIX, Settings
from streams.worker.metrics import WorkerMetrics

ROOT = Path(__file__).parent.parent


def _compose() -> Any:
    return YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))


def _services() -> dict[str, Any]:
    services: dict[str, Any] = _compose()["services"]
    return services


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [port for service in _services().values() for port in service.get("ports", [])]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_must_not_stay_down_is_started_again() -> None:
    kept = {name for name, service in _services().items() if service["restart"] == "unless-stopped"}

    assert kept == set(_services()) - {"secret"}


def test_images_are_pinned_and_mounted_files_are_there() -> None:
    images = [service["image"] for service in _services().values() if "build" not in service]
    mounts = [volume.split(":")[0] for service in _services().values() for volume in service.get("volumes", [])]
    named = set(_compose()["volumes"])

    assert [image for image in images if not re.search(r":v?\d", image)] == []
    assert [mount for mount in mounts if mount not in named and not (ROOT / mount).is_file()] == []


def test_containers_set_only_what_is_a_setting() -> None:
    given = {name for service in _services().values() for name in service.get("environment", {})}
    environment = {name: "1" for name in given if name.startswith(PREFIX)}

    fields = {field.upper() for field in Settings.__dataclass_fields__}
    assert {name.removeprefix(PREFIX) for name in environment} <= fields


def test_the_board_draws_metrics_that_exist() -> None:
    families = [*WorkerMetrics().registry.collect(), *CaptureMetrics().registry.collect()]
    suffixes = {"counter": "_total", "histogram": "_bucket", "gauge": ""}
    exported = {family.name + suffixes[family.type] for family in families}
    board = (ROOT / ".docker" / "grafana-board.json").read_text("utf-8")
    drawn = {name for panel in json.loads(board)["panels"] for target in panel["targets"]
             for name in re.findall(r"cdc_[a-z_]+", target["expr"])}  # fmt: skip

    assert drawn
    assert drawn <= exported


def test_make_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, re.M))

    assert {"setup", "demo", "test", "check", "bench", "faults", "help"} <= targets
    assert set(re.findall(r"^([a-z]+):.*## ", text, re.M)) == targets
