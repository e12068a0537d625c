"""The consumer's thread ends in time, whatever the group is doing."""

from __future__ import annotations

import asyncio

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
