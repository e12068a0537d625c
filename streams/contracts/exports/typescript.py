"""TypeScript: interfaces of rows, as JSON has them. A decimal that is text stays text; an integer is a ``number``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .types import Kind, Member, Model, Record, Type

_PLAIN = {Kind.BOOLEAN: "boolean", Kind.INTEGER: "number", Kind.NUMBER: "number", Kind.TEXT: "string"}
_TOLD = ("format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
         "multipleOf", "minItems", "maxItems", "uniqueItems")  # fmt: skip
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def to_typescript(model: Model) -> str:
    """One module: the row first, the objects in it, and the key."""
    blocks = [_interface(record, model) for record in model.records.values()]
    if model.contract.key:
        blocks.append(_key(model))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _interface(record: Record, model: Model) -> Iterator[str]:
    said = [record.description] if record.description else []
    if record is model.row:
        said = [*([model.title] if model.title else []), *said, model.contract.uri]
    yield from _comment(said, "")
    yield f"export interface {record.name} {{"
    for member in record.members:
        yield from _comment(_said(member), "  ")
        yield f"  {_property(member.name)}{'' if member.is_required else '?'}: {_type(member.type)};"
    yield "}"


def _key(model: Model) -> Iterator[str]:
    row = model.row.name
    yield from _comment([f"What identifies a row of {row}, in the order of the key."], "")
    yield f"export interface {row}Key {{"
    yield from (f"  {_property(name)}: {row}[{json.dumps(name)}];" for name in model.contract.key)
    yield "}"


def _type(held: Type) -> str:
    text = _bare(held)
    if text == "unknown" or not held.is_nullable:
        return text
    return f"{text} | null" if text != "null" else text


def _bare(held: Type) -> str:
    match held.kind:
        case Kind.RECORD:
            return held.record
        case Kind.ARRAY:
            inside = _type(held.items) if held.items else "unknown"
            return f"({inside})[]" if " | " in inside else f"{inside}[]"
        case Kind.MAP:
            return f"{{ [name: string]: {_type(held.items) if held.items else 'unknown'} }}"
        case Kind.UNION:
            return " | ".join(dict.fromkeys(map(_bare, held.branches))) or "null"
        case Kind.ANY:
            return "unknown"
        case _:
            return " | ".join(map(json.dumps, held.words)) or _PLAIN[held.kind]


def _property(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name)


def _said(member: Member) -> list[str]:
    held = member.type
    facts = [f"{name} {json.dumps(held.rules[name])}" for name in _TOLD if name in held.rules]
    facts = [held.physical or "", *facts, f"class {member.classification}" if member.classification else ""]
    told = "; ".join(fact for fact in facts if fact)
    return [text for text in (member.description, f"Source and rules: {told}." if told else "") if text]


def _comment(said: list[str], indent: str) -> Iterator[str]:
    lines = [line.strip() for text in said for line in text.replace("*/", "*\\/").splitlines() if line.strip()]
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
    elif lines:
        yield f"{indent}/**"
        yield from (f"{indent} * {line}" for line in lines)
        yield f"{indent} */"


