"""Later: what the driver has in place of the topics in which events wait for another attempt."""

from __future__ import annotations

from collections.abc import Iterator

from streams.pipeline.retries.wire import due_ms
from streams.records import SourceRecord

from .logs import Place


class Later:
    """Records that wait, by topic and partition, each in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[Place, list[SourceRecord]] = {}

    def add(self, place: Place, record: SourceRecord) -> None:
        """One more."""
        self._waiting.setdefault(place, []).append(record)

    def next_due_ms(self) -> int | None:
        """When the next of them is due; ``None``: nothing waits."""
        return min((due_ms(records[0]) for records in self._waiting.values()), default=None)

    def take(self, now_ms: int) -> Iterator[tuple[Place, list[SourceRecord]]]:
        """Those that are due, and wait no more."""
        for place, records in list(self._waiting.items()):
            count = next((at for at, record in enumerate(records) if due_ms(record) > now_ms), len(records))
            if count:
                yield place, records[:count]
                self._waiting[place] = records[count:]
                if not records[count:]:
                    del self._waiting[place]
