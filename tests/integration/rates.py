"""Rates: functions that pipelines of these tests ask, in the worker's process (``rates_service`` answers them)."""

from __future__ import annotations

import os
from collections import Counter
from decimal import Decimal
from functools import cache

import aiohttp


@cache
def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


async def rate(code: str) -> Decimal | None:
    """What the service says of a code."""
    async with _session().get(f"{os.environ['RATES_URL']}/{code}") as response:
        response.raise_for_status()
        return Decimal((await response.json())["rate"])


async def score(number: int) -> Decimal | None:
    """What another service says of a number."""
    async with _session().get(f"{os.environ['SCORES_URL']}/{number}") as response:
        response.raise_for_status()
        return Decimal((await response.json())["rate"])


async def segment(customer: int) -> str | None:
    """Always the same of a customer: nothing of some, an error of others."""
    if customer % 11 == 0:
        return None
    if customer % 13 == 0:
        raise ValueError
    return f"s{customer % 7}"


_asked: Counter[int] = Counter()


async def coming(customer: int) -> str | None:
    """The same, of whom nobody answers before the fifth time; of some there is nothing, others are always an error."""
    if customer % 11 and customer % 13:
        _asked[customer] += 1
        if _asked[customer] < 5:
            raise ConnectionRefusedError
    return await segment(customer)
