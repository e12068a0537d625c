"""Objects: properties that came and went, by Karapace's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..found import Compare, Found, under
from ..rules import STRICT
from ..scalars import limits_of
from .parts import Reader, dependencies, is_open

Object = Mapping[str, Any]


class ObjectRules:
    """Compares objects."""

    def __init__(self, old: Reader, new: Reader, compare: Compare) -> None:
        self._old = old
        self._new = new
        self._compare = compare

    def changes(self, old: Object, new: Object) -> Iterator[Found]:
        """Every change, in the order of Karapace's checks."""
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted(before.keys() & after.keys()):
            yield from self._kept(name, old, new)
        removed, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        for name in removed:
            yield from under(("properties", name), self._removed(name, before[name], new))
        # Karapace does not look at what was added to an object that is not open and also lost something.
        if not removed or is_open(new):
            for name in added:
                yield from under(("properties", name), self._added(name, after[name], old, new))
        yield from self._dependency_changes(old, new)
        yield from limits_of(old, new, ("maxProperties", "minProperties"))
        yield from under(("additionalProperties",), self._rest_changes(old, new))

    def _kept(self, name: str, old: Object, new: Object) -> Iterator[Found]:
        needed = [name in held.get("required", ()) for held in (old, new)]
        if needed[0] != needed[1]:
            yield Found(f"REQUIRED_ATTRIBUTE_{'ADDED' if needed[1] else 'REMOVED'}", ("required", name))
        found = self._compare(old["properties"][name], new["properties"][name])
        yield from under(("properties", name), found)

    def _removed(self, name: str, before: Any, new: Object) -> Iterator[Found]:
        if is_open(new):
            yield Found("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL")
        elif (covering := self._new.covering(new, name)) is None:
            yield Found("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL")
        else:
            yield from self._covered("REMOVED", self._compare(before, covering))

    def _added(self, name: str, after: Any, old: Object, new: Object) -> Iterator[Found]:
        if is_open(old):
            yield Found("OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL")
            return
        covering = self._old.covering(old, name)
        if covering is not None and covering is not False:
            yield from self._covered("ADDED", self._compare(covering, after))
        # With a default, too.
        need = "REQUIRED" if name in new.get("required", ()) else "OPTIONAL"
        yield Found(f"{need}_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL")

    def _covered(self, change: str, found: tuple[Found, ...]) -> Iterator[Found]:
        broken = any(one.code not in STRICT or one.code == "SCHEMA_REMOVED" for one in found)
        yield Found(f"PROPERTY_{change}_{'NOT' if broken else 'IS'}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")

    def _dependency_changes(self, old: Object, new: Object) -> Iterator[Found]:
        """Karapace asks whether the new schema still has what the old one has; what is new it does not look at."""
        before, after = dependencies(old), dependencies(new)
        for name, needed in before.items():
            if not after.get(name):
                yield Found("DEPENDENCY_ARRAY_ADDED", ("dependencies", name))
            elif set(needed) - set(after[name]):
                yield Found("DEPENDENCY_ARRAY_EXTENDED", ("dependencies", name))
        schemas = new.get("dependentSchemas", {})
        for name, schema in old.get("dependentSchemas", {}).items():
            yield from under(("dependentSchemas", name), self._compare(schema, schemas.get(name)))

    def _rest_changes(self, old: Object, new: Object) -> Iterator[Found]:
        before, after = old.get("additionalProperties"), new.get("additionalProperties")
        if before is None and after is not None:
            yield Found("ADDITIONAL_PROPERTIES_NARROWED")
        elif before and after:
            yield from self._compare(before, after)
        elif after is None and before is not None:
            yield Found("ADDITIONAL_PROPERTIES_EXTENDED")
