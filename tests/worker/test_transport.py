"""The consumer's thread: how long its fetches wait, and that it ends in time, whatever the group is doing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from faust.transport.drivers import aiokafka as driver

from streams.worker import transport


async def test_a_rebalance_that_does_not_end_does_not_keep_a_worker_that_is_asked_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def wait_for_the_others(self: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_thread_stop", wait_for_the_others)
    monkeypatch.setattr(transport, "STOP_SECONDS", 0.01)
    thread = transport.ConsumerThread.__new__(transport.ConsumerThread)
    await asyncio.wait_for(thread.on_thread_stop(), 10)


@pytest.mark.parametrize(("checkpoint_ms", "longest_ms"), [(200, 25), (10, 1), (5_000, 100)])
async def test_where_records_come_the_next_fetch_waits_for_many_and_where_none_come_for_the_first(
    monkeypatch: pytest.MonkeyPatch, checkpoint_ms: int, longest_ms: int
) -> None:
    come: dict[str, list[str]] = {}

    async def fetch(self: object, *_: object, **__: object) -> dict[str, list[str]]:
        return come

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetch)
    fetcher = SimpleNamespace()
    consumer = SimpleNamespace(_coordinator=None, _fetcher=fetcher)
    thread = transport.ConsumerThread.__new__(transport.ConsumerThread)
    thread.app = SimpleNamespace(
        engine=SimpleNamespace(settings=SimpleNamespace(checkpoint_interval_ms=checkpoint_ms))
    )

    def told() -> tuple[int, int]:
        return fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms

    come["orders"] = ["a record"]
    assert await thread._fetch_records(consumer, set()) == come
    assert told() == (transport.FLOWING_BYTES, longest_ms)
    come.clear()
    assert await thread._fetch_records(consumer, set()) == {}
    assert told() == (1, 100)
