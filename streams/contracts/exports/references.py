"""References: every ``$ref`` of a schema as a whole address, and what is there. The rest of a shape stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from streams.contracts.model import Contracts, UnknownContractError

_ESCAPED = re.compile("%([0-7][0-9A-Fa-f])")
Shape = Any
"""A JSON Schema or a part of one."""


class References:
    """What the schemas of ``contracts`` name."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._whole: dict[str, Shape] = {}

    def whole(self, uri: str) -> Shape:
        """The schema ``iglu:…`` with whole addresses in it; ``None`` where there is none."""
        if uri not in self._whole:
            schema = self._schema(uri)
            self._whole[uri] = None if schema is None else with_base(schema, uri)
        return self._whole[uri]

    def at(self, address: str) -> Shape:
        """The part at ``iglu:…#/…``; ``None`` where there is none."""
        uri, _, fragment = address.partition("#")
        held = self.whole(uri)
        for step in fragment.split("/")[1:]:
            step = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), step).replace("~1", "/").replace("~0", "~")
            if isinstance(held, list) and step.isdecimal() and int(step) < len(held):
                held = held[int(step)]
            elif isinstance(held, Mapping) and step in held:
                held = held[step]
            else:
                return None
        return held if not fragment or fragment.startswith("/") else None

    def _schema(self, uri: str) -> Shape:
        try:
            return self._contracts.resolve(uri).newest.schema
        except (UnknownContractError, ValueError):
            return None


def with_base(shape: Shape, base: str) -> Shape:
    """``shape`` where ``#/…`` is ``<base>#/…``."""
    if isinstance(shape, list):
        return [with_base(held, base) for held in shape]
    if not isinstance(shape, Mapping):
        return shape
    moved = {name: with_base(held, base) for name, held in shape.items()}
    reference = moved.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        moved["$ref"] = base + reference if len(reference) > 1 else f"{base}#"
    return moved
