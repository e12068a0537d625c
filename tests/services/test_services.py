"""Services: every question of a batch has an answer in a bounded time."""

from __future__ import annotations

import asyncio

import pytest

from streams.pipeline.lookups.plan import Answer
from streams.services import services as module
from streams.services.services import Services
from tests.pipeline.builders import a_pipeline, a_topology
from tests.pipeline.lookups import outside

from .builders import World, a_question


def a_services(**options: object) -> Services:
    lookup = {"call": f"{outside.PLACE}:text", "args": ["code"], "missing": "keep", **options}
    world = World()
    plans = a_topology(a_pipeline(lookup={"vat": lookup})).plans
    return Services(plans, clock=world.clock, sleep=world.sleep, observer=world)


async def test_questions_are_answered_and_known_from_then_on() -> None:
    services = a_services()
    questions = frozenset({a_question("A"), a_question("B")})

    answers = await services.answer(questions)

    assert answers == {a_question("A"): Answer(value="a"), a_question("B"): Answer(value="b")}
    assert services.recall(questions) == answers


async def test_a_function_that_never_ends_ends_the_patience_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    held = asyncio.Event()

    async def cling(code: str) -> str:
        while True:
            try:
                await held.wait()
                return code
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(outside, "text", cling)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    services = a_services(timeout="10ms")

    answers = await services.answer({a_question("A")})
    held.set()

    assert str(answers[a_question("A")].error) == (
        "the look-up of vat got no answer: not within the time that a batch has"
    )


async def test_a_batch_with_few_questions_does_not_wait_for_one_with_many(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def note(code: str) -> str:
        asked.append(code)
        await asyncio.sleep(0)
        return code

    monkeypatch.setattr(outside, "text", note)
    services = a_services(concurrency=4, cache={"size": 0})
    many = asyncio.ensure_future(services.answer([a_question(f"m{number:03}") for number in range(200)]))
    await asyncio.sleep(0)
    few = asyncio.ensure_future(services.answer([a_question(f"f{number}") for number in range(4)]))

    answers = await few

    assert (len(answers), len(asked) < 30) == (4, True)
    assert len(await many) == 200
    assert len(asked) == 204
