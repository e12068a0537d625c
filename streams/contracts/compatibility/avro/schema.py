"""An Avro schema as types with full names, references resolved.

Source: Avro 1.12's specification: names, namespaces, aliases; a name without a dot is in the namespace around it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import SchemaTextError

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NO_DEFAULT = object()


@dataclass(slots=True, kw_only=True, eq=False)
class AvroType:
    """One type. Records may hold themselves, so they are filled after they have a name."""

    kind: str
    """A primitive's name, ``record``, ``enum``, ``fixed``, ``array``, ``map`` or ``union``."""
    name: str = ""
    """Full name of a record, enum or fixed."""
    aliases: tuple[str, ...] = ()
    fields: tuple[AvroField, ...] = ()
    symbols: tuple[str, ...] = ()
    enum_default: str | None = None
    size: int = 0
    items: AvroType | None = None
    """Of an array, and the values of a map."""
    branches: tuple[AvroType, ...] = ()
    logical: Mapping[str, Any] = field(default_factory=dict)
    """``logicalType`` with what belongs to it; empty where there is none."""
    doc: object = None

    @property
    def short_name(self) -> str:
        """The name without its namespace: what the specification compares."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class AvroField:
    """A field of a record."""

    name: str
    type: AvroType
    aliases: tuple[str, ...]
    default: object
    """``NO_DEFAULT`` where there is none; ``None`` is the default null."""
    doc: object


def read_avro(schema: Any, resources: Mapping[str, object]) -> AvroType:
    """The schema as a type; ``resources`` are read first, they define names. Raises ``SchemaTextError``."""
    reader = _Reader()
    for held in resources.values():
        reader.read(_value_of(held), "")
    return reader.read(_value_of(schema), "")


def _value_of(schema: Any) -> Any:
    if not isinstance(schema, str | bytes):
        return schema
    text = schema.decode() if isinstance(schema, bytes) else schema
    if text.strip() in PRIMITIVES:
        # A bare name is a schema, too: "string" is often written without its quotes.
        return text.strip()
    try:
        return json.loads(text)
    except ValueError:
        raise SchemaTextError("is no JSON, and no Avro type's name") from None


class _Reader:
    def __init__(self) -> None:
        self._named: dict[str, AvroType] = {}

    def read(self, schema: Any, namespace: str) -> AvroType:
        if isinstance(schema, str):
            return self._referred(schema, namespace)
        if isinstance(schema, list):
            return AvroType(kind="union", branches=tuple(self.read(branch, namespace) for branch in schema))
        if not isinstance(schema, dict) or "type" not in schema:
            raise SchemaTextError("an Avro schema is a name, a list of schemas, or an object with a type")
        kind = schema["type"]
        if not isinstance(kind, str):
            return self.read(kind, namespace)
        if kind in ("record", "error", "enum", "fixed"):
            return self._defined(schema, namespace)
        if kind in ("array", "map"):
            inner = schema.get("items" if kind == "array" else "values")
            return AvroType(kind=kind, items=self.read(inner, namespace))
        if kind in PRIMITIVES:
            return AvroType(kind=kind, logical=_logical(schema))
        return self._referred(kind, namespace)

    def _referred(self, name: str, namespace: str) -> AvroType:
        if name in PRIMITIVES:
            return AvroType(kind=name)
        for full in (_full(name, namespace), name):
            if full in self._named:
                return self._named[full]
        raise SchemaTextError(f"the type {name} is not defined before it is used")

    def _defined(self, schema: Mapping[str, Any], namespace: str) -> AvroType:
        name = schema.get("name")
        if not isinstance(name, str) or not name:
            raise SchemaTextError(f"a {schema['type']} needs a name")
        own = schema.get("namespace", namespace) if isinstance(schema.get("namespace", namespace), str) else namespace
        full = _full(name, own)
        space = full.rpartition(".")[0]
        kind = "record" if schema["type"] == "error" else schema["type"]
        made = AvroType(
            kind=kind, name=full, aliases=tuple(_full(alias, space) for alias in schema.get("aliases") or ()),
            logical=_logical(schema), doc=schema.get("doc"),
        )  # fmt: skip
        self._named[full] = made
        self._fill(made, schema, space)
        return made

    def _fill(self, made: AvroType, schema: Mapping[str, Any], space: str) -> None:
        match made.kind:
            case "record":
                made.fields = tuple(self._fields(_listed(schema, "fields"), space))
            case "enum":
                made.symbols = tuple(map(str, _listed(schema, "symbols")))
                made.enum_default = schema.get("default")
            case _:
                if not isinstance(schema.get("size"), int):
                    raise SchemaTextError(f"the fixed {made.name} needs a size")
                made.size = schema["size"]

    def _fields(self, fields: Iterable[Any], space: str) -> Iterable[AvroField]:
        for held in fields:
            if not isinstance(held, dict) or not isinstance(held.get("name"), str) or "type" not in held:
                raise SchemaTextError("a field is an object with a name and a type")
            inner = held["type"]
            # A logical type may stand beside the field's type, where libraries do not see it; neither is it seen here.
            yield AvroField(
                name=held["name"], type=self.read(inner, space), aliases=tuple(held.get("aliases") or ()),
                default=held.get("default", NO_DEFAULT), doc=held.get("doc"),
            )  # fmt: skip


def _listed(schema: Mapping[str, Any], word: str) -> list[Any]:
    held = schema.get(word)
    if not isinstance(held, list):
        raise SchemaTextError(f"{schema.get('name')} needs {word}")
    return held


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _logical(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "logicalType" not in schema:
        return {}
    return {word: schema[word] for word in ("logicalType", "precision", "scale") if word in schema}
