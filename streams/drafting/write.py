"""Write: a draft as the text of its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from .model import ColumnDraft, Draft

GUESSED = "guessed"
"""Custom property of a column: what of it is a guess."""
_REVIEW = "guessed from the name: review"


def draft_files(draft: Draft, *, refers: Mapping[str, str], masks: Mapping[str, str]) -> Mapping[str, str]:
    """By path in the folder, the text. ``refers``: by column, datasets here whose keys it holds."""
    return {
        f"{draft.dataset}/jsonschema/{draft.version}": schema_text(draft),
        f"{draft.dataset}/contract.yaml": contract_text(draft),
        f"pipelines/{draft.name}.yaml": pipeline_text(draft, refers=refers, masks=masks),
    }


def schema_text(draft: Draft) -> str:
    """JSON, a line for each column."""
    parts = []
    for word, held in draft.schema.items():
        text = _json(held)
        if word == "properties":
            lines = (f"    {_json(name)}: {_json(shape)}" for name, shape in held.items())
            text = "{\n" + ",\n".join(lines) + "\n  }"
        parts.append(f"  {_json(word)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def contract_text(draft: Draft) -> str:
    """ODCS 3.1; guesses have a comment and a custom property, for people and for tools."""
    described: dict[str, Any] = {
        "name": draft.name,
        **({"physicalName": draft.table, "physicalType": "table"} if draft.table else {}),
        "logicalType": "object",
        "properties": [_property(column, draft) for column in draft.columns],
        **({"relationships": [dict(held) for held in draft.relationships]} if draft.relationships else {}),
        **({"quality": [dict(held) for held in draft.quality]} if draft.quality else {}),
    }
    document = CommentedMap(
        {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": f"{draft.vendor}.{draft.name}",
            "name": draft.name,
            "version": draft.version.replace("-", "."),
            "status": "draft",
            "description": {"purpose": draft.description},
            "schema": [described],
        }
    )
    document.yaml_set_start_comment("A draft: say what the columns mean, who owns them, and what of the guesses is so.")
    return _yaml(document)


def _property(column: ColumnDraft, draft: Draft) -> CommentedMap:
    own = [{"property": "scale", "value": column.scale}] if column.scale is not None else []
    own += [{"property": GUESSED, "value": "classification"}] if column.classification else []
    place = draft.key.index(column.name) + 1 if column.name in draft.key else None
    said = {
        "name": column.name,
        "description": column.description,
        "logicalType": column.logical,
        "physicalType": column.physical,
        "required": column.is_required or None,
        "primaryKey": True if place else None,
        "primaryKeyPosition": place,
        "classification": column.classification,
        "relationships": [{"to": column.refers_to}] if column.refers_to else None,
        "quality": [dict(held) for held in column.quality] or None,
        "customProperties": own or None,
    }
    held = CommentedMap({word: value for word, value in said.items() if value is not None})
    if column.classification:
        held.yaml_add_eol_comment(_REVIEW, "classification")
    return held


def _yaml(document: Any) -> str:
    writer, stream = YAML(), StringIO()
    writer.width = 110
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(document, stream)
    return stream.getvalue()


def pipeline_text(draft: Draft, *, refers: Mapping[str, str], masks: Mapping[str, str]) -> str:
    """A pipeline that keeps the rows as a table, where they have a key, and passes them on."""
    return "\n".join(_pipeline_lines(draft, refers, masks)) + "\n"


def _pipeline_lines(draft: Draft, refers: Mapping[str, str], masks: Mapping[str, str]) -> Iterator[str]:
    of = f"the table {draft.table}" if draft.table else f"events of {draft.topic}"
    yield f"# Drafted from {of}: what honours the contract is passed on, the rest is a dead letter."
    yield f"pipeline: {_json(draft.name)}"
    yield "source:"
    yield f"  topic: {_json(draft.topic)}"
    yield f"  format: {draft.format}"
    yield f"  contract: {draft.subject}/{draft.version.partition('-')[0]}-*-*"
    if draft.source_key:
        yield f"  key: {_json(list(draft.source_key))}"
    if refers:
        yield f"quality: {_json({'rules': {'references': dict(refers)}})}"
    if masks:
        yield f"mask: {_json(dict(masks))}  # guessed from the names: review"
    if draft.key:
        yield f"table: {_json({'name': draft.name})}"
    yield "route:"
    yield f"  - to: {_json(f'{draft.name}.v1' if draft.topic != f'{draft.name}.v1' else f'{draft.name}.checked.v1')}"
