"""The DSL: a pipeline written in Python, the same ``Pipeline`` value as its YAML file gives.

    orders = (
        stream("cdc.orders.v1", pipeline="revenue", format="debezium-json",
               contract="iglu:com.acme.shop/orders/jsonschema/1-*-*", key=["customer_id"])
        .filter("op = 'INSERT'")
        .group_by("customer_id").window(tumbling("1m", grace="10s"))
        .aggregate("revenue_by_customer", {"revenue": "sum(amount)"}, emit="final").to("revenue_by_customer.v1")
        .build()
    )

Each call returns a new value, so a common beginning may go on in two ways. ``build`` checks all of it as the file would
be checked; a mistake names the Python file and the line of the call. Steps run in their fixed order, whatever the order
of the calls. Keys and words are those of pipeline files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streams.contracts.documents import Document, Path
from streams.errors import ConfigurationError, Problem
from streams.pipeline.grammar import pipeline_of
from streams.pipeline.lookups.callables import import_here
from streams.pipeline.spec import Pipeline

Columns = Iterable[str]
_NO_LINES: Mapping[Path, int] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands."""

    file: str
    line: int


def _caller() -> Place:
    """The nearest caller outside of this module."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


def _given(**parts: object) -> dict[str, object]:
    """What was said, as YAML would have it: no ``None``, lists and plain texts."""
    return {name: _plain(value) for name, value in parts.items() if value is not None}


def _null(options: Mapping[str, object]) -> dict[str, object]:
    """YAML's null for what is missing, where that was said."""
    return {"missing": None} if options.get("missing", "") is None else {}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(held) for name, held in value.items()}
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [_plain(held) for held in value]


def tumbling(size: str, *, grace: str | None = None, retain: str | None = None) -> Mapping[str, object]:
    """Windows of ``size``, one after another; an event up to ``grace`` late still counts.

    Once closed, a window is kept for ``retain``.
    """
    return _given(tumbling=size, grace=grace, retain=retain)


def hopping(size: str, step: str, *, grace: str | None = None, retain: str | None = None) -> Mapping[str, object]:
    """Windows of ``size``, one beginning every ``step``."""
    return _given(hopping={"size": size, "step": step}, grace=grace, retain=retain)


def sliding(size: str, *, grace: str | None = None, retain: str | None = None) -> Mapping[str, object]:
    """Windows of ``size`` that begin and end with events."""
    return _given(sliding=size, grace=grace, retain=retain)


def session(gap: str, *, grace: str | None = None, retain: str | None = None) -> Mapping[str, object]:
    """Windows of events of which none is more than ``gap`` from the next."""
    return _given(session=gap, grace=grace, retain=retain)


def stream(
    topic: str,
    *,
    pipeline: str,
    format: str,
    contract: str,
    key: Columns | None = None,
    identity: str | Columns | None = None,
    event_time: str | None = None,
    max_future: str | None = None,
) -> Stream:
    """Begin ``pipeline``: what it reads, and what a record of it is."""
    place = _caller()
    source = _given(
        topic=topic,
        format=format,
        contract=contract,
        key=key,
        identity=identity,
        event_time=event_time,
        max_future=max_future,
    )
    begun = Stream(file=place.file, value={}, lines={(): place.line})
    return begun.plus(("pipeline",), pipeline, place).plus(("source",), source, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A pipeline as far as it is written."""

    file: str
    value: Mapping[str, Any]
    """What its YAML file would hold."""
    lines: Mapping[Path, int] = field(default_factory=dict)

    def build(self) -> Pipeline:
        """The pipeline; raises ``ConfigurationError`` with every mistake, by file and line of the call."""
        return pipeline_of(Document(file=self.file, value=dict(self.value), lines=self.lines))

    def plus(self, path: Path, held: object, place: Place, *, lines: Mapping[Path, int] = _NO_LINES) -> Stream:
        """This with ``held`` at ``path``; a call in another file counts where the nearest of this one stands."""
        step = str(path[0])
        value = [*self.value.get(step, ()), held] if len(path) > 1 else held
        here = {path: place.line, **lines} if place.file == self.file else {}
        return replace(self, value={**self.value, step: value}, lines={**self.lines, **here})

    def _set(self, step: str, held: object) -> Stream:
        return self.plus((step,), held, _caller())

    def _add(self, step: str, held: object) -> Stream:
        return self.plus((step, len(self.value.get(step, ()))), held, _caller())

    def canary(self, version: str) -> Stream:
        """Try a version of the contract on its events, without effect; metrics say what it would refuse."""
        return self._set("canary", version)

    def deduplicate(self, by: str | Columns, *, keep: str | None = None) -> Stream:
        """``identity``, ``event_id``, ``none`` or columns."""
        return self._set("deduplicate", _given(by=by, keep=keep))

    def filter(self, condition: str) -> Stream:
        """Drop the events for which ``condition`` is not true."""
        return self._set("filter", condition)

    def where(self, condition: str) -> Stream:
        """Membership of rows: one that stops matching leaves, one that starts enters."""
        return self._set("where", condition)

    def quality(self, rules: Mapping[str, object] | None = None, *, on_fail: object = None) -> Stream:
        """Rules of this pipeline beside those of its contract."""
        return self._set("quality", _given(rules=rules, on_fail=on_fail))

    def mask(self, **columns: str) -> Stream:
        """By column ``redact``, ``hash``, ``partial``, ``drop`` or an expression."""
        return self._set("mask", {**self.value.get("mask", {}), **columns})

    def lookup(self, column: str, call: str, args: Columns, **options: object) -> Stream:
        """Ask ``module:function`` for ``column``; options (``timeout``, ``missing``, ``cache`` …) as in a file."""
        asked = {**_given(call=call, args=args, **options), **_null(options)}
        return self._set("lookup", {**self.value.get("lookup", {}), column: asked})

    def join(self, table: str, by: Columns, **options: object) -> Stream:
        """Add columns of another pipeline's ``table``; options as in a file, also ``missing=None``: YAML's null."""
        return self._add("join", {**_given(table=table, by=by, **options), **_null(options)})

    def join_stream(self, pipeline: str, by: Columns | Mapping[str, str], **options: object) -> Stream:
        """Add columns of the events of another ``pipeline`` that lie within a time; options as in a file.

        ``by``: columns of both, or the column there by the column here.
        """
        null = {"missing": None} if options.get("missing", "") is None else {}
        return self._add("join", {"type": "interval", "with": pipeline, **_given(by=by, **options), **null})

    def derive(self, **columns: str) -> Stream:
        """New columns by their expressions, in order."""
        return self._set("derive", {**self.value.get("derive", {}), **columns})

    def table(self, name: str, *, key: Columns | None = None) -> Stream:
        """Keep the latest row by key."""
        return self._set("table", _given(name=name, key=key))

    def group_by(self, *columns: str) -> Grouped:
        """Bring events with the same values together; none: all of them."""
        return Grouped(stream=self, by=columns, at=_caller())

    def route(self, to: str, **options: object) -> Stream:
        """Publish rows to a topic; ``key contract value on_delete attach where format`` as in a file."""
        return self._add("route", _given(to=to, **options))

    def errors(self, **options: object) -> Stream:
        """``dead_letters``, ``retry`` and ``in_order`` as in a file."""
        return self._set("errors", _given(**options))

    def transactional(self, *, topic: str | None = None, timeout: str | None = None) -> Stream:
        """Release what one transaction of the source changed together."""
        return self._set("transactional", _given(topic=topic, timeout=timeout) or True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Groups, before it is said what is kept of them."""

    stream: Stream
    by: tuple[str, ...]
    at: Place
    windows: Mapping[str, object] | None = None
    windows_at: Place | None = None

    def window(self, windows: Mapping[str, object]) -> Grouped:
        """``tumbling``, ``hopping``, ``sliding`` or ``session``."""
        return replace(self, windows=windows, windows_at=_caller())

    def aggregate(self, table: str, columns: Mapping[str, str], **options: object) -> Aggregated:
        """Keep ``columns`` of each group in ``table``; ``over emit idle late`` as in a file."""
        path: Path = ("aggregate", len(self.stream.value.get("aggregate", ())))
        held = _given(table=table, by=self.by, window=self.windows, columns=columns, **options)
        parts = {"by": self.at, "window": self.windows_at}
        lines = {(*path, name): at.line for name, at in parts.items() if at is not None and at.file == self.stream.file}
        grown = self.stream.plus(path, held, _caller(), lines=lines)
        return Aggregated(file=grown.file, value=grown.value, lines=grown.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated(Stream):
    """A pipeline whose last call was an aggregate."""

    def to(self, topic: str) -> Stream:
        """Publish the aggregate's results to ``topic``."""
        place = _caller()
        *others, last = self.value["aggregate"]
        path: Path = ("aggregate", len(others), "to")
        here = {path: place.line} if place.file == self.file else {}
        value = {**self.value, "aggregate": [*others, {**last, "to": topic}]}
        return Stream(file=self.file, value=value, lines={**self.lines, **here})


def load_modules(names: Iterable[str]) -> tuple[Pipeline, ...]:
    """The pipelines that Python modules hold under any name, such as ``shop.pipelines``; they are imported, so run.

    Found where Python finds modules, the folder that the process runs in first. Raises ``ConfigurationError`` with
    the mistakes of all of them.
    """
    found: dict[int, Pipeline] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            held = [value for value in vars(import_here(name)).values() if isinstance(value, Pipeline)]
        except ConfigurationError as error:
            problems += error.problems
            continue
        except ImportError as error:
            problems.append(Problem(file="STREAMS_PIPELINE_MODULES", message=f"{name} cannot be imported: {error}"))
            continue
        if not held:
            message = f"{name} holds no pipeline; give one a name there: orders = stream(…)….build()"
            problems.append(Problem(file="STREAMS_PIPELINE_MODULES", message=message))
        found |= {id(pipeline): pipeline for pipeline in held}
    if problems:
        raise ConfigurationError(problems)
    return tuple(found.values())


__all__ = ["Aggregated", "Grouped", "Stream", "hopping", "load_modules", "session", "sliding", "stream", "tumbling"]
