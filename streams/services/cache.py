"""Cache: answers that are still good, also the answer that there is none; the least recently used go first."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import TLRUCache

from streams.pipeline.lookups.plan import Answer, CallPolicy, Question


class AnswerCache:
    """Of one look-up; ``clock`` in seconds, from anywhere. Failures are not remembered: the breaker does that."""

    def __init__(self, policy: CallPolicy, clock: Callable[[], float]) -> None:
        keep_s, keep_missing_s = policy.keep_ms / 1_000, policy.keep_missing_ms / 1_000

        def expires_s(_: Question, answer: Answer, now_s: float) -> float:
            return now_s + (keep_missing_s if answer.value is None else keep_s)

        self._answers: TLRUCache[Question, Answer] = TLRUCache(policy.cached, expires_s, timer=clock)

    def get(self, question: Question) -> Answer | None:
        """What was answered before; ``None``: nothing that still holds."""
        return self._answers.get(question)

    def put(self, question: Question, answer: Answer) -> None:
        """Remember ``answer``."""
        if answer.error is None and self._answers.maxsize:
            self._answers[question] = answer
