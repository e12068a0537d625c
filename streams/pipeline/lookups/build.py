"""Build: what a pipeline file says of look-ups, checked and compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from streams.contracts.documents import Path
from streams.contracts.model import Column

from ..expressions.typed import reader_of
from ..joining.plan import Missing
from ..retries.build import delays_of
from ..routes import Reporter
from ..spec import LookupSpec, Pipeline
from .callables import CallableError, answer_type, encoder_of, find_callable
from .plan import Argument, CallPolicy, Lookup

LONGEST_CALL_MS = 20_000
"""A batch waits 30 s at most for its answers (``streams.services``): a longer call could never end well."""


class LookupBuilder:
    """Compiles the look-ups of one pipeline; mistakes go to ``reporter``."""

    def __init__(self, reporter: Reporter, pipeline: Pipeline) -> None:
        self._reporter = reporter
        self._pipeline = pipeline

    def build(self, columns: dict[str, Column]) -> tuple[Lookup, ...]:
        """The look-ups, in the order of the file; ``columns`` of the row, to which theirs are added."""
        return tuple(self._lookups(columns))

    def _lookups(self, columns: dict[str, Column]) -> Iterator[Lookup]:
        for spec in self._pipeline.lookups:
            path: Path = ("lookup", spec.column)
            self._reporter.require_columns(spec.args, (*path, "args"), columns)
            if spec.column in columns:
                self._reporter.problem(path, f"the row has a column {spec.column} already; choose another name")
            if spec.policy.timeout_ms > LONGEST_CALL_MS:
                self._reporter.problem((*path, "timeout"), f"at most {LONGEST_CALL_MS // 1_000}s: a partition waits")
            if spec.policy.breaker.failures > spec.policy.breaker.calls:
                self._reporter.problem((*path, "breaker"), "failures: more than the calls they are counted among")
            try:
                lookup = self._lookup(spec, columns)
            except CallableError as error:
                self._reporter.problem((*path, "call"), str(error))
                continue
            yield lookup

    def _lookup(self, spec: LookupSpec, columns: dict[str, Column]) -> Lookup:
        call = find_callable(spec.call, arguments=len(spec.args))
        kind = answer_type(call, is_batch=spec.policy.batch is not None)
        known = [columns[name] for name in spec.args if name in columns]
        columns[spec.column] = Column(name=spec.column, type=kind)
        return Lookup(
            pipeline=self._pipeline.name,
            column=spec.column,
            arguments=tuple(Argument(column=column.name, read=reader_of(column)) for column in known),
            call=call,
            encode=encoder_of(kind),
            missing=Missing(spec.missing),
            policy=self._policy(spec),
        )

    def _policy(self, spec: LookupSpec) -> CallPolicy:
        """As it is written; but who asks again because there was no answer is not told so by the cache."""
        policy, delays = spec.policy, delays_of(self._pipeline).get("lookup_missing")
        if spec.missing != Missing.RETRY.value or not delays:
            return policy
        return replace(policy, keep_missing_ms=min(policy.keep_missing_ms, *delays))
