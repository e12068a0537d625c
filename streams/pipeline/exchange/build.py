"""Build: which aggregations of a pipeline can stay in the task of their events, and through what the others go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from hashlib import blake2b
from operator import or_

from ..plan import Aggregation
from ..windows.kinds import Hopping
from .plan import Exchange, Needs

LONGEST_NAME = 120
"""Characters of the columns in a topic's name; Kafka takes 249 for all of it."""


def is_local(by: Iterable[str], key: tuple[str, ...]) -> bool:
    """Whether all events of a group come in one partition of a topic that is partitioned by ``key``."""
    return bool(key) and set(key) <= set(by)


def make_exchanges(
    app: str, pipeline: str, source: str, aggregations: Iterable[Aggregation], needs: Mapping[str, Needs]
) -> tuple[Exchange, ...]:
    """One exchange for all aggregations by the same columns; ``needs``: by table what its aggregation reads."""
    by_columns: dict[tuple[str, ...], list[Aggregation]] = {}
    for aggregation in aggregations:
        by_columns.setdefault(aggregation.by, []).append(aggregation)
    return tuple(_exchange(app, pipeline, source, held, needs) for held in by_columns.values())


def _exchange(
    app: str, pipeline: str, source: str, held: list[Aggregation], needs: Mapping[str, Needs]
) -> Exchange:
    first, stage = held[0], f"{pipeline}-by-{_name_of(held[0].by)}"
    # An event that is late publishes its whole row.
    held = [replace(one, is_combined=_can_combine(one)) for one in held]
    read = [
        Needs(columns=None if one.late_to is not None else frozenset(one.by)) | needs[one.table]
        for one in held
        if not one.is_combined
    ]
    return Exchange(
        topic=f"{app}-{stage}-repartition",
        source=source,
        stage=stage,
        pipeline=pipeline,
        by=first.by,
        key=first.group,
        needs=reduce(or_, read, Needs(columns=frozenset())),
        aggregations=tuple(held),
    )


def _can_combine(aggregation: Aggregation) -> bool:
    """Rows are; of changes only those that all go to one task, and even there late ones must be told as they are.

    In windows that events make, such as sessions, each event counts.
    """
    has_fixed_windows = aggregation.windows is None or isinstance(aggregation.windows, Hopping)
    return aggregation.is_of_rows or (not aggregation.by and aggregation.late_to is None and has_fixed_windows)


def _name_of(columns: tuple[str, ...]) -> str:
    """``customer_id-country``; what a topic cannot be called, or is too long, ends with a digest."""
    text = "-".join(columns) or "all"
    short = re.sub(r"[^a-zA-Z0-9_-]", "_", text)[:LONGEST_NAME]
    if short == text and not any("-" in column for column in columns):
        return text
    return f"{short}-{blake2b(repr(columns).encode(), digest_size=4).hexdigest()}"
