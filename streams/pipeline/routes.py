"""Routes: what a pipeline file says of its outputs, checked and compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from streams.contracts.documents import Path
from streams.contracts.model import Column, Contract, ContractFamily
from streams.records import ChangeEvent

from .expressions import ExpressionError, compile_condition
from .grammar import CHANGE_FORMATS
from .keep import compile_in_scope
from .outputs import Attachment, OnDelete, Route
from .plan import Aggregation, RowTable
from .spec import Pipeline, RouteSpec


class Reporter(Protocol):
    """Who collects problems."""

    def problem(self, path: Path, message: str) -> None: ...

    def resolve(self, criterion: str, path: Path) -> ContractFamily | None: ...

    def require_columns(self, names: tuple[str, ...], path: Path, columns: Mapping[str, Column]) -> None: ...


class RouteBuilder:
    """Compiles the routes of one pipeline; mistakes go to ``reporter``."""

    def __init__(
        self,
        reporter: Reporter,
        pipeline: Pipeline,
        columns: Mapping[str, Column],
        key: tuple[str, ...],
        table: RowTable | None,
        aggregations: tuple[Aggregation, ...],
    ) -> None:
        self._reporter = reporter
        self._pipeline = pipeline
        self._columns = columns
        self._key = key
        self._table = table
        self._aggregations = {aggregation.table: aggregation for aggregation in aggregations}

    def build(self) -> tuple[Route, ...]:
        """The routes, in the order of the file."""
        return tuple(self._route(spec, ("route", index)) for index, spec in enumerate(self._pipeline.routes))

    def _route(self, spec: RouteSpec, path: Path) -> Route:
        key = self._key if spec.key is None else spec.key
        self._reporter.require_columns(key, (*path, "key"), self._columns)
        self._check_known_on_delete(key, (*path, "key"))
        attachments = tuple(
            attachment
            for name, text in spec.attach.items()
            if (attachment := self._attachment(name, text, (*path, "attach", name))) is not None
        )
        return Route(
            to=spec.to,
            key=key,
            contract=self._contract(spec, path),
            is_envelope=spec.value == "envelope",
            on_delete=OnDelete(spec.on_delete),
            attachments=attachments,
            condition=self._condition(spec.where, (*path, "where")),
            follows_rows=spec.where is not None and bool(key) and self._table is not None,
        )

    def _condition(self, text: str | None, path: Path) -> Callable[[ChangeEvent], bool] | None:
        """Which rows, in their final form, belong to the route."""
        pipeline = self._pipeline
        if text is None:
            return None
        if any(join.get("type") in ("table", "interval") for join in pipeline.document.value.get("join", ())):
            self._reporter.problem(path, "beside a join of type table or interval it arrives later; use where")
            return None
        try:
            condition = compile_in_scope(
                lambda scope: compile_condition(text, scope), self._columns, of_row=True,
                envelope=pipeline.source.format in CHANGE_FORMATS,
            )  # fmt: skip
        except ExpressionError as error:
            self._reporter.problem(path, error.message)
            return None
        if masked := sorted(condition.columns & pipeline.mask.keys()):
            self._reporter.problem(path, f"{', '.join(masked)}: masked, and a route sees it so")
        return condition.holds

    def _check_known_on_delete(self, key: tuple[str, ...], path: Path) -> None:
        is_told = self._pipeline.source.format in CHANGE_FORMATS and self._pipeline.interval is None
        if self._table is not None or not is_told:
            return
        told = self._pipeline.source.identity or self._key
        known = set(told) | set(self._pipeline.source.key or ())
        if unknown := [name for name in key if name not in known and name in self._columns]:
            message = f"{', '.join(unknown)}: not known on DELETE; keep a table, or key by {', '.join(told)}"
            self._reporter.problem(path, message)

    def _contract(self, spec: RouteSpec, path: Path) -> Contract | None:
        if spec.contract is None:
            return None
        family = self._reporter.resolve(spec.contract, (*path, "contract"))
        if family is None:
            return None
        for name in spec.attach:
            if name not in family.newest.columns and family.newest.is_closed:
                self._reporter.problem((*path, "attach", name), f"{family.newest.uri} is closed and has no {name}")
        if spec.value == "envelope":
            self._reporter.problem((*path, "contract"), "a contract is of rows; leave it out with value: envelope")
        return family.newest

    def _attachment(self, name: str, text: str, path: Path) -> Attachment | None:
        table, column = text.split(".", 1)
        aggregation = self._aggregations.get(table)
        if aggregation is None:
            self._reporter.problem(path, self._why_not(table))
            return None
        if aggregation.is_of_rows or column in {multiset.name for multiset in aggregation.multisets}:
            what = "rows" if aggregation.is_of_rows else "distinct values"
            self._reporter.problem(path, f"{text} counts {what}; attach takes what grows event by event")
            return None
        if aggregation.windows is not None and aggregation.windows.name != "tumbling":
            message = f"{table} has {aggregation.windows.name} windows; attach takes tumbling ones"
            self._reporter.problem(path, message)
            return None
        for known in aggregation.columns:
            if known.name == column:
                return Attachment(name=name, table=table, read=known.read)
        there = ", ".join(known.name for known in aggregation.columns)
        self._reporter.problem(path, f"table {table} has no column {column!r}; there are: {there}")
        return None

    def _why_not(self, table: str) -> str:
        for spec in self._pipeline.aggregates:
            if spec.table == table:
                by = ", ".join(spec.by) or "nothing"
                return (
                    f"{table} is grouped by {by} and kept in another stage, behind a repartition topic;"
                    " attach takes tables grouped by the columns that partition the source (source.key)"
                )
        return f"no aggregate table {table!r} in this pipeline; there are: {', '.join(self._aggregations) or 'none'}"
