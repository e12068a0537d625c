"""Restored: a task's store from its committed changelogs, as a worker that takes the task builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.pipeline.topology import SubTopology
from streams.records import Delivery
from streams.state.changelog import MARKER_KEY, Marker, apply_changelogs, decode_marker
from streams.state.stores.memory import MemoryStore

from .logs import Place


def restored(sub: SubTopology, number: int, committed: Mapping[Place, Sequence[Delivery]]) -> MemoryStore:
    """The store of the task of ``sub`` for that partition; ``committed``: all that topics hold."""
    store = MemoryStore()
    changelogs: dict[str, int] = {}
    sources: Mapping[str, int] = {}
    for short, name in sub.changelogs:
        log = committed.get((name, number), ())
        records = [(delivery.key or b"", delivery.value) for delivery in log]
        for key, value in records:
            if key == MARKER_KEY and value is not None:
                sources = decode_marker(value).sources
        changelogs[name] = len(log)
        apply_changelogs(store, {short: records}, Marker(changelogs=changelogs, sources=sources))
    return store
