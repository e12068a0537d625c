"""Builders: a look-up whose function a test scripts, and a world whose clock and sleep are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from streams.pipeline.joining.plan import Missing
from streams.pipeline.lookups.plan import Argument, BreakerPolicy, CallPolicy, Lookup, Question
from streams.services.breaker import State
from streams.services.observe import Result
from streams.services.service import Service, Surroundings


class World:
    """Time that passes when somebody sleeps, and a log of what was told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []
        self.results: list[Result] = []
        self.states: list[State] = []
        self.hits = 0

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        wakes_s = self.now_s + seconds
        await asyncio.sleep(0)
        self.now_s = max(self.now_s, wakes_s)

    def called(self, lookup: Lookup, result: Result, seconds: float | None) -> None:
        self.results.append(result)

    def cached(self, lookup: Lookup, hits: int) -> None:
        self.hits += hits

    def changed(self, lookup: Lookup, state: State) -> None:
        self.states.append(state)


def a_policy(*, failures: int = 3, calls: int = 4, open_ms: int = 5_000, **more: Any) -> CallPolicy:
    policy = CallPolicy(attempts=1, breaker=BreakerPolicy(failures=failures, calls=calls, open_ms=open_ms))
    return replace(policy, **more)


def a_lookup(call: Callable[..., Awaitable[object]], policy: CallPolicy | None = None) -> Lookup:
    """Its answers are taken as they are."""
    return Lookup(
        pipeline="orders",
        column="vat",
        arguments=(Argument(column="code", read=None),),
        call=call,  # type: ignore[arg-type]  # a test may say what it likes
        encode=lambda value: value,
        missing=Missing.RETRY,
        policy=policy or a_policy(),
    )


def a_service(
    call: Callable[..., Awaitable[object]], policy: CallPolicy | None = None, *, is_patient: bool = False
) -> tuple[Service, World]:
    world = World()
    around = Surroundings(clock=world.clock, sleep=world.sleep, observer=world)
    return Service(a_lookup(call, policy), around, is_patient=is_patient), world


def a_question(code: str = "a") -> Question:
    return Question("orders", "vat", f'["{code}"]'.encode(), (code,))
