"""Capacity: events a second that one worker takes, measured before anything is broken; loads are shares of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import TopicPartition

from tests.integration.cluster import Hang
from tests.integration.orders_cluster import OrdersCluster

from . import kafkalog

EVENTS = 60_000
PATIENCE_S = 120.0


def measure_capacity(brokers: str, folder: Path, name: Callable[[str], str]) -> float:
    """Of pipeline ``w``, from its first checkpoint to the last of a backlog."""
    with OrdersCluster(brokers, folder, name) as cluster:
        cluster.feed(EVENTS)
        cluster.start("a")
        moments = list(_watch(cluster))
    (begun, first), (ended, last) = moments[0], moments[-1]
    # Done within one look: the look took a tenth of a second, and that is a lower bound.
    return (last - first) / max(ended - begun, 0.1) if last > first else EVENTS / 0.5


def _watch(cluster: OrdersCluster) -> list[tuple[float, int]]:
    """When how many events were committed, from the first checkpoint on."""
    moments: list[tuple[float, int]] = []
    deadline = time.monotonic() + PATIENCE_S
    with kafkalog.client(cluster.brokers, group=cluster.app) as reader:
        places = [TopicPartition(cluster.source, number) for number in range(4)]
        while not moments or moments[-1][1] < EVENTS:
            done = sum(max(0, place.offset) for place in reader.committed(places, 30))
            if done:
                moments.append((time.monotonic(), done))
            if time.monotonic() > deadline:
                raise Hang("a worker that is left alone does not come to the end of its backlog")
            time.sleep(0.02)
    return moments
