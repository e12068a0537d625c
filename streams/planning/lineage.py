"""Lineage: for every column that a pipeline publishes or keeps, the source's columns it is computed from, and how.

Read from the expressions, not from data. Words are those of OpenLineage's facet ``columnLineage``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from streams.pipeline.expressions.compile import parse
from streams.pipeline.plan import Plan

IMAGES = frozenset({"before", "after"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One column that a value comes from."""

    dataset: str
    """A topic, or ``table x`` or ``pipeline x`` of a join."""
    column: str
    subtype: str = "IDENTITY"
    """``IDENTITY TRANSFORMATION AGGREGATION``, or of what only decides: ``FILTER GROUP_BY CONDITIONAL``."""
    through: str = ""
    """The steps it went through, in order."""
    is_masked: bool = False
    classification: str | None = None

    @property
    def is_direct(self) -> bool:
        """The value goes in; else it only decides whether, or where."""
        return self.subtype in ("IDENTITY", "TRANSFORMATION", "AGGREGATION")


Origins = tuple[Origin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where one output column comes from."""

    pipeline: str
    output: str
    """A topic, or ``table x``."""
    column: str
    origins: Origins


def lineage_of(plan: Plan) -> tuple[Lineage, ...]:
    """All output columns of ``plan``, tables first."""
    raw = {
        name: (Origin(dataset=plan.topic, column=name, classification=column.classification),)
        for name, column in plan.contract.newest.columns.items()
    }
    rows = _rows(plan.spec, raw)
    decides = tuple(
        origin
        for step in ("filter", "where")
        if isinstance(text := plan.spec.get(step), str)
        for origin in _indirect(_origins(text, raw), "FILTER", f"{step}: {text}")
    )
    return tuple(_outputs(plan, rows, decides))


def _rows(spec: Mapping[str, Any], raw: Mapping[str, Origins]) -> Mapping[str, Origins]:
    """By column of the row as it goes out."""
    rows = dict(raw)
    for name, kind in spec.get("mask", {}).items():
        if kind == "drop":
            rows.pop(name, None)
        else:
            is_expression = kind not in ("redact", "hash", "partial", "tokenize")
            held = _origins(kind, raw) if is_expression else raw.get(name, ())
            rows[name] = tuple(replace(_through(origin, f"mask: {kind}"), is_masked=True) for origin in held)
    for name, asked in spec.get("lookup", {}).items():
        held = tuple(origin for column in asked["args"] for origin in rows.get(column, ()))
        rows[name] = tuple(_through(origin, f"lookup: {asked['call']}") for origin in held)
    for joined in spec.get("join", ()):
        dataset = f"table {joined['table']}" if "table" in joined else f"pipeline {joined['with']}"
        for column, name in joined.get("columns", {}).items():
            rows[name] = (Origin(dataset=dataset, column=column, through="join"),)
    for name, text in spec.get("derive", {}).items():
        rows[name] = tuple(_through(origin, f"derive: {text}") for origin in _origins(text, rows))
    return rows


def _outputs(plan: Plan, rows: Mapping[str, Origins], decides: Origins) -> Iterator[Lineage]:
    if plan.table is not None:
        yield from _listed(plan, f"table {plan.table.name}", rows, decides)
    groups: dict[str, Mapping[str, Origins]] = {}
    for held in plan.spec.get("aggregate", ()):  # type: ignore[attr-defined]  # a list, as its schema says
        groups[held["table"]] = columns = _aggregated(held, rows)
        for output in (f"table {held['table']}", *([held["to"]] if "to" in held else ())):
            yield from _listed(plan, output, columns, decides)
    for route in plan.spec.get("route", ()):  # type: ignore[attr-defined]
        attached = {}
        for name, place in route.get("attach", {}).items():
            table, _, column = place.partition(".")
            attached[name] = groups.get(table, {}).get(column, ())
        yield from _listed(plan, route["to"], {**rows, **attached}, decides + _condition(route, rows))


def _condition(route: Mapping[str, Any], rows: Mapping[str, Origins]) -> Origins:
    text = route.get("where")
    return () if text is None else _indirect(_origins(text, rows), "CONDITIONAL", f"where: {text}")


def _aggregated(held: Mapping[str, Any], rows: Mapping[str, Origins]) -> Mapping[str, Origins]:
    grouped = tuple(origin for name in held["by"] for origin in rows.get(name, ()))
    columns = {name: rows.get(name, ()) for name in held["by"]}
    for name, text in held["columns"].items():
        inside = tuple(replace(_through(origin, text), subtype="AGGREGATION") for origin in _origins(text, rows))
        columns[name] = inside + _indirect(grouped, "GROUP_BY", f"by: {', '.join(held['by'])}")
    return columns


def _listed(plan: Plan, output: str, columns: Mapping[str, Origins], decides: Origins) -> Iterator[Lineage]:
    for name, origins in columns.items():
        every = tuple(dict.fromkeys(origins + decides))
        yield Lineage(pipeline=plan.name, output=output, column=name, origins=every)


def _origins(text: str, columns: Mapping[str, Origins]) -> Origins:
    """What an expression reads, in the order in which it names it."""
    named = (_first(column, columns) for column in parse(text).find_all(exp.Column, bfs=False))
    return tuple(dict.fromkeys(origin for name in named for origin in columns.get(name, ())))


def _first(column: exp.Column, columns: Iterable[str]) -> str:
    """The row's column that a path begins with; ``before.x`` and ``after.x`` are x."""
    parts = [part.name for part in column.parts]
    return parts[1] if len(parts) > 1 and parts[0] in IMAGES and parts[0] not in columns else parts[0]


def _through(origin: Origin, step: str) -> Origin:
    subtype = "TRANSFORMATION" if origin.subtype == "IDENTITY" else origin.subtype
    return replace(origin, subtype=subtype, through=f"{origin.through} → {step}" if origin.through else step)


def _indirect(origins: Origins, subtype: str, step: str) -> Origins:
    return tuple(replace(origin, subtype=subtype, through=step) for origin in origins)


def facets(lineage: Iterable[Lineage], *, namespace: str) -> list[dict[str, object]]:
    """OpenLineage's ``columnLineage`` (1-2-0) by output; ``namespace`` is Kafka's, such as ``kafka://host:9092``."""
    outputs: dict[tuple[str, str], dict[str, object]] = {}
    for held in lineage:
        fields = outputs.setdefault((held.pipeline, held.output), {})
        fields[held.column] = {"inputFields": [_field(origin, namespace) for origin in held.origins]}
    return [
        {"job": pipeline, "namespace": namespace, "name": output, "facets": {"columnLineage": {"fields": fields}}}
        for (pipeline, output), fields in outputs.items()
    ]


def _field(origin: Origin, namespace: str) -> dict[str, object]:
    told = {
        "type": "DIRECT" if origin.is_direct else "INDIRECT",
        "subtype": origin.subtype,
        "description": origin.through,
        "masking": origin.is_masked,
    }
    return {"namespace": namespace, "name": origin.dataset, "field": origin.column, "transformations": [told]}
