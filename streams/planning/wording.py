"""Wording: a pipeline file step by step, each part of it on one line, for tables and drawings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.pipeline.steps import ORDER


def step_lines(document: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(step, what it says) in the order in which a batch goes through them; a step of several parts comes again."""
    for step in (step for step in ORDER if step in document):
        held = document[step]
        for part in held if isinstance(held, list) else [held]:
            yield step, flow_text(part)


def flow_text(value: object) -> str:
    """YAML's flow style without its outer braces.

    >>> flow_text({"by": ["a", "b"], "window": {"tumbling": "1m"}})
    'by: [a, b], window: {tumbling: 1m}'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_nested(held)}" for key, held in value.items())
    return _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + flow_text(value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return str(value)
