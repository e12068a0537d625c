"""The grammar of joins: what a pipeline file says under ``join``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.contracts.documents import Path

from .spec import IntervalSpec, JoinSpec
from .windows.read import duration_ms

Joins = Sequence[Mapping[str, Any]]
OF_INTERVAL = ("with", "within", "before", "after", "grace", "idle")
REACH = ("within", "before", "after")


def join_problems(joins: Joins) -> Iterator[tuple[Path, str]]:
    """(place, what is wrong there) of what goes together in no join."""
    for index, join in enumerate(joins):
        path: Path = ("join", index)
        if (join.get("type") == "asof") != ("keep" in join):
            yield path, "keep says how far back type: asof looks; the two go together"
        if _is_interval(join):
            yield from ((path, told) for told in _wrong_in_interval(join))
            if index < len(joins) - 1:
                yield path, "interval: one for a pipeline, behind its other joins"
            continue
        for part in (part for part in OF_INTERVAL if part in join):
            yield (*path, part), f"{part} is of type: interval"
        if "table" not in join:
            yield path, "table: names the table that is joined"
        if isinstance(join["by"], Mapping):
            yield (*path, "by"), "by is the list of columns here that are the key of the table"


def _wrong_in_interval(join: Mapping[str, Any]) -> Iterator[str]:
    if "table" in join:
        yield "table: type: interval joins the events of a pipeline; name it (with)"
    if "with" not in join:
        yield "with: names the pipeline whose events are joined"
    if not any(part in join for part in REACH):
        yield "within, or before and after: how far apart the events may be"
    if "within" in join and ("before" in join or "after" in join):
        yield "within is for both directions; say it, or before and after"
    if join.get("missing") == "retry":
        yield "missing: retry is for tables; a window stays open for partners that come later: keep or drop"


def _is_interval(join: Mapping[str, Any]) -> bool:
    return join.get("type") == "interval"


def read_joins(joins: Joins) -> tuple[JoinSpec, ...]:
    """The joins with tables."""
    return tuple(_join(join) for join in joins if not _is_interval(join))


def _join(value: Mapping[str, Any]) -> JoinSpec:
    kind = value.get("type", "lookup")
    return JoinSpec(
        table=value["table"],
        by=tuple(value["by"]),
        columns=value.get("columns", {}),
        # YAML's null means that the columns are null: keep. A table's partner may come later, and is waited for so.
        missing=value.get("missing", "keep" if kind == "table" else "retry") or "keep",
        has_same_keys=value.get("same_keys", False),
        kind=kind,
        keep_ms=duration_ms(value["keep"]) if "keep" in value else None,
    )


def read_interval(joins: Joins) -> IntervalSpec | None:
    """The join of two streams, if there is one."""
    return next((_interval(place, join) for place, join in enumerate(joins) if _is_interval(join)), None)


def _interval(place: int, value: Mapping[str, Any]) -> IntervalSpec:
    by, within = value["by"], value.get("within", "0s")
    return IntervalSpec(
        place=place,
        partner=value["with"],
        by=by if isinstance(by, Mapping) else {column: column for column in by},
        columns=value.get("columns", {}),
        missing=value.get("missing", "keep") or "keep",
        has_same_keys=value.get("same_keys", False),
        before_ms=duration_ms(value.get("before", within)),
        after_ms=duration_ms(value.get("after", within)),
        grace_ms=duration_ms(value.get("grace", "0s")),
        idle_ms=duration_ms(value.get("idle", "30s")),
    )
