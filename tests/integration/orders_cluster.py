"""A cluster on the benchmark's pipeline: orders in, and what comes out is judged by a recomputation."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.oracle import differences, expected, published
from tests.bench.workload import workload

from .cluster import Cluster, produce

SCHEMAS = Path(__file__).parents[1] / "bench" / "schemas"


CUSTOMERS = 500
"""Few, so that every window sees several events of each."""


class OrdersCluster(Cluster):
    """Workers of pipeline ``w``, on topics of its own."""

    def __init__(self, brokers: str, folder: Path, name: Callable[[str], str]) -> None:
        shutil.copytree(SCHEMAS, folder / "schemas")
        self.pipeline = folder / "schemas" / "pipelines" / "w.yaml"
        stamp = name("t")
        self.pipeline.write_text(self.pipeline.read_text().replace("bench.", f"{stamp}."))
        super().__init__(brokers, folder / "schemas", folder, name("app"))
        self.source, self.enriched, self.dead = (
            f"{stamp}.{rest}" for rest in ("orders.v1", "enriched.v1", "orders.v1-dlt")
        )

    def __enter__(self) -> OrdersCluster:
        self.create_topic(self.source)
        return self

    def feed(self, count: int, first: int = 0, *, seed: int = 7, codec: str = "none") -> None:
        """``count`` events of workload W, numbered from ``first`` on: some of them twice, some invalid."""
        events = workload(count, first=first, customers=CUSTOMERS, seed=seed)
        records = ({"key": event.key, "value": event.value} for event in events)
        produce(self.brokers, self.source, records, codec=codec)

    @contextmanager
    def steady_load(self, first: int) -> Iterator[None]:
        """Feed 100 orders twenty times a second, from ``first`` on, as long as the block lasts."""
        is_over = threading.Event()

        def feed() -> None:
            for start in range(first, first + 1_000_000, 100):
                self.feed(100, start)
                if is_over.wait(0.05):
                    return

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield
        finally:
            is_over.set()
            feeder.join()

    def wait_done(self) -> None:
        """Wait until every order is committed."""
        self.wait_until(lambda: self.lag(self.source) == 0)

    def assert_exactly_once(self) -> None:
        """Each order has its effect once: published rows by customer in order, running sums, dead letters."""
        wanted, dead = expected(self.read(self.source))
        found = differences(wanted, published(self.read(self.enriched)))
        assert (found, len(self.read(self.dead))) == (dict.fromkeys(found, 0), dead)

    def state(self, instance: str, partition: int) -> Path:
        """The folder of a task's local state."""
        return self.folder / "data" / self.app / instance / self.source / str(partition)
