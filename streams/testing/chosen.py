"""Chosen: which pipelines a driver runs."""

from __future__ import annotations

from collections.abc import Iterable

from streams.pipeline.spec import Pipeline


def chosen(pipelines: Iterable[str | Pipeline] | None) -> tuple[list[str] | None, list[Pipeline]]:
    """(names of those to run, or all; those that were built in Python)."""
    if pipelines is None:
        return None, []
    wanted = list(pipelines)
    built = [held for held in wanted if isinstance(held, Pipeline)]
    return [held if isinstance(held, str) else held.name for held in wanted], built
