"""References: what the references of one document name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ESCAPED = re.compile("%([0-7][0-9A-Fa-f])")
Shape = Any
"""A JSON Schema or a part of one."""


class References:
    """Those of a document that is whole in itself."""

    def __init__(self, document: Shape) -> None:
        self.document = document

    def at(self, address: str) -> Shape:
        """The part at ``#/…``; ``None`` where there is none, or where it is told by other means than its place."""
        start, _, fragment = address.partition("#")
        if start or (fragment and not fragment.startswith("/")):
            return None
        held = self.document
        for step in fragment.split("/")[1:]:
            step = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), step).replace("~1", "/").replace("~0", "~")
            if isinstance(held, list) and step.isdecimal() and int(step) < len(held):
                held = held[int(step)]
            elif isinstance(held, Mapping) and step in held:
                held = held[step]
            else:
                return None
        return held
