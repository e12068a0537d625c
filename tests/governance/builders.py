"""Builders: folders with a history, under git where a test asks for it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from streams.contracts import read_contracts
from streams.governance.files import read_base, read_files
from streams.governance.gates import Findings, check_gates
from tests.contracts.builders import a_folder, a_schema

PLACE = "com.acme/things/jsonschema"
MIGRATION = "com.acme/things/migrations"
ID = {"type": "integer"}
TEXT = {"type": "string"}


def a_version(version: str, *, required: tuple[str, ...] = ("id",), examples: object = None, **columns: object) -> str:
    """A schema of com.acme/things with the column id and ``columns``."""
    more = {} if examples is None else {"examples": examples}
    return a_schema(version=version, properties={"id": ID, **columns}, required=required, **more)


def versions(**texts: str) -> dict[str, str]:
    """Files by version, written ``v1_0_0``."""
    return {f"{PLACE}/{name[1:].replace('_', '-')}": text for name, text in texts.items()}


def findings(folder: Path, *, base: str | None = None, records: bool = False) -> Findings:
    held = None if base is None else read_base(folder, base)
    return check_gates(read_contracts(folder), read_files(folder), held, records=records)


def told(found: Findings) -> list[tuple[str, int | None, str, str]]:
    """(file, line, path, first words of what is said)."""
    return [(one.file, one.line, one.path, " ".join(one.message.split()[:3])) for one in found.problems]


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def committed(root: Path, files: Mapping[str, str]) -> Path:
    """A repository at ``root`` with ``files`` in its folder schemas, on branch main; the folder."""
    folder = a_folder(root / "schemas", files)
    git(root, "init", "--initial-branch", "main")
    commit(root)
    return folder


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--message", "as it is")
