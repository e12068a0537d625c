"""Rules: what each change breaks, on the wire and in JSON, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping

BREAKS_ON_WIRE = frozenset(
    (
        *("MESSAGE_REMOVED", "FIELD_KIND_CHANGED", "FIELD_SCALAR_KIND_CHANGED", "FIELD_NAMED_TYPE_CHANGED"),
        *("FIELD_NUMERIC_LABEL_CHANGED", "REQUIRED_FIELD_ADDED", "REQUIRED_FIELD_REMOVED", "FIELD_MADE_REQUIRED"),
        *("ONEOF_FIELD_REMOVED", "MULTIPLE_FIELDS_MOVED_TO_ONEOF", "FIELD_MOVED_TO_EXISTING_ONEOF", "ONEOFS_MERGED"),
    )
)
BREAKS_IN_JSON = frozenset(
    (
        *("FIELD_NAME_CHANGED", "FIELD_JSON_NAME_CHANGED", "FIELD_JSON_TYPE_CHANGED", "FIELD_REMOVED"),
        *("FIELD_STRING_OR_BYTES_LABEL_CHANGED", "FIELD_MESSAGE_LABEL_CHANGED"),
        *("ENUM_CONST_CHANGED", "ENUM_CONST_REMOVED"),
    )
)
"""Besides what breaks on the wire: JSON knows fields and constants by name, and refuses names it does not know."""

MESSAGES: Mapping[str, str] = {
    "PACKAGE_CHANGED": "the package changed; it is not in the data",
    "MESSAGE_ADDED": "a message was added",
    "MESSAGE_REMOVED": "a message was removed",
    "MESSAGE_MOVED": "a message stands at another place in the file",
    "ENUM_ADDED": "an enum was added",
    "ENUM_REMOVED": "an enum was removed",
    "RESERVED_NUMBER_USED": "a number that was reserved is used again; data of versions before the last may still have"
    " it: compare with those too",
    "ENUM_CONST_ADDED": "a constant was added; old readers keep its number",
    "ENUM_CONST_REMOVED": "a constant was removed; in JSON its name is refused",
    "ENUM_CONST_CHANGED": "a constant has another name; in JSON the old one is refused",
    "ENUM_ALIAS_ADDED": "a constant has one more name",
    "FIELD_ADDED": "a field was added",
    "FIELD_REMOVED": "a field was removed; on the wire it is skipped, in JSON its name is refused",
    "FIELD_NAME_CHANGED": "the field has another name; on the wire that is nothing, in JSON the old name is refused",
    "FIELD_JSON_NAME_CHANGED": "the field has another name in JSON, where the old one is refused",
    "FIELD_KIND_CHANGED": "a scalar, a map and a message are different bytes",
    "FIELD_SCALAR_KIND_CHANGED": "the type is written in other bytes",
    "FIELD_TYPE_CHANGED": "the type is another of the same bytes; values that do not fit are cut off",
    "FIELD_JSON_TYPE_CHANGED": "the type is another of the same bytes, but JSON writes it differently",
    "FIELD_NAMED_TYPE_CHANGED": "the message is another, or changed incompatibly",
    "FIELD_NUMERIC_LABEL_CHANGED": "repeated numbers are packed, single ones are not",
    "FIELD_STRING_OR_BYTES_LABEL_CHANGED": "one value and many differ in JSON; on the wire the last one is taken",
    "FIELD_MESSAGE_LABEL_CHANGED": "one value and many differ in JSON; on the wire messages are merged",
    "FIELD_MADE_REQUIRED": "the field became required; data without it is refused",
    "FIELD_NO_LONGER_REQUIRED": "the field is no longer required",
    "REQUIRED_FIELD_ADDED": "a required field was added; data without it is refused",
    "REQUIRED_FIELD_REMOVED": "a required field was removed; who still needs it refuses new data",
    "ONEOF_ADDED": "a oneof was added",
    "ONEOF_REMOVED": "a oneof was removed",
    "ONEOF_FIELD_ADDED": "a field was added to the oneof",
    "ONEOF_FIELD_REMOVED": "a field was taken out of the oneof; where it was set, nothing is set now",
    "MULTIPLE_FIELDS_MOVED_TO_ONEOF": "fields that could be set together now exclude each other: one is kept",
    "FIELD_MOVED_TO_EXISTING_ONEOF": "a field now excludes fields that could be set with it: one is kept",
    "ONEOFS_MERGED": "fields of different oneofs now exclude each other: one is kept",
}
_HINTS = (
    ("ONEOF", "keep the fields where they are; a new oneof may take one old field, and new ones"),
    ("REQUIRED", "never add or drop required; check presence with a quality rule"),
    ("MESSAGE_REMOVED", "keep the message until no schema refers to it"),
    ("NAME_CHANGED", "keep the name in JSON with the option json_name"),
    ("FIELD_REMOVED", "keep the field, deprecated; when it goes, reserve its number and its name"),
    ("ENUM", "keep the constant, deprecated; a new name may be an alias of it"),
    ("", "add a field with a new number, move readers, then reserve the old number and name"),
)


def hint_of(code: str) -> str:
    """What to do instead of a change that breaks."""
    return next(hint for part, hint in _HINTS if part in code)
