"""Observe: what services tell of themselves, to whoever counts it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from streams.pipeline.lookups.plan import Lookup

from .breaker import State


class Result(Enum):
    """How a call ended, or that none was made."""

    ANSWERED = "answered"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    REFUSED = "refused"
    """By the open breaker, for one question."""


class Observer(Protocol):
    """Is told of each call, of answers from the cache, and of the breaker."""

    def called(self, lookup: Lookup, result: Result, seconds: float | None) -> None: ...

    def cached(self, lookup: Lookup, hits: int) -> None: ...

    def changed(self, lookup: Lookup, state: State) -> None: ...


class NoObserver:
    """For whom nobody counts."""

    def called(self, lookup: Lookup, result: Result, seconds: float | None) -> None:
        """Nothing."""

    def cached(self, lookup: Lookup, hits: int) -> None:
        """Nothing."""

    def changed(self, lookup: Lookup, state: State) -> None:
        """Nothing."""
