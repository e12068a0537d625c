"""Groups: what a pipeline file says of its aggregates, checked and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams.contracts.documents import Path
from streams.contracts.model import Column

from .aggregates.columns import compile_column
from .aggregates.multisets import Multiset, distinct_count
from .aggregates.rows import compile_row_column
from .exchange.plan import Needs
from .expressions import AggregateCall, ExpressionError, compile_aggregate
from .group import group_by
from .keep import compile_in_scope
from .plan import AggregateColumn, Aggregation, Emission
from .routes import Reporter
from .spec import AggregateSpec
from .windows.kinds import Hopping


class GroupBuilder:
    """Compiles the aggregates of one pipeline; mistakes go to ``reporter``."""

    def __init__(self, reporter: Reporter, columns: Mapping[str, Column], *, has_envelope: bool) -> None:
        self._reporter = reporter
        self._columns = columns
        self._envelope = has_envelope
        self.reads: set[str] = set()
        """Parts of the envelope that aggregates read."""
        self.needs: dict[str, Needs] = {}
        """By table: what its aggregation reads of an event."""

    def build(self, spec: AggregateSpec, path: Path) -> Aggregation:
        """The aggregation that ``spec`` at ``path`` describes."""
        self._reporter.require_columns(spec.by, (*path, "by"), self._columns)
        self.needs[spec.table] = Needs(columns=frozenset(spec.by))
        columns, multisets = self._columns_of(spec, path)
        return Aggregation(
            table=spec.table,
            by=spec.by,
            group=group_by(spec.by, self._columns),
            windows=spec.windows,
            idle_ms=spec.idle_ms,
            columns=tuple(columns),
            initial=tuple(value for column in columns for value in column.initial),
            emission=Emission(spec.emit),
            to=spec.to,
            late_to=spec.late,
            is_of_rows=spec.is_of_rows,
            multisets=tuple(multisets),
        )

    def _columns_of(self, spec: AggregateSpec, path: Path) -> tuple[list[AggregateColumn], list[Multiset]]:
        columns: list[AggregateColumn] = []
        multisets: list[Multiset] = []
        slot = 2 if spec.is_of_rows else 1
        for name, text in spec.columns.items():
            if name in spec.by or name in ("window_start", "window_end"):
                self._reporter.problem((*path, "columns", name), "a result has this column already")
            try:
                call = self._call(spec, text)
                column, multiset = self._column(name, call, slot, len(multisets), spec)
            except ExpressionError as error:
                self._reporter.problem((*path, "columns", name), error.message)
                continue
            columns.append(replace(column, meaning=call.meaning))
            multisets += [] if multiset is None else [multiset]
            slot += len(column.initial)
        return columns, multisets

    def _call(self, spec: AggregateSpec, text: str) -> AggregateCall:
        call = compile_in_scope(
            lambda scope: compile_aggregate(text, scope), self._columns, of_row=spec.is_of_rows, envelope=self._envelope
        )
        for read in call.parts:
            self.reads |= read.envelope
            self.needs[spec.table] |= Needs(columns=read.columns, images=read.images, envelope=read.envelope)
        return call

    def _column(
        self, name: str, call: AggregateCall, slot: int, number: int, spec: AggregateSpec
    ) -> tuple[AggregateColumn, Multiset | None]:
        if spec.is_of_rows:
            return compile_row_column(name, call, slot, number)
        if call.is_distinct and call.argument is not None:
            if spec.windows is not None and not isinstance(spec.windows, Hopping):
                told = f"{call.text}: {spec.windows.name} windows cannot; write approx_count_distinct(x)"
                raise ExpressionError(told)
            return distinct_count(name, slot, call.argument, number)
        return compile_column(name, call, slot), None
