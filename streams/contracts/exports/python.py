"""Python: Pydantic models of rows, as JSON has them; they refuse what the types and rules that they can say refuse.

Text stays text, also a decimal or a moment: what is read is what was published, and goes out again as it came. Numbers
are exact. Names of the module begin with ``_``, so that no column can hide them.
"""

from __future__ import annotations

import json
import keyword
import math
from collections.abc import Iterator, Mapping
from importlib.resources import files

from pydantic import BaseModel

from .names import identifier, unique
from .rules import plain_pattern
from .types import Kind, Member, Model, Record, Type

_TAKEN = frozenset({*dir(BaseModel), *keyword.kwlist, "str", "list", "dict"})
"""What a field may not be called: parts of models, and the words that stand in annotations."""
_PLAIN = {Kind.BOOLEAN: "_Boolean", Kind.ANY: "_t.Any"}
_BOUNDS = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
_SIZES = {"minLength": "min_length", "maxLength": "max_length", "minItems": "min_length", "maxItems": "max_length"}
_FORMATS = {"date": "_Date", "time": "_Time", "date-time": "_Timestamp", "uuid": "_Uuid"}
"""Text of a format, which the prelude defines."""


def to_python(model: Model) -> str:
    """One module: what is held before what holds it, the row last."""
    head = _text(f"{model.title or model.row.name}: {model.contract.uri}")
    prelude = files("streams.contracts.exports").joinpath("pydantic_prelude.txt").read_text("utf-8")
    blocks = ["\n".join(_class(record, model)) for record in model.inside_first()]
    return "\n\n\n".join([f"{head}\n\n{prelude.rstrip()}", *blocks]) + "\n"


def _class(record: Record, model: Model) -> Iterator[str]:
    yield f"class {record.name}(_p.BaseModel):"
    if record.description:
        yield f"    {_text(record.description)}\n"
    names = _field_names(record, model)
    has_alias = any(held != name for name, held in names.items())
    said = [f"extra={'forbid' if record.is_closed else 'allow'!r}".replace("'", '"')]
    said += ["serialize_by_alias=True"] if has_alias else []
    said += ["protected_namespaces=()"] if any(held.startswith("model_") for held in names.values()) else []
    yield f"    model_config = _p.ConfigDict({', '.join(said)})"
    if record.members:
        yield ""
    for member in record.members:
        yield f"    {names[member.name]}: {_annotation(member)}{_value(member, names[member.name])}"
        if member.description:
            yield f"    {_text(member.description)}"


def _field_names(record: Record, model: Model) -> Mapping[str, str]:
    """By column, what Python calls it."""
    names: dict[str, str] = {}
    taken = set(_TAKEN) | set(model.records)
    for member in record.members:
        plain = identifier(member.name)
        plain = f"field{plain}" if plain.startswith("_") else plain
        plain = f"{plain}_" if plain in _TAKEN or plain in model.records else plain
        names[member.name] = plain = unique(plain, taken)
        taken.add(plain)
    return names


def _annotation(member: Member) -> str:
    text = _type(member.type)
    if member.is_required or text == "_t.Any":
        return text
    if member.type.is_nullable:
        return text
    return f"_t.Annotated[{text} | None, _there]"


def _value(member: Member, name: str) -> str:
    parts = [] if member.is_required else ["default=None"]
    parts += [f"alias={json.dumps(member.name)}"] if name != member.name else []
    if not parts:
        return ""
    return " = None" if parts == ["default=None"] else f" = _p.Field({', '.join(parts)})"


def _type(held: Type) -> str:
    text = _bare(held)
    return f"{text} | None" if held.is_nullable and text not in ("_t.Any", "None") else text


def _bare(held: Type) -> str:
    match held.kind:
        case Kind.RECORD:
            return held.record
        case Kind.ARRAY:
            return _with(f"list[{_type(held.items) if held.items else '_t.Any'}]", _sizes(held))
        case Kind.MAP:
            return f"dict[str, {_type(held.items) if held.items else '_t.Any'}]"
        case Kind.UNION:
            return " | ".join(dict.fromkeys(map(_bare, held.branches))) or "None"
        case Kind.TEXT if held.words:
            return f"_t.Literal[{', '.join(map(json.dumps, held.words))}]"
        case Kind.TEXT:
            name = _FORMATS.get(str(held.rules.get("format")), "str")
            return _with(name, [*_sizes(held), *_pattern(held)])
        case Kind.INTEGER:
            return _with("_Integer", _integer_bounds(held))
        case Kind.NUMBER:
            return _with("_Number", _number_bounds(held))
        case _:
            return _PLAIN[held.kind]


def _with(text: str, said: list[str]) -> str:
    return f"_t.Annotated[{text}, {', '.join(said)}]" if said else text


def _sizes(held: Type) -> list[str]:
    sizes = [(_SIZES[name], held.rules.get(name)) for name in _SIZES]
    told = [f"{word}={int(size)}" for word, size in sizes if isinstance(size, int | float)]
    return [f"_p.Field({', '.join(told)})"] if told else []


def _pattern(held: Type) -> list[str]:
    pattern = plain_pattern(held.rules.get("pattern"))
    return [] if pattern is None else [f"_p.Field(pattern={_quoted(pattern)})"]


def _quoted(pattern: str) -> str:
    is_raw = '"' not in pattern and not pattern.endswith("\\")
    return f'r"{pattern}"' if is_raw and "\\" in pattern else json.dumps(pattern)


def _integer_bounds(held: Type) -> list[str]:
    up, down = math.ceil, math.floor
    rounded = {"minimum": up, "maximum": down, "exclusiveMinimum": down, "exclusiveMaximum": up}
    bounds = [(name, held.rules.get(name)) for name in _BOUNDS]
    told = [f"{_BOUNDS[name]}={rounded[name](bound)}" for name, bound in bounds if isinstance(bound, int | float)]
    step = held.rules.get("multipleOf")
    told += [f"multiple_of={step}"] if isinstance(step, int) else []
    return [f"_p.Field({', '.join(told)})"] if told else []


def _number_bounds(held: Type) -> list[str]:
    bounds = [(name, held.rules.get(name)) for name in _BOUNDS]
    told = [f'{_BOUNDS[name]}=_Decimal("{bound}")' for name, bound in bounds if isinstance(bound, int | float)]
    return [f"_p.Field({', '.join(told)})"] if told else []


def _text(said: str) -> str:
    """A string of Python that holds ``said``, whatever people wrote."""
    return json.dumps(said, ensure_ascii=False) if '"' in said or "\\" in said or "\n" in said else f'"""{said}"""'
