"""Objects: properties that came and went, and what the schema says of properties it does not name.

An object is *open* where it takes any further property, *closed* where it takes none, *partly open* where further
properties have a schema of their own (by pattern, or for all of them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .found import Compare, Found, under
from .scalars import limit_changes
from .shapes import Kind, Shape

IsCompatible = Callable[[tuple[Found, ...]], bool]


class ObjectRules:
    """Compares objects. ``compare``: any two shapes; ``is_compatible``: whether changes break nobody."""

    def __init__(self, compare: Compare, is_compatible: IsCompatible) -> None:
        self._compare = compare
        self._is_compatible = is_compatible

    def changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        """Every change, in the order of the keywords."""
        yield from _required_changes(old, new)
        for name in sorted(_properties(old).keys() | _properties(new).keys()):
            yield from under(("properties", name), self._property_changes(name, old, new))
        yield from self._dependency_changes(old, new)
        yield from under(("additionalProperties",), self._rest_changes(old, new))
        yield from self._unevaluated_changes(old, new)
        yield from limit_changes(old, new, "maxProperties", "minProperties")

    def _property_changes(self, name: str, old: Shape, new: Shape) -> Iterator[Found]:
        before, after = _property(old, name), _property(new, name)
        if before is None and after is not None:
            yield from self._added(name, old, new, after)
        elif after is None and before is not None:
            yield from self._removed(name, new, before)
        else:
            yield from self._compare(before, after)

    def _added(self, name: str, old: Shape, new: Shape, after: Shape) -> Iterator[Found]:
        need = "OPTIONAL"
        if name in new.rules.get("required", ()):
            need = "REQUIRED_PROPERTY_WITH_DEFAULT" if "default" in (after.notes or {}) else "REQUIRED"
        added = f"{need}_ADDED_TO" if need.endswith("DEFAULT") else f"{need}_PROPERTY_ADDED_TO"
        if is_open(old):
            is_free = after.kind is Kind.ANYTHING
            yield Found("PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL" if is_free
                        else f"{added}_OPEN_CONTENT_MODEL")  # fmt: skip
            return
        if (covering := _covering(old, name)) is not None:
            yield from self._covered("ADDED", covering, after)
        yield Found(f"{added}_UNOPEN_CONTENT_MODEL")

    def _removed(self, name: str, new: Shape, before: Shape) -> Iterator[Found]:
        if is_open(new):
            yield Found("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL")
        elif (covering := _covering(new, name)) is not None:
            yield from self._covered("REMOVED", before, covering)
        elif before.kind is Kind.NOTHING:
            yield Found("PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL")
        else:
            yield Found("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL")

    def _covered(self, change: str, before: Shape, after: Shape) -> Iterator[Found]:
        found = self._compare(before, after)
        covered = self._is_compatible(found)
        verdict = Found(f"PROPERTY_{change}_{'IS' if covered else 'NOT'}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
        # Rules that forgive what is not covered forgive the reasons, too.
        if covered or not self._is_compatible((verdict,)):
            yield from found
        yield verdict

    def _rest_changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        before, after = old.rules.get("additionalProperties", True), new.rules.get("additionalProperties", True)
        if (before is False) != (after is False):
            yield Found("ADDITIONAL_PROPERTIES_ADDED" if before is False else "ADDITIONAL_PROPERTIES_REMOVED")
        elif before is True and isinstance(after, dict):
            yield Found("ADDITIONAL_PROPERTIES_NARROWED")
        elif after is True and isinstance(before, dict):
            yield Found("ADDITIONAL_PROPERTIES_EXTENDED")
        elif isinstance(before, dict):
            yield from self._compare(old.read(before), new.read(after))

    def _dependency_changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        before, after = _dependencies(old), _dependencies(new)
        for name in sorted(before.keys() | after.keys()):
            found = self._one_dependency(old, new, before.get(name), after.get(name))
            yield from under(("dependencies", name), found)

    def _one_dependency(self, old: Shape, new: Shape, before: object, after: object) -> Iterator[Found]:
        if before is not None and type(before) is not type(after):
            yield Found(f"DEPENDENCY_{_form(before)}_REMOVED")
        if after is not None and type(before) is not type(after):
            yield Found(f"DEPENDENCY_{_form(after)}_ADDED")
        elif isinstance(before, list) and isinstance(after, list) and set(before) != set(after):
            extended, narrowed = set(before) < set(after), set(after) < set(before)
            change = "EXTENDED" if extended else "NARROWED" if narrowed else "CHANGED"
            yield Found(f"DEPENDENCY_ARRAY_{change}")
        elif isinstance(before, dict):
            yield from self._compare(old.read(before), new.read(after))

    def _unevaluated_changes(self, old: Shape, new: Shape) -> Iterator[Found]:
        found = rest_changes("UNEVALUATED_PROPERTIES", old.child("unevaluatedProperties"),
                             new.child("unevaluatedProperties"), self._compare)  # fmt: skip
        yield from under(("unevaluatedProperties",), found)


def rest_changes(word: str, before: Shape | None, after: Shape | None, compare: Compare) -> Iterator[Found]:
    """Of a schema for what nothing else speaks of; absent, it takes anything."""
    takes_none = [shape is not None and shape.kind is Kind.NOTHING for shape in (before, after)]
    takes_all = [shape is None or shape.kind is Kind.ANYTHING for shape in (before, after)]
    if takes_none[0] != takes_none[1]:
        yield Found(f"{word}_ADDED" if takes_none[0] else f"{word}_REMOVED")
    elif takes_all[0] != takes_all[1]:
        yield Found(f"{word}_NARROWED" if takes_all[0] else f"{word}_EXTENDED")
    elif not takes_all[0]:
        yield from compare(before, after)


def is_open(shape: Shape) -> bool:
    """Whether the object takes any property that it does not name."""
    free = all(_is_free(shape, word) for word in ("additionalProperties", "unevaluatedProperties"))
    return free and not shape.rules.get("patternProperties")


def _is_free(shape: Shape, keyword: str) -> bool:
    held = shape.child(keyword)
    return held is None or shape.rules[keyword] is True or (keyword[0] == "u" and held.kind is Kind.ANYTHING)


def _covering(shape: Shape, name: str) -> Shape | None:
    """What the object says of a property it does not name; ``None`` where it takes none."""
    for pattern, schema in shape.rules.get("patternProperties", {}).items():
        if _matches(pattern, name):
            return shape.read(schema)
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        held = shape.rules.get(keyword)
        if isinstance(held, dict):
            return shape.read(held)
        if held is False:
            return None
    return None


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def _properties(shape: Shape) -> dict[str, object]:
    properties: dict[str, object] = shape.rules.get("properties", {})
    return properties


def _property(shape: Shape, name: str) -> Shape | None:
    properties = _properties(shape)
    return shape.read(properties[name]) if name in properties else None


def _required_changes(old: Shape, new: Shape) -> Iterator[Found]:
    before, after = set(old.rules.get("required", ())), set(new.rules.get("required", ()))
    for name in sorted(_properties(old).keys() & _properties(new).keys()):
        if name in before - after:
            yield Found("REQUIRED_ATTRIBUTE_REMOVED", ("required", name))
        elif name in after - before:
            property_ = _property(new, name)
            has_default = property_ is not None and "default" in (property_.notes or {})
            yield Found(f"REQUIRED_ATTRIBUTE{'_WITH_DEFAULT' * has_default}_ADDED", ("required", name))


def _dependencies(shape: Shape) -> dict[str, object]:
    rules = shape.rules
    return {**rules.get("dependencies", {}), **rules.get("dependentRequired", {}), **rules.get("dependentSchemas", {})}


def _form(dependency: object) -> str:
    return "ARRAY" if isinstance(dependency, list) else "SCHEMA"
