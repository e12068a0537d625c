"""Builders: folders of contract files, with everything filled in that a test does not speak about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ROW: Mapping[str, object] = {"id": {"type": "integer"}, "note": {"type": ["string", "null"]}}


def a_schema(
    name: str = "things",
    version: str = "1-0-0",
    *,
    properties: Mapping[str, object] = ROW,
    required: Sequence[str] = ("id",),
    **more: object,
) -> str:
    """A self-describing schema of com.acme as text, a line for each property."""
    described = {"vendor": "com.acme", "name": name, "format": "jsonschema", "version": version}
    shape = {"type": "object", "properties": properties, "required": list(required)}
    return json.dumps({"$schema": DRAFT, "self": described, **shape, **more}, indent=2)


def a_contract(*columns: str, name: str = "things", more: str = "") -> str:
    """A contract with ``columns``, each as YAML's flow mapping; the first is on line 10."""
    listed = "\n".join(
        f"      - {column}" for column in columns or ("{name: id, logicalType: integer, primaryKey: true}",)
    )
    return f"""apiVersion: v3.1.0
kind: DataContract
id: {name}
version: 1.0.0
status: active
schema:
  - name: {name}
    logicalType: object
    properties:
{listed}
{more}"""


def a_folder(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """``root`` with ``files``, content by path."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root
