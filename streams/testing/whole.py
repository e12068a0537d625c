"""Whole: the inputs of a driver's tasks that hold transactions back until all of them is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from streams.pipeline.inputs import Inputs
from streams.pipeline.task import Task

from .logs import Place


class Whole:
    """By task; other tasks process at once and have none here."""

    def __init__(self) -> None:
        self._inputs: dict[Place, Inputs] = {}

    def begin(self, place: Place, task: Task) -> None:
        """A new task; it may be one that holds back."""
        inputs = Inputs(task.sub, task.ended())
        if inputs.holds:
            self._inputs[place] = inputs

    def of(self, place: Place) -> Inputs | None:
        """What is there of a task that holds back."""
        return self._inputs.get(place)

    def items(self) -> Iterable[tuple[Place, Inputs]]:
        """All of them."""
        return self._inputs.items()

    def caught_up(self, place: Place, task: Task) -> Collection[str]:
        """Inputs of ``task`` of which nothing waits."""
        held = self.of(place)
        return task.sub.source_topics if held is None else held.empty

    def incomplete(self) -> Mapping[str, int]:
        """Transactions that were let go without knowing that they were here, by reason."""
        return sum((hold.incomplete for held in self._inputs.values() for hold in held.holds), Counter())
