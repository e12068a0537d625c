"""Steps: what each step of a pipeline's file says, as digests, so that a change can be told from what ran before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from .plan import Plan

ORDER = (
    "source", "canary", "deduplicate", "filter", "where", "quality", "mask", "lookup", "join", "derive", "table",
    "aggregate", "route", "errors", "transactional",
)  # fmt: skip
"""Keys of a pipeline file besides its name, in the order in which a batch goes through them."""
DIGEST_BYTES = 3


def step_digests(plan: Plan) -> Mapping[str, str]:
    """By step, 6 hex digits of what it says; empty for a plan that no file describes.

    The parts of ``source`` are steps of their own (``source.key``), as are the versions that its contract admits.
    """
    return {name: blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest() for name, text in _texts(plan)}


def _texts(plan: Plan) -> Iterator[tuple[str, str]]:
    for name, held in plan.spec.items():
        if name == "source" and isinstance(held, Mapping):
            yield from ((f"source.{part}", _text(value)) for part, value in held.items())
        elif name in ORDER:
            yield name, _text(held)
    if plan.spec:
        yield "contract", _text([contract.uri for contract in plan.contract.versions])


def _text(value: object) -> str:
    """The same however it is written: the order of keys, comments and YAML's style do not count."""
    return json.dumps(value, sort_keys=True, default=str)
