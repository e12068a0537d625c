"""A store that cannot be read: the batch fails, and no record of it is taken for the culprit."""

from __future__ import annotations

import pytest

from streams.pipeline.task import Task
from streams.state.stores.base import StoreFailedError
from streams.state.stores.memory import MemoryStore

from .builders import a_batch, a_change, a_pipeline, a_topology


class UnreadableStore(MemoryStore):
    """Reads its marker, and nothing after that."""

    is_broken = False

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        if self.is_broken:
            raise StoreFailedError("cannot be read")
        return super().get_many(keys)


def test_a_store_that_cannot_be_read_makes_no_dead_letters() -> None:
    (sub,) = a_topology(a_pipeline(table={"name": "latest"})).subtopologies
    store = UnreadableStore()
    task = Task(sub, 0, store)
    store.is_broken = True

    with pytest.raises(StoreFailedError):
        task.process(a_batch(a_change(1)), now_ms=1_000)
