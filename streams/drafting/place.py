"""Place: a draft among the contracts that are there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.contracts.model import Contracts
from streams.pipeline.expressions import ExpressionError, Scope, compile_expression
from streams.pipeline.grammar import read_pipelines
from streams.quality.book import datasets_of

from .model import SECRET, Draft


def references_of(draft: Draft, contracts: Contracts) -> Mapping[str, str]:
    """By column, datasets with a pipeline here whose key it holds: such a rule can be asked."""
    pipelines, _ = read_pipelines(contracts.pipeline_texts)
    read = {held.source.contract.rpartition("/")[0] for held in pipelines}
    found: dict[str, str] = {}
    for column in draft.columns:
        table, _, key = (column.refers_to or "").rpartition(".")
        subjects = [one for one in datasets_of(table, contracts.families) if one in read]
        # A rule about a classified column would need a secret.
        if len(subjects) == 1 and draft.key and not column.classification:
            is_key = contracts.families[subjects[0]].newest.key == (key,)
            found |= {column.name: table} if is_key else {}
    return found


def masks_of(draft: Draft) -> Mapping[str, str]:
    """By column, how it is covered: what was guessed private is, but for what tells rows apart or is asked by rules."""
    needed = {*draft.key, *draft.source_key, *_asked(draft)}
    private = (column for column in draft.columns if column.classification and column.name not in needed)
    return {column.name: "drop" if column.classification == SECRET else "redact" for column in private}


def _asked(draft: Draft) -> Iterable[str]:
    """Columns that conditions read."""
    scope = Scope(columns=draft.columns_as_read(), envelope=True)
    for check in draft.quality:
        condition = check.get("implementation", {}).get("condition")
        if condition is not None:
            try:
                yield from compile_expression(condition, scope).columns
            except ExpressionError:
                continue
