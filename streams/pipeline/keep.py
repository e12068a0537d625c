"""Keep: whether a pipeline must know its rows, and what may be said of a row alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from streams.contracts.documents import Path
from streams.contracts.model import Column

from .expressions import ExpressionError, Scope
from .grammar import CHANGE_FORMATS
from .plan import RowTable
from .spec import Pipeline

if TYPE_CHECKING:
    from .routes import Reporter

T = TypeVar("T")


def known_rows(reporter: Reporter, pipeline: Pipeline, key: tuple[str, ...]) -> RowTable | None:
    """The latest rows, where a step must know what a row was and the file names no table of them."""
    paths: list[Path] = [("where",)] if pipeline.where is not None else []
    paths += [("aggregate", index, "over") for index, held in enumerate(pipeline.aggregates) if held.is_of_rows]
    if pipeline.source.format in CHANGE_FORMATS:
        keyed = [index for index, held in enumerate(pipeline.routes) if held.where is not None and (held.key or key)]
        paths += [("route", index, "where") for index in keyed]
    if not paths:
        return None
    if not key:
        reporter.problem(paths[0], "the contract has no key, so that no row is known again; name one in the contract")
    for name in key:
        if name in pipeline.mask and pipeline.source.format in CHANGE_FORMATS:
            reporter.problem(("mask", name), f"{name} is the key that rows are known by; a masked key finds no row")
    return RowTable(name="", key=key)


def compile_in_scope(
    compile_text: Callable[[Scope], T], columns: Mapping[str, Column], *, of_row: bool, envelope: bool
) -> T:
    """What ``compile_text`` makes of the scope; ``of_row``: of a row, which knows nothing of its changes.

    Raises ``ExpressionError``.
    """
    try:
        return compile_text(Scope(columns=columns, envelope=envelope and not of_row))
    except ExpressionError:
        if of_row and envelope:
            compile_text(Scope(columns=columns, envelope=True))
            told = "op, before, after, source and key are of a change; a row has its columns alone"
            raise ExpressionError(told) from None
        raise
