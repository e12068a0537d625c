"""Sends: the way around the client's Python, which costs twice as much for a record as librdkafka itself."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import confluent_kafka
from confluent_kafka import Producer, cimpl

from streams.native.load import extension

KNOWN_VERSIONS = "2.16."
"""Of confluent-kafka: those in which it was looked at where a ``Producer`` keeps the client's handle."""


@cache
def quick_sends() -> ModuleType | None:
    """What sends in C; ``None`` where it was not built, or does not know the client."""
    if extension is None or not confluent_kafka.__version__.startswith(KNOWN_VERSIONS):
        return None
    return extension if extension.connect(cimpl.__file__, Producer) else None
