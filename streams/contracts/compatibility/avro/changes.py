"""Changes: what is different in a new Avro schema, whether or not anybody minds."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Found
from .resolution import writer_field
from .schema import NO_DEFAULT, AvroField, AvroType

_MESSAGES = {
    "FIELD_ADDED": "a field was added",
    "FIELD_REMOVED": "a field was removed; readers of the new schema skip it",
    "FIELD_RENAMED": "a field was renamed; its alias finds the old name",
    "FIELDS_REORDERED": "the fields stand in another order",
    "DEFAULT_CHANGED": "the default changed",
    "TYPE_CHANGED": "the type changed",
    "NAME_CHANGED": "the name changed",
    "NAMESPACE_CHANGED": "the namespace changed; names are compared without it",
    "ALIASES_CHANGED": "the aliases changed",
    "ENUM_SYMBOLS_CHANGED": "the symbols changed",
    "ENUM_DEFAULT_CHANGED": "the enum's default changed",
    "UNION_BRANCHES_CHANGED": "the branches of the union changed",
    "LOGICAL_TYPE_CHANGED": "the logical type changed",
    "DOC_CHANGED": "the documentation changed",
    "SIZE_CHANGED": "the size changed",
}


def changes_of(old: AvroType, new: AvroType) -> Iterator[Found]:
    """Every change, by its place in the new schema; of what was removed, in the old one."""
    seen: set[tuple[int, int]] = set()

    def walk(before: AvroType, after: AvroType, path: tuple[str, ...]) -> Iterator[Found]:
        if (id(before), id(after)) in seen:
            return
        seen.add((id(before), id(after)))
        if before.kind != after.kind:
            yield _found("TYPE_CHANGED", path)
            return
        yield from _own_changes(before, after, path)
        for written, held, place in _pairs(before, after):
            yield from walk(written, held, (*path, *place))

    yield from walk(old, new, ())


def _pairs(before: AvroType, after: AvroType) -> Iterator[tuple[AvroType, AvroType, tuple[str, ...]]]:
    if before.items is not None and after.items is not None:
        yield before.items, after.items, ("items" if before.kind == "array" else "values",)
    for held in after.fields:
        written = writer_field(held, before)
        if written is not None:
            yield written.type, held.type, ("fields", held.name, "type")
    if len(before.branches) == len(after.branches) and _tags(before) == _tags(after):
        for place, pair in enumerate(zip(before.branches, after.branches, strict=True)):
            yield *pair, (str(place),)


def _own_changes(before: AvroType, after: AvroType, path: tuple[str, ...]) -> Iterator[Found]:
    if before.name != after.name:
        is_moved = before.short_name == after.short_name
        yield _found("NAMESPACE_CHANGED" if is_moved else "NAME_CHANGED", (*path, "name"))
    compared = (
        ("ALIASES_CHANGED", "aliases", set(before.aliases), set(after.aliases)),
        ("ENUM_SYMBOLS_CHANGED", "symbols", before.symbols, after.symbols),
        ("ENUM_DEFAULT_CHANGED", "default", before.enum_default, after.enum_default),
        ("SIZE_CHANGED", "size", before.size, after.size),
        ("LOGICAL_TYPE_CHANGED", "logicalType", before.logical, after.logical),
        ("DOC_CHANGED", "doc", before.doc, after.doc),
    )
    for code, word, was, now in compared:
        if was != now:
            yield _found(code, (*path, word))
    if before.kind == "union" and _tags(before) != _tags(after):
        yield _found("UNION_BRANCHES_CHANGED", path)
    yield from _field_changes(before, after, (*path, "fields"))


def _field_changes(before: AvroType, after: AvroType, path: tuple[str, ...]) -> Iterator[Found]:
    read: list[str] = []
    for held in after.fields:
        written = writer_field(held, before)
        if written is None:
            yield _found("FIELD_ADDED", (*path, held.name))
            continue
        read.append(written.name)
        yield from _one_field(written, held, (*path, held.name))
    for written in before.fields:
        if written.name not in read:
            yield _found("FIELD_REMOVED", (*path, written.name))
    if read != [written.name for written in before.fields if written.name in read]:
        yield _found("FIELDS_REORDERED", path)


def _one_field(written: AvroField, held: AvroField, path: tuple[str, ...]) -> Iterator[Found]:
    if written.name != held.name:
        yield _found("FIELD_RENAMED", path)
    elif set(written.aliases) != set(held.aliases):
        yield _found("ALIASES_CHANGED", (*path, "aliases"))
    has_default = (written.default is NO_DEFAULT, held.default is NO_DEFAULT)
    if has_default[0] != has_default[1] or (not any(has_default) and written.default != held.default):
        yield _found("DEFAULT_CHANGED", (*path, "default"))
    if written.doc != held.doc:
        yield _found("DOC_CHANGED", (*path, "doc"))


def _tags(union: AvroType) -> tuple[str, ...]:
    return tuple(branch.name or branch.kind for branch in union.branches)


def _found(code: str, path: tuple[str, ...]) -> Found:
    return Found(code=code, path=path, breaks=False, message=_MESSAGES[code])
