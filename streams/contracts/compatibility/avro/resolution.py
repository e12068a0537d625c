"""Resolution: can a reader's schema read what another wrote? And if not all, then some of it?

Source: Avro 1.12's specification, "Schema Resolution", as its Java and Python checkers apply it. Beyond them, decimals
and times of another scale or unit are refused: the bytes can be read, and every number is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .schema import NO_DEFAULT, AvroField, AvroType

_READS = {
    "long": ("int",),
    "float": ("int", "long"),
    "double": ("int", "long", "float"),
    "bytes": ("string",),
    "string": ("bytes",),
}
"""What else a primitive reads: promotions."""
_NAMED = ("record", "enum", "fixed")
_UNITS = ("-millis", "-micros", "-nanos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """One reason why a reader cannot read. The codes are those of Avro's own checkers."""

    code: str
    path: tuple[str, ...]
    message: str


class Resolution:
    """Asks of a reader and a writer; recursive types are believed while they are being asked."""

    def __init__(self) -> None:
        self._open: set[tuple[int, int]] = set()

    def clashes(self, reader: AvroType, writer: AvroType, path: tuple[str, ...] = ()) -> Iterator[Clash]:
        """Every reason, with its place in the reader's schema."""
        pair = (id(reader), id(writer))
        if pair in self._open:
            return
        self._open.add(pair)
        try:
            yield from self._of(reader, writer, path)
        finally:
            self._open.discard(pair)

    def _of(self, reader: AvroType, writer: AvroType, path: tuple[str, ...]) -> Iterator[Clash]:
        if writer.kind == "union":
            yield from self._of_branches(reader, writer, path)
        elif reader.kind == "union":
            if not any(self._reads(branch, writer) for branch in reader.branches):
                yield Clash(code="MISSING_UNION_BRANCH", path=path,
                            message=f"no branch of the reader's union reads {_told(writer)}")  # fmt: skip
        elif reader.kind != writer.kind:
            if writer.kind not in _READS.get(reader.kind, ()):
                yield Clash(code="TYPE_MISMATCH", path=path,
                            message=f"{_told(reader)} does not read {_told(writer)}")  # fmt: skip
        elif reader.kind in _NAMED and not _is_same_name(reader, writer):
            yield Clash(code="NAME_MISMATCH", path=(*path, "name"),
                        message=f"{reader.name} is not {writer.name}, nor has it that alias")  # fmt: skip
        else:
            yield from self._of_kind(reader, writer, path)

    def _of_branches(self, reader: AvroType, writer: AvroType, path: tuple[str, ...]) -> Iterator[Clash]:
        for place, branch in enumerate(writer.branches):
            if reader.kind != "union":
                yield from self.clashes(reader, branch, path)
            elif not self._reads(reader, branch):
                yield Clash(code="MISSING_UNION_BRANCH", path=(*path, str(place)),
                            message=f"no branch of the reader's union reads {_told(branch)}")  # fmt: skip

    def _of_kind(self, reader: AvroType, writer: AvroType, path: tuple[str, ...]) -> Iterator[Clash]:
        match reader.kind:
            case "record":
                for held in reader.fields:
                    yield from self._of_field(held, writer, (*path, "fields", held.name))
            case "enum":
                missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
                if missing and reader.enum_default is None:
                    message = f"the reader does not know {', '.join(missing)} and has no default"
                    yield Clash(code="MISSING_ENUM_SYMBOLS", path=(*path, "symbols"), message=message)
            case "fixed" if reader.size != writer.size:
                yield Clash(code="FIXED_SIZE_MISMATCH", path=(*path, "size"),
                            message=f"the reader takes {reader.size} bytes, {writer.size} are written")  # fmt: skip
            case "array" | "map" if reader.items is not None and writer.items is not None:
                inner = "items" if reader.kind == "array" else "values"
                yield from self.clashes(reader.items, writer.items, (*path, inner))
        yield from _logical_clashes(reader, writer, path)

    def _of_field(self, held: AvroField, writer: AvroType, path: tuple[str, ...]) -> Iterator[Clash]:
        written = writer_field(held, writer)
        if written is not None:
            yield from self.clashes(held.type, written.type, (*path, "type"))
        elif held.default is NO_DEFAULT:
            yield Clash(code="READER_FIELD_MISSING_DEFAULT_VALUE", path=path,
                        message="the field is not written, and the reader has no default for it")  # fmt: skip

    def _reads(self, reader: AvroType, writer: AvroType) -> bool:
        return next(self.clashes(reader, writer), None) is None

    def reads_some(self, reader: AvroType, writer: AvroType) -> bool:
        """Whether at least one datum of ``writer`` can be read: an empty array always can."""
        pair = (id(reader), id(writer))
        if pair in self._open:
            return True
        self._open.add(pair)
        try:
            return self._reads_some(reader, writer)
        finally:
            self._open.discard(pair)

    def _reads_some(self, reader: AvroType, writer: AvroType) -> bool:
        if writer.kind == "union":
            return any(self.reads_some(reader, branch) for branch in writer.branches)
        if reader.kind == "union":
            return any(self.reads_some(branch, writer) for branch in reader.branches)
        if reader.kind != writer.kind or (reader.kind in _NAMED and not _is_same_name(reader, writer)):
            return Resolution()._reads(reader, writer)
        if reader.kind in ("array", "map"):
            return True
        if reader.kind == "enum":
            return reader.enum_default is not None or bool(set(reader.symbols) & set(writer.symbols))
        if reader.kind == "record":
            return all(self._some_of_field(held, writer) for held in reader.fields)
        return Resolution()._reads(reader, writer)

    def _some_of_field(self, held: AvroField, writer: AvroType) -> bool:
        written = writer_field(held, writer)
        return held.default is not NO_DEFAULT if written is None else self.reads_some(held.type, written.type)


def writer_field(held: AvroField, writer: AvroType) -> AvroField | None:
    """The writer's field that a reader's field reads: by its name, else by an alias."""
    by_name = {written.name: written for written in writer.fields}
    return next((by_name[name] for name in (held.name, *held.aliases) if name in by_name), None)


def _is_same_name(reader: AvroType, writer: AvroType) -> bool:
    return reader.short_name == writer.short_name or writer.name in reader.aliases


def _logical_clashes(reader: AvroType, writer: AvroType, path: tuple[str, ...]) -> Iterator[Clash]:
    ours, theirs = reader.logical, writer.logical
    if ours.get("logicalType") == theirs.get("logicalType") == "decimal":
        taken, written = ours.get("scale", 0), theirs.get("scale", 0)
        if taken != written:
            yield Clash(code="DECIMAL_SCALE_MISMATCH", path=(*path, "scale"),
                        message=f"the reader takes {written} decimal places as {taken}")  # fmt: skip
        return
    kinds = [str(held.get("logicalType")) for held in (ours, theirs)]
    units = [next((unit for unit in _UNITS if kind.endswith(unit)), None) for kind in kinds]
    if None not in units and units[0] != units[1]:
        yield Clash(code="TIME_UNIT_MISMATCH", path=(*path, "logicalType"),
                    message=f"the reader takes {theirs['logicalType']} as {ours['logicalType']}")  # fmt: skip


def _told(held: AvroType) -> str:
    return f"the {held.kind} {held.name}" if held.name else held.kind
