"""Debian's PostgreSQL with wal2json, run as the embedded one is; Debian's own cluster is left alone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .postgres import EmbeddedPostgres
from .process import MissingToolError

ROOT = Path("/usr/lib/postgresql")
PLUGINS = "pgoutput, test_decoding, wal2json"


def debian_postgres(data: Path, *, root: Path = ROOT, settings: Mapping[str, str] | None = None) -> EmbeddedPostgres:
    """The newest of the machine's servers that has wal2json; raises ``MissingToolError`` with what to install."""
    installation = _newest_with_wal2json(root)
    allowed = {"output_plugin_libraries": PLUGINS} if _refuses_plugins(installation) else {}
    return EmbeddedPostgres(data, installation=installation, settings={**allowed, **(settings or {})})


def _newest_with_wal2json(root: Path) -> Path:
    found = [plugin.parent.parent for plugin in root.glob("*/lib/wal2json.so")]
    servers = [place for place in found if (place / "bin" / "postgres").exists() and place.name.isdigit()]
    if not servers:
        raise MissingToolError("PostgreSQL with wal2json", "postgresql-15 postgresql-15-wal2json")
    return max(servers, key=lambda place: int(place.name))


def _refuses_plugins(installation: Path) -> bool:
    """Security updates of 2026 let a slot name only plugins that a setting lists; older servers do not know it."""
    command = [str(installation / "bin" / "postgres"), "--describe-config"]
    described = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return re.search(r"^output_plugin_libraries\t", described.stdout, re.M) is not None
