"""Protobuf: the fields of a file's first message as the columns of a row.

A field that knows whether it was set may be null or absent; any other is never null, and absent only where whoever
wrote had no such field yet. Sources: Protobuf's language guide on field presence; ``streams.pipeline.formats``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ..compatibility.model import SchemaTextError
from ..compatibility.protobuf.compile import compile_text
from ..compatibility.protobuf.pool import build_file
from ..documents import Path
from .shapes import BYTES, DATE, DOUBLE, FLOAT, INTERVAL, TIME, TIMESTAMP, RowsError, Shape, decimal, integer, or_null

F = FieldDescriptor
_SCALARS: Mapping[int, Shape] = {
    F.TYPE_BOOL: {"type": "boolean"},
    F.TYPE_STRING: {"type": "string"},
    F.TYPE_BYTES: BYTES,
    F.TYPE_FLOAT: FLOAT,
    F.TYPE_DOUBLE: DOUBLE,
    **dict.fromkeys((F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32), integer(32)),
    **dict.fromkeys((F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64), integer(64)),
    **dict.fromkeys((F.TYPE_UINT32, F.TYPE_FIXED32), integer(32, is_signed=False)),
    **dict.fromkeys((F.TYPE_UINT64, F.TYPE_FIXED64), integer(64, is_signed=False)),
}
_MESSAGES: Mapping[str, Shape] = {
    "google.protobuf.Timestamp": TIMESTAMP,
    "google.protobuf.Duration": INTERVAL,
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
    "google.type.Date": DATE,
    "google.type.TimeOfDay": TIME,
    "confluent.type.Decimal": decimal(),
}
_ANY = "google.protobuf.Any"
_FIELD = r"\b{}\s*=\s*{}\s*[;\[]"


def protobuf_rows(text: str) -> Shape:
    """The JSON Schema of the rows; raises ``RowsError``."""
    try:
        file = build_file(compile_text(text), {})
    except SchemaTextError as error:
        raise RowsError([((), _told(str(error)))]) from None
    except RecursionError:
        raise RowsError([((), "nested too deep")]) from None
    messages = list(file.message_types_by_name.values())
    if not messages:
        raise RowsError([((), "no message; a row is the first message of its file")])
    reader = _Reader()
    shape = reader.message(messages[0], ())
    if reader.faults:
        raise RowsError(reader.faults)
    return shape


def line_of_field(text: str, path: Path) -> int | None:
    """Where the field that ``path`` ends with is declared; ``None`` where that cannot be told."""
    if len(path) < 2:
        return None
    found = re.search(_FIELD.format(re.escape(str(path[-2])), re.escape(str(path[-1]))), text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def _told(message: str) -> str:
    message = message.removeprefix("Couldn't build proto file into descriptor pool: ")
    if message.startswith("Depends on"):
        return f"{message}; a contract holds all of its messages, but for those of google/protobuf and google/type"
    return message


class _Reader:
    """Reads messages; what is wrong is in ``faults``, at message, field and number."""

    def __init__(self) -> None:
        self.faults: list[tuple[Path, str]] = []

    def message(self, kind: Descriptor, around: tuple[str, ...]) -> Shape:
        """An object with its fields; inside of itself it is any object."""
        if kind.full_name in around:
            return {"type": "object"}
        inside = (*around, kind.full_name)
        properties = {field.name: self._field(field, inside) for field in kind.fields}
        required = [field.name for field in kind.fields if field.is_required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}

    def _field(self, field: FieldDescriptor, around: tuple[str, ...]) -> Shape:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            values = self._single(field.message_type.fields_by_name["value"], around)
            return {"type": "object", "additionalProperties": values}
        shape = self._single(field, around)
        if field.is_repeated:
            return {"type": "array", "items": shape}
        return or_null(shape) if field.has_presence and not field.is_required else shape

    def _single(self, field: FieldDescriptor, around: tuple[str, ...]) -> Shape:
        if field.enum_type is not None:
            return {"type": "string", "enum": list(field.enum_type.values_by_name)}
        if field.message_type is None:
            return dict(_SCALARS[field.type])
        kind = field.message_type
        if kind.full_name in _MESSAGES:
            return dict(_MESSAGES[kind.full_name])
        if kind.full_name == _ANY:
            path: Path = (field.containing_type.name, field.name, field.number)
            self.faults.append((path, f"{_ANY} does not say what is in it; name the message"))
            return {}
        if kind.full_name.startswith("google.protobuf.") and kind.full_name.endswith("Value"):
            return dict(_SCALARS[kind.fields_by_name["value"].type])
        items = _items_of(kind)
        if items is not None:
            return {"type": "array", "items": or_null(self._single(items, around))}
        return self.message(kind, around)


def _items_of(kind: Descriptor) -> Any:
    """Of ``{items: [{value}]}``, an array whose elements may be null, as capture writes it, the value."""
    items = kind.fields_by_name.get("items")
    if len(kind.fields) != 1 or items is None or items.message_type is None:
        return None
    inner = items.message_type.fields
    return inner[0] if [field.name for field in inner] == ["value"] else None
