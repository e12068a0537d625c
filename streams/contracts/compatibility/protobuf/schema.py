"""A Protobuf file as messages, fields and enums, with names resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .reserved import Reserved

SCALARS = frozenset(
    ("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
     "sfixed64", "bool", "string", "bytes")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtoField:
    """A field of a message."""

    number: int
    name: str
    type: str
    """A scalar, or the name of a message or enum as it is written; of a map, that of its values."""
    label: str = ""
    """``repeated``, ``required``, ``optional``, or empty."""
    key: str = ""
    """Of a map, the type of its keys; empty where it is none."""
    oneof: str = ""
    json_name: str = ""
    options: tuple[str, ...] = ()
    """Tokens of what stands in brackets behind it."""


@dataclass(slots=True, kw_only=True)
class ProtoEnum:
    """An enum: names by number; of aliases, all."""

    name: str
    constants: dict[int, tuple[str, ...]] = field(default_factory=dict)
    reserved: Reserved = field(default_factory=Reserved)


@dataclass(slots=True, kw_only=True)
class ProtoMessage:
    """A message, or a file, which holds messages and enums in the same way."""

    name: str
    fields: dict[int, ProtoField] = field(default_factory=dict)
    oneofs: list[str] = field(default_factory=list)
    messages: dict[str, ProtoMessage] = field(default_factory=dict)
    enums: dict[str, ProtoEnum] = field(default_factory=dict)
    reserved: Reserved = field(default_factory=Reserved)


@dataclass(slots=True, kw_only=True)
class ProtoFile:
    """One file."""

    syntax: str = "proto2"
    """Or an edition, such as ``2023``."""
    package: str = ""
    imports: list[str] = field(default_factory=list)
    top: ProtoMessage = field(default_factory=lambda: ProtoMessage(name=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a name stands for."""

    full: str
    package: str
    held: ProtoMessage | ProtoEnum
    is_own: bool
    """Defined in the file itself, not in what it imports."""

    @property
    def local(self) -> str:
        """The name without its package: packages may change."""
        return self.full.removeprefix(self.package + ".") if self.package else self.full


class Names:
    """Every name that a file, the first of ``files``, and what it imports define."""

    def __init__(self, files: list[ProtoFile]) -> None:
        self._by_name: dict[str, Named] = {}
        for file in files:
            for path, held in _walk(file.top, file.package):
                named = Named(full=path, package=file.package, held=held, is_own=file is files[0])
                self._by_name.setdefault(path, named)

    def resolve(self, name: str, scope: str) -> Named | None:
        """What ``name`` means inside ``scope``, innermost first; ``None`` where nothing here defines it."""
        if name.startswith("."):
            return self._by_name.get(name[1:])
        steps = scope.split(".") if scope else []
        for length in range(len(steps), -1, -1):
            found = self._by_name.get(".".join([*steps[:length], name]))
            if found is not None:
                return found
        return None


def _walk(message: ProtoMessage, path: str) -> Iterator[tuple[str, ProtoMessage | ProtoEnum]]:
    for name, inner in message.messages.items():
        full = f"{path}.{name}" if path else name
        yield full, inner
        yield from _walk(inner, full)
    for name, enum in message.enums.items():
        yield (f"{path}.{name}" if path else name), enum
