"""Breaker: a service that mostly fails is left alone for a while, then tried with one call.

Written here because the libraries there are do not fit: pybreaker knows no asyncio, aiobreaker is no longer kept, and
purgatory counts failures in a row, which a service that fails every other call never reaches. Nor does any of them let
other callers wait for what comes of the one call that tries.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

from streams.pipeline.lookups.plan import BreakerPolicy

Ticket = int


class State(Enum):
    """Whether calls are let through."""

    CLOSED = "closed"
    """All are."""
    OPEN = "open"
    """None is."""
    HALF_OPEN = "half_open"
    """One is, the others wait for what comes of it."""


class BreakerOpenError(Exception):
    """The service is left alone."""


class Breaker:
    """Of one service; ``clock`` in seconds, from anywhere."""

    def __init__(self, policy: BreakerPolicy, clock: Callable[[], float], on_change: Callable[[State], None]) -> None:
        self._policy = policy
        self._clock = clock
        self._on_change = on_change
        self._failed: deque[bool] = deque(maxlen=policy.calls)
        self._state = State.CLOSED
        self._opened_s = 0.0
        self._age: Ticket = 0
        """Counts the changes of state: what began before one says nothing about the time after it."""
        self._decided = asyncio.Event()

    @property
    def state(self) -> State:
        """As of the last call."""
        return self._state

    @property
    def wait_s(self) -> float:
        """How long it still stays open."""
        left = self._opened_s + self._policy.open_ms / 1_000 - self._clock()
        return max(0.0, left) if self._state is State.OPEN else 0.0

    async def enter(self) -> Ticket:
        """Ask to call; the ticket goes to ``leave``. Raises ``BreakerOpenError``."""
        while self._state is State.HALF_OPEN:
            await self._decided.wait()
        if self._state is State.OPEN:
            if self.wait_s > 0:
                raise BreakerOpenError
            self._decided = asyncio.Event()
            self._change(State.HALF_OPEN)
        return self._age

    def leave(self, ticket: Ticket, *, is_well: bool) -> None:
        """The call has ended, whichever way."""
        if ticket != self._age:
            return
        if self._state is State.HALF_OPEN:
            self._change(State.CLOSED if is_well else State.OPEN)
            self._decided.set()
            return
        self._failed.append(not is_well)
        if sum(self._failed) >= self._policy.failures:
            self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._age += 1
        self._failed.clear()
        if state is State.OPEN:
            self._opened_s = self._clock()
        self._on_change(state)
