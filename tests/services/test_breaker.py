"""Breaker: when it opens, whom it lets through, and what comes of the one call that tries."""

from __future__ import annotations

import asyncio

import pytest

from streams.pipeline.lookups.plan import BreakerPolicy
from streams.services.breaker import Breaker, BreakerOpenError, State

from .builders import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def breaker(world: World) -> Breaker:
    """Opens at three failures of four calls, for five seconds."""
    return Breaker(BreakerPolicy(failures=3, calls=4, open_ms=5_000), world.clock, world.states.append)


async def call(breaker: Breaker, *results: bool) -> None:
    for is_well in results:
        breaker.leave(await breaker.enter(), is_well=is_well)


async def opened(breaker: Breaker) -> None:
    await call(breaker, False, False, False)


async def test_it_opens_at_so_many_failures_of_the_last_calls_in_a_row_or_not(breaker: Breaker) -> None:
    await call(breaker, False, True, True, False, True, False)
    assert breaker.state is State.CLOSED

    await call(breaker, False)
    assert breaker.state is State.OPEN


async def test_open_it_lets_nobody_through_for_its_time(breaker: Breaker, world: World) -> None:
    await opened(breaker)
    world.now_s += 4.9

    with pytest.raises(BreakerOpenError):
        await breaker.enter()
    assert breaker.wait_s == pytest.approx(0.1)


async def test_half_open_one_call_tries_and_closes_it_again(breaker: Breaker, world: World) -> None:
    await opened(breaker)
    world.now_s += 5

    ticket = await breaker.enter()
    assert breaker.state is State.HALF_OPEN
    breaker.leave(ticket, is_well=True)

    await call(breaker, False, False)
    assert breaker.state is State.CLOSED
    assert world.states == [State.OPEN, State.HALF_OPEN, State.CLOSED]


async def test_a_call_that_tries_and_fails_opens_it_for_its_whole_time(breaker: Breaker, world: World) -> None:
    await opened(breaker)
    world.now_s += 6

    await call(breaker, False)

    assert (breaker.state, breaker.wait_s) == (State.OPEN, 5)


@pytest.mark.parametrize("is_well", [True, False])
async def test_others_wait_for_what_comes_of_the_one_that_tries(
    breaker: Breaker, world: World, is_well: bool
) -> None:
    await opened(breaker)
    world.now_s += 5
    ticket = await breaker.enter()
    others = [asyncio.ensure_future(breaker.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(other.done() for other in others)

    breaker.leave(ticket, is_well=is_well)
    came = await asyncio.gather(*others, return_exceptions=True)

    assert [isinstance(found, BreakerOpenError) for found in came] == [not is_well] * 3


async def test_what_began_before_it_opened_says_nothing_about_the_time_after(breaker: Breaker, world: World) -> None:
    old = [await breaker.enter() for _ in range(2)]
    await opened(breaker)
    world.now_s += 5
    await breaker.enter()

    for ticket in old:
        breaker.leave(ticket, is_well=True)

    assert breaker.state is State.HALF_OPEN
