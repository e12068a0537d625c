"""The benchmark's workloads through real workers, few events of each; and what its oracle finds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka

from .jobs import JOBS
from .measure import Bench
from .oracle import Record, differing_totals, expected_joined, expected_totals, published_totals
from .workload import users, workload


def sent(count: int) -> list[Record]:
    return [(0, event.key, event.value) for event in workload(count)]


def test_a_total_that_is_wrong_lost_or_of_nothing_is_found() -> None:
    wanted = expected_totals(sent(3_000))
    (first, total), second, *_ = wanted.items()
    found = {group: held for group, held in wanted.items() if group != second[0]}
    found[first] = total[0], total[1] + Decimal("0.01")
    found[1_000, 0] = 1, Decimal(1)

    assert differing_totals(wanted, wanted) == {"totals lost": 0, "totals unexpected": 0, "totals wrong": 0}
    assert differing_totals(wanted, found) == {"totals lost": 1, "totals unexpected": 1, "totals wrong": 1}


def test_of_each_total_the_last_one_counts() -> None:
    rows = [{"product": 1, "window_start": 0, "orders": orders, "revenue": orders} for orders in (1, 2)]

    assert published_totals((0, b"", json.dumps(row).encode()) for row in rows) == {(1, 0): (2, 2)}


def test_orders_are_expected_with_what_is_known_of_their_user() -> None:
    people: list[Record] = [(0, user.key, user.value) for user in users(10_000)]

    joined = expected_joined(sent(1_000), people)

    assert {entry[2] for entries in joined.values() for entry in entries} == {"AT", "CH", "DE", "FR", "IT"}


@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(JOBS))
def test_workers_do_what_the_oracle_wants(
    name: str, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    bench, job = Bench(kafka.bootstrap, tmp_path, core=min(os.sched_getaffinity(0)), stamp=unique("jobs")), JOBS[name]
    sources = bench.preload(job, 20_000)

    floor, (measured, wrong) = bench.run_floor(job, sources, 20_000), bench.run_workers(job, sources, 20_000)

    assert wrong == dict.fromkeys(wrong, 0) != {}
    assert floor.events == measured.events == 20_000 + job.further_events
