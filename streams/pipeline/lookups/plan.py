"""What the plan says of a look-up: what is asked of whom, and what is done with the answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.errors import PipelineError

if TYPE_CHECKING:
    from ..joining.plan import Missing

Call = Callable[..., Coroutine[Any, Any, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a service is left alone, and for how long."""

    failures: int = 10
    """So many of the last ``calls`` open it."""
    calls: int = 20
    open_ms: int = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """How a service is called, and what is remembered of its answers."""

    timeout_ms: int = 1_000
    """Of one call."""
    attempts: int = 2
    """Calls for one question before it has failed."""
    pause_ms: int = 50
    """Before the second call; doubles with each further one, and varies."""
    concurrency: int = 16
    """Calls at a time, over all partitions of a worker."""
    batch: int | None = None
    """Questions in one call, whose arguments are lists; ``None``: one, as it is."""
    cached: int = 10_000
    """Answers that are remembered; 0: none."""
    keep_ms: int = 60_000
    keep_missing_ms: int = 5_000
    """The same of the answer that there is none."""
    breaker: BreakerPolicy = BreakerPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A column of the row that is handed over."""

    column: str
    read: Callable[[object], object] | None
    """JSON view to typed; ``None`` where both are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One column that somebody else knows."""

    pipeline: str
    column: str
    arguments: tuple[Argument, ...]
    call: Call
    encode: Callable[[object], object]
    """An answer in JSON view; raises ``TypeError`` for one of another type than was promised."""
    missing: Missing
    policy: CallPolicy


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; equal to any other for the same column and the same values."""

    pipeline: str
    column: str
    key: bytes
    """Canonical JSON of the values."""
    arguments: tuple[object, ...] = field(compare=False, repr=False)
    """The values, typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a question: a value, nothing, or a failure."""

    value: object = None
    """In JSON view; ``None``: there is none."""
    error: PipelineError | None = None


Answers = Mapping[Question, Answer]
NO_ANSWERS: Answers = {}


class UnansweredError(Exception):
    """A batch cannot go on before these questions are answered; nothing has been changed."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = frozenset(questions)
        super().__init__(f"{len(self.questions)} look-ups")
