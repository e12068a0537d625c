"""History: a new version against those before it, under a compatibility mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .compare import Kind, Rules, compare
from .model import Comparison


class Mode(Enum):
    """What must hold before a version is taken; names are Confluent's. Transitive: with every version, not the last."""

    NONE = "none"
    BACKWARD = "backward"
    BACKWARD_TRANSITIVE = "backward_transitive"
    FORWARD = "forward"
    FORWARD_TRANSITIVE = "forward_transitive"
    FULL = "full"
    FULL_TRANSITIVE = "full_transitive"

    @property
    def is_transitive(self) -> bool:
        """Whether every earlier version is asked."""
        return self.value.endswith("_transitive")

    def holds(self, comparison: Comparison) -> bool:
        """Whether ``comparison`` is what the mode demands."""
        match self.value.removesuffix("_transitive"):
            case "none":
                return True
            case "backward":
                return comparison.backward
            case "forward":
                return comparison.forward
            case _:
                return comparison.full


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a mode says of a new version."""

    is_compatible: bool
    comparisons: tuple[tuple[int, Comparison], ...]
    """With which version (place in the list given, from 0) and what came out; the last version first."""


def compare_history(
    versions: Sequence[Any],
    new: Any,
    *,
    mode: Mode = Mode.BACKWARD,
    kind: Kind = "json",
    rules: Rules = "proof",
    resources: Mapping[str, object] | None = None,
) -> Verdict:
    """``new`` against ``versions``, oldest first; nothing before it is compatible with anything."""
    asked = range(len(versions) - 1, -1, -1) if mode.is_transitive else range(len(versions) - 1, len(versions) - 2, -1)
    found = tuple(
        (place, compare(versions[place], new, kind=kind, rules=rules, resources=resources))
        for place in asked
        if place >= 0
    )
    return Verdict(is_compatible=all(mode.holds(held) for _, held in found), comparisons=found)
