"""Write: the JSON Schema that stands for an Avro or a Protobuf schema wherever rows are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.errors import Problem

from ..documents import Document, DocumentError, Path, parse_yaml, path_text
from ..drafts import META_SCHEMAS, NEWEST_DRAFT
from .avro import avro_rows
from .protobuf import line_of_field, protobuf_rows
from .shapes import Shape

FORMATS: Mapping[str, Callable[[str], Shape]] = {"avro": avro_rows, "protobuf": protobuf_rows}


def rows_of(text: str, described: Mapping[str, str]) -> Shape:
    """What rows of the schema ``text`` look like, self-described; raises ``RowsError``.

    ``described``: vendor, name, format and version.
    """
    shape = FORMATS[described["format"]](text)
    return {"$schema": META_SCHEMAS[NEWEST_DRAFT], "self": dict(described), **shape}


def fault_in(text: str, file: str, path: Path, message: str) -> Problem:
    """A mistake at ``path`` of the schema ``text``, with its line: JSON is YAML, so the same reader finds it."""
    if file.split("/")[2:3] == ["protobuf"]:
        told = path_text(tuple(map(str, path)))
        return Problem(file=file, line=line_of_field(text, path) or 1, path=told, message=message)
    try:
        document = parse_yaml(text, file)
    except DocumentError:  # a tab between tokens is JSON, and is not YAML
        document = Document(file=file, value=None, lines={})
    return document.problem(path, message)
