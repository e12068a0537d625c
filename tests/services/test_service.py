"""Service: attempts, time-outs, slots and patience of one look-up; its cache."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streams.errors import LookupFailedError, LookupUnavailableError
from streams.pipeline.lookups.plan import Answer
from streams.services.breaker import State
from streams.services.observe import Result

from .builders import a_policy, a_question, a_service

A = a_question("a")
LATER_S = 1_000.0


def scripted(*results: object) -> Callable[[str], Awaitable[object]]:
    """Gives or raises one after another, the last one for ever."""
    left = list(results)

    async def call(code: str) -> object:
        result = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(result, BaseException):
            raise result
        return result

    return call


async def test_an_answer_is_remembered_and_so_is_that_there_is_none() -> None:
    service, world = a_service(scripted(1), a_policy(keep_ms=10_000, keep_missing_ms=2_000))
    none, _ = a_service(scripted(None), a_policy(keep_ms=10_000, keep_missing_ms=2_000))
    await service.ask([A], until_s=LATER_S)
    await none.ask([A], until_s=LATER_S)

    assert service.recall([A]) == {A: Answer(value=1)}
    assert none.recall([A]) == {A: Answer()}
    assert world.hits == 1
    world.now_s += 9.9
    assert service.recall([A])
    world.now_s += 0.2
    assert service.recall([A]) == {}


async def test_that_there_is_none_is_forgotten_sooner() -> None:
    service, world = a_service(scripted(None), a_policy(keep_ms=10_000, keep_missing_ms=2_000))
    await service.ask([A], until_s=LATER_S)

    world.now_s += 2.1

    assert service.recall([A]) == {}


async def test_the_answer_that_was_used_longest_ago_makes_room() -> None:
    service, _ = a_service(scripted(1), a_policy(cached=2))
    first, second, third = (a_question(code) for code in "abc")
    await service.ask([first], until_s=LATER_S)
    await service.ask([second], until_s=LATER_S)
    service.recall([first])

    await service.ask([third], until_s=LATER_S)

    assert service.recall([first, second, third]).keys() == {first, third}


async def test_a_failure_is_not_remembered_and_nothing_is_without_a_cache() -> None:
    service, _ = a_service(scripted(OSError(), 1), a_policy())
    without, _ = a_service(scripted(1), a_policy(cached=0))

    await service.ask([A], until_s=LATER_S)
    await without.ask([A], until_s=LATER_S)

    assert service.recall([A]) == without.recall([A]) == {}


async def test_pauses_between_attempts_grow() -> None:
    service, world = a_service(scripted(OSError()), a_policy(attempts=4, pause_ms=100, failures=4))

    answers = await service.ask([A], until_s=LATER_S)

    assert isinstance(answers[A].error, LookupUnavailableError)
    assert len(world.slept) == 3
    assert all(0.1 * 2**place <= slept <= 0.1 * 2**place + 0.1 for place, slept in enumerate(world.slept))
    assert world.results == [Result.UNAVAILABLE] * 4


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    async def hang(code: str) -> object:
        await asyncio.Event().wait()
        return 1

    service, world = a_service(hang, a_policy(timeout_ms=10))

    answers = await service.ask([A], until_s=LATER_S)

    assert str(answers[A].error) == "the look-up of vat got no answer: timed out after 10 ms"
    assert world.results == [Result.TIMED_OUT]


async def test_no_more_calls_run_at_a_time_than_are_allowed() -> None:
    running, most, is_over = 0, 0, asyncio.Event()

    async def count(code: str) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await is_over.wait()
        running -= 1
        return code

    service, _ = a_service(count, a_policy(concurrency=3))
    asking = [asyncio.ensure_future(service.ask([a_question(str(code))], until_s=LATER_S)) for code in range(10)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert running == 3
    is_over.set()
    answered = await asyncio.gather(*asking)

    assert (most, len(answered)) == (3, 10)


async def test_a_service_that_says_nonsense_fails_and_opens_the_breaker_too() -> None:
    service, world = a_service(scripted(ValueError("of the row")), a_policy(failures=2, calls=2))

    errors = [(await service.ask([A], until_s=LATER_S))[A].error for _ in range(3)]

    assert [type(error) for error in errors] == [LookupFailedError, LookupFailedError, LookupUnavailableError]
    assert [str(error) for error in errors[1:]] == [
        "the look-up of vat failed: ValueError",
        "the look-up of vat got no answer: its breaker is open",
    ]
    assert world.results == [Result.FAILED, Result.FAILED, Result.REFUSED]


async def test_who_has_nowhere_to_go_waits_for_the_breaker_and_who_has_fails_at_once() -> None:
    script = [OSError(), OSError(), OSError(), 1]
    hasty, _ = a_service(scripted(*script), a_policy())
    patient, world = a_service(scripted(*script), a_policy(), is_patient=True)

    for service in (hasty, patient):
        for _ in range(3):
            await service.ask([A], until_s=LATER_S)
        assert service.breaker.state is State.OPEN

    assert (await hasty.ask([A], until_s=LATER_S))[A].error is not None
    assert (await patient.ask([A], until_s=LATER_S))[A] == Answer(value=1)
    assert world.slept == [5.0]


async def test_patience_ends_where_the_batch_has_no_time_left() -> None:
    service, world = a_service(scripted(OSError()), a_policy(), is_patient=True)
    for _ in range(3):
        await service.ask([A], until_s=LATER_S)

    answers = await service.ask([A], until_s=world.now_s + 4)

    assert isinstance(answers[A].error, LookupUnavailableError)
    assert (world.slept, world.results[-1]) == ([], Result.REFUSED)


@pytest.mark.parametrize("said", [[1], [1, 2, 3], "ab"])
async def test_a_call_of_many_questions_gives_an_answer_to_each_or_fails(said: object) -> None:
    async def call(codes: list[str]) -> object:
        return said

    service, _ = a_service(call, a_policy(batch=2))
    questions = [a_question("a"), a_question("b")]

    answers = await service.ask(questions, until_s=LATER_S)

    assert {type(answer.error) for answer in answers.values()} == {LookupFailedError}
