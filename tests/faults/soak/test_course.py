"""The course of a soak: what comes of faults that cannot be made, of an engine that fails, of a latency that stays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from .canary import Watch
from .course import Course
from .strikes import Strike


class Rehearsal:
    """An arena in which time passes at once, and strikes that do as they are told."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.now_s = 0.0
        self.told: list[Any] = []
        self.notes = SimpleNamespace(clock=lambda: self.now_s, add=self.told.append)
        self.undone = 0
        strikes = [Strike(weight=1, strike=partial(self._strike, outcome)) for outcome in outcomes]
        self.kinds = {f"fault {number}": strike for number, strike in enumerate(strikes)}

    def _strike(self, outcome: Exception | None) -> str:
        if outcome is not None:
            raise outcome
        return "done"

    def undo(self) -> None:
        self.undone += 1

    def let_pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        self.now_s += max(0.0, seconds)

    def await_recovery(self, patience_s: float) -> None:
        self.now_s += 1.0

    def course(self) -> Course:
        return Course(self, Watch(), None, lambda text: None)  # type: ignore[arg-type]


def test_a_fault_that_cannot_be_made_is_undone_and_told_and_the_next_one_comes() -> None:
    rehearsal = Rehearsal(OSError("no such disk"), None)
    course = rehearsal.course()
    course.run_each(rehearsal)  # type: ignore[arg-type]

    assert [note.detail for note in rehearsal.told] == ["could not be made", "done"]
    assert rehearsal.undone == 1
    assert course.trouble == ["fault 0: OSError: no such disk"]


def test_what_the_engine_does_wrong_breaks_a_run_off() -> None:
    rehearsal = Rehearsal(AssertionError("a: exit code 5"), None)
    with pytest.raises(AssertionError, match="exit code 5"):
        rehearsal.course().run_each(rehearsal)  # type: ignore[arg-type]


def test_a_latency_that_is_not_back_in_time_is_told() -> None:
    rehearsal = Rehearsal(None)
    rehearsal.course().run_each(rehearsal)  # type: ignore[arg-type]

    assert [note.back_s for note in rehearsal.told] == [None], "no canary has come"
