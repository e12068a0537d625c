"""What a comparison says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

BACKWARD = "backward"
FORWARD = "forward"
IN_JSON = "-json"

Bump = Literal["none", "addition", "revision", "model"]
BUMPS: tuple[Bump, ...] = ("none", "addition", "revision", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What references in the two schemas name, by URI, name or file."""

    old: Mapping[str, object]
    new: Mapping[str, object]

    @property
    def turned(self) -> Named:
        """The way back."""
        return Named(old=self.new, new=self.old)


class SchemaTextError(ValueError):
    """A schema that cannot be read, so that nothing can be said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One change as a rule set sees it. ``path``: steps from the schema's root down to the change."""

    code: str
    path: tuple[str, ...]
    breaks: bool
    message: str
    hint: str = ""
    witness: object = None
    has_witness: bool = False
    breaks_json: bool = False
    """The binary form is read, the JSON form of it is not."""

    def ways(self, direction: str) -> tuple[str, ...]:
        """What it breaks, told of ``direction``."""
        return (direction,) if self.breaks else (direction + IN_JSON,) if self.breaks_json else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One change from the old schema to the new one."""

    code: str
    """Stable: programs may decide by it."""
    path: str
    """Where, as a JSON pointer: ``#/properties/email``; fields of Protobuf by number, of Avro by name."""
    message: str
    """What changed and what that means, in plain words."""
    breaks: tuple[str, ...]
    """``backward``: the new schema does not read all old data; ``forward``: the old one not all new data. Of Protobuf,
    ``backward-json`` and ``forward-json``: it does so only in binary."""
    witness: object = None
    """A document that shows it: written under one schema, refused by the other. ``None`` where there is none."""
    hint: str = ""
    """How to reach the goal without breaking anybody; empty where nothing breaks."""
    witnesses: Mapping[str, object] = field(default_factory=dict)
    """A witness for each direction that has one; it may be ``null``. ``witness`` is the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Whether two schemas understand each other."""

    backward: bool
    """The new schema reads all data written under the old one: consumers may move first."""
    forward: bool
    """The old schema reads all data written under the new one: producers may move first."""
    bump: Bump
    """``none``: no change; ``addition``: all old data is valid; ``model``: none can be; ``revision``: some is."""
    differences: tuple[Difference, ...]

    @property
    def full(self) -> bool:
        """Both at once."""
        return self.backward and self.forward


def to_differences(backward: Iterable[Found], forward: Iterable[Found]) -> tuple[Difference, ...]:
    """One list of both directions: a change is told once, and what breaks the way back is told where it is."""
    merged: dict[tuple[str, ...], list[Difference]] = {}
    for one in backward:
        merged.setdefault(one.path, []).append(_difference(one, one.ways(BACKWARD)))
    for one in forward:
        if ways := one.ways(FORWARD):
            _merge(merged.setdefault(one.path, []), one, ways)
    return tuple(difference for held in merged.values() for difference in held)


def _merge(there: list[Difference], one: Found, ways: tuple[str, ...]) -> None:
    told = [place for place, held in enumerate(there) if not any(way.startswith(FORWARD) for way in held.breaks)]
    if not told:
        there.append(_difference(one, ways))
        return
    held = there[told[0]]
    there[told[0]] = Difference(
        code=held.code, path=held.path, breaks=(*held.breaks, *ways), hint=held.hint or one.hint,
        message=held.message, witness=held.witness if held.witnesses else one.witness,
        witnesses={**held.witnesses, **_witnesses(one, ways)},
    )  # fmt: skip


def _witnesses(one: Found, ways: tuple[str, ...]) -> dict[str, object]:
    return dict.fromkeys(ways, one.witness) if one.has_witness else {}


def _difference(one: Found, breaks: tuple[str, ...]) -> Difference:
    return Difference(
        code=one.code, path=pointer(one.path), message=one.message, breaks=breaks, witness=one.witness,
        hint=one.hint if breaks else "", witnesses=_witnesses(one, breaks),
    )  # fmt: skip


def pointer(path: tuple[str, ...]) -> str:
    """``("properties", "a/b")`` as ``#/properties/a~1b``; the schema itself is ``#``."""
    return "#" + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def bump_of(*, is_changed: bool, backward: bool, can_overlap: bool) -> Bump:
    """SchemaVer's answer: what the change means for data already written."""
    if not is_changed:
        return "none"
    if backward:
        return "addition"
    return "revision" if can_overlap else "model"
