"""Explain: what a code means for people, and what to do instead where it breaks.

A code is made of words, so is its explanation; the hints are by what broke.
"""

from __future__ import annotations

from collections.abc import Mapping

_WHOLE: Mapping[str, str] = {
    "TYPE_CHANGED": "the type changed; values of the old type are refused",
    "TYPE_NARROWED": "any number became whole numbers only",
    "TYPE_EXTENDED": "whole numbers became any number",
    "SCHEMA_ADDED": "what was free now has a schema",
    "SCHEMA_REMOVED": "what had a schema is free now",
    "RECURSIVE_TYPE_CHANGED": "a schema inside itself changed incompatibly",
    "COMBINED_TYPE_CHANGED": "allOf, anyOf or oneOf became another of them that admits less",
    "COMBINED_TYPE_EXTENDED": "allOf, anyOf or oneOf became another of them that admits as much or more",
    "COMBINED_TYPE_SUBSCHEMAS_CHANGED": "alternatives have no compatible counterpart any more",
    "SUM_TYPE_EXTENDED": "an alternative was added",
    "SUM_TYPE_NARROWED": "an alternative was removed; its documents are refused",
    "PRODUCT_TYPE_EXTENDED": "one more condition must hold",
    "PRODUCT_TYPE_NARROWED": "one condition less must hold",
    "NOT_TYPE_EXTENDED": "more is forbidden",
    "NOT_TYPE_NARROWED": "less is forbidden",
    "ENUM_ARRAY_EXTENDED": "values were added to the list",
    "ENUM_ARRAY_NARROWED": "values were taken off the list",
    "ENUM_ARRAY_CHANGED": "the listed values changed",
    "MULTIPLE_OF_REDUCED": "the step became a divisor of what it was",
    "MULTIPLE_OF_EXPANDED": "the step became a multiple of what it was",
    "REQUIRED_ATTRIBUTE_ADDED": "the property became required",
    "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED": "the property became required; readers have a default for it",
    "REQUIRED_ATTRIBUTE_REMOVED": "the property is no longer required",
    "KEYWORD_NOT_JUDGED": "these rules do not know the keyword, and refuse schemas that have it",
    "FORMAT_CHANGED": "the format changed",
}
_PARTS = (
    ("_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", " against the rule for what the schema does not name"),
    ("_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", " within the rule for what the schema does not name"),
    ("_FROM_CLOSED_CONTENT_MODEL", ", and the schema takes nothing it does not name"),
    ("_FROM_OPEN_CONTENT_MODEL", ", and the schema takes anything it does not name"),
    ("_TO_UNOPEN_CONTENT_MODEL", ", which could not be there before"),
    ("_TO_CLOSED_CONTENT_MODEL", ", which could not be there before"),
    ("_TO_OPEN_CONTENT_MODEL", ", which could already be there as anything"),
)
_HINTS = (
    ("KEYWORD_NOT_JUDGED", "say it without the keyword, or compare by other rules"),
    ("TYPE_CHANGED", "keep the old type, add a property of the new one; move readers, then drop the old property"),
    ("TYPE_NARROWED", "keep number, and check for whole numbers with a quality rule"),
    ("REQUIRED", "leave it optional, or give readers a default and backfill; make it required in the next MODEL"),
    ("PROPERTY_ADDED_TO", "write it as optional; where rows may already carry that name, choose another name"),
    ("PROPERTY_REMOVED", "keep it optional until no data has it, or let the object take what it does not name"),
    ("PROPERTIES", "keep the object open, or name every property that data has"),
    ("ITEMS", "keep the array open, or speak of every item that data has"),
    ("ITEM", "keep the item, or let the array take more"),
    ("ENUM", "keep the old values listed; mark them as deprecated in the description"),
    ("PATTERN", "keep the pattern at least as wide, and check the narrower one with a quality rule"),
    ("MULTIPLE_OF", "keep a step that divides the old one"),
    ("DEPENDENCY", "leave the dependency out, and check it with a quality rule"),
    ("TYPE", "keep every alternative that data has; add, do not take away"),
    ("", "keep the limit at least as wide, and check the narrower one with a quality rule"),
)


def message_of(code: str) -> str:
    """What ``code`` says, in plain words."""
    if code.endswith("_REFUSES"):
        return f"the rule {_words(code.removesuffix('_REFUSES'))} refuses documents that are written on the other side"
    if code in _WHOLE:
        return _WHOLE[code]
    for part, meaning in _PARTS:
        if code.endswith(part):
            return _words(code.removesuffix(part)) + meaning
    return _words(code)


def hint_of(code: str) -> str:
    """What to do instead of a change that breaks."""
    return next(hint for part, hint in _HINTS if part in code)


def _words(code: str) -> str:
    words = code.lower().replace("_of_", " of ").replace("_", " ")
    subject, _, verb = words.rpartition(" ")
    return f"{subject} was {verb}" if verb.endswith("ed") else words
