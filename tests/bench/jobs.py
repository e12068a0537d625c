"""Jobs: what a worker is measured on. Each has its pipelines, its input, the least to be done for it, and a judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .oracle import (
    Record,
    count_dead,
    differences,
    differing_totals,
    expected,
    expected_joined,
    expected_totals,
    published,
    published_joined,
    published_totals,
)
from .workload import USERS, SourceEvent, users, workload

HERE = Path(__file__).parent
ORDERS, PEOPLE = "orders.v1", "users.v1"
Read = Callable[[str], list[Record]]
"""All committed records of a topic, by the name it has in the pipelines, ``bench.`` left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One workload."""

    name: str
    title: str
    pipelines: tuple[Path, ...]
    sources: Mapping[str, Callable[[int], Iterator[SourceEvent]]]
    """By topic what it holds, where the job has so many orders."""
    judge: Callable[[Read], dict[str, int]]
    """What differs from an independent recomputation; all zero when nothing does."""
    workers: tuple[str, ...] = ("bench",)
    between: str = ""
    """End of the name of the topic through which events go once more: the floor reads and writes them once more."""
    further_events: int = 0
    """Besides the orders."""
    is_on_redis: bool = False
    """Tables are in a Redis, which runs beside the broker."""


def _judge_sums(read: Read) -> dict[str, int]:
    wanted, dead = expected(read(ORDERS))
    return {**differences(wanted, published(read("enriched.v1"))), **_judge_letters(dead, read)}


def _judge_totals(read: Read) -> dict[str, int]:
    sent = read(ORDERS)
    found = differing_totals(expected_totals(sent), published_totals(read("products.v1")))
    return {**found, **_judge_letters(count_dead(sent), read)}


def _judge_joined(read: Read) -> dict[str, int]:
    sent = read(ORDERS)
    found = differences(expected_joined(sent, read(PEOPLE)), published_joined(read("joined.v1")))
    return {**found, **_judge_letters(count_dead(sent), read)}


def _judge_letters(dead: int, read: Read) -> dict[str, int]:
    return {"dead letters too many or too few": abs(len(read("orders.v1-dlt")) - dead)}


W = Job(
    name="W",
    title="sums by customer, attached to each order",
    pipelines=(HERE / "schemas" / "pipelines" / "w.yaml",),
    sources={ORDERS: workload},
    judge=_judge_sums,
)
WR = replace(W, name="WR", title="W with its tables in Redis", is_on_redis=True)
W2 = Job(
    name="W2",
    title="sums by product: groups are not the topic's key, two workers",
    pipelines=(HERE / "pipelines" / "w2.yaml",),
    sources={ORDERS: workload},
    judge=_judge_totals,
    workers=("one", "two"),
    between="w2-by-product-repartition",
)
W3 = Job(
    name="W3",
    title=f"orders joined to {USERS:,} users",
    pipelines=(HERE / "pipelines" / "users.yaml", HERE / "pipelines" / "w3.yaml"),
    sources={PEOPLE: lambda _: users(), ORDERS: lambda count: workload(count, customers=USERS)},
    judge=_judge_joined,
    further_events=USERS,
)
JOBS = {job.name: job for job in (W, WR, W2, W3)}
