"""Transform: what of a change goes on, what its values look like, and where it goes.

In:   numbered changes of one version of a table, with the rows as PostgreSQL has them.
Out:  the same, less; no masked value goes further than this.
Next: streams.capture.outgoing.records

Rules are compiled for each version of a table. Whatever could let a masked value pass, or a row stay behind that is
gone, is refused before anything is sent: a masked column that the table no longer has, a filter on what a DELETE does
not tell. Numbering and position come before, so a filter changes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from streams.pipeline.covers import Cover, partial, pseudonym
from streams.pipeline.expressions import Condition, ExpressionError, Scope, compile_condition
from streams.records import ChangeEvent, Operation, SourceRecord

from ..log.pgoutput import Relation
from ..options import CaptureError
from ..postgres.facts import TEXT_OID, ColumnFacts
from .envelope import UNAVAILABLE, Image, Place, TableTarget
from .rules import MaskMethod, MaskRule, RouteRule, Rules

Change = tuple[str, Image | None, Image | None]
REDACTED = "***"
_NO_RECORD = SourceRecord(topic="", partition=0, offset=0, timestamp_ms=0, key=None, value=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A condition of a filter or a route."""

    condition: Condition
    opposite: Condition

    def admits(self, event: ChangeEvent) -> bool:
        """It is true of the event. A TRUNCATE has no row: it takes every row away, unless that is said to be false."""
        if event.operation is Operation.TRUNCATE:
            return not self.opposite.holds(event)
        return self.condition.holds(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a change also goes."""

    topic: str
    check: Check | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """The rules of one version of a table."""

    table: str
    filters: tuple[Check, ...]
    covers: Mapping[str, Cover | None]
    """By column; ``None``: the column is left out."""
    routes: tuple[Route, ...]
    columns: tuple[ColumnFacts, ...]
    """Of the rows that go on."""

    def admits(self, change: Change, place: Place) -> bool:
        """Every filter is TRUE for the change."""
        if not self.filters:
            return True
        event = event_of(self.table, change, place)
        return all(check.admits(event) for check in self.filters)

    def cover(self, image: Image | None) -> Image | None:
        """The image with masked columns covered; what was not sent stays unsent."""
        if image is None or not self.covers:
            return image
        covered = dict(image)
        for column, cover in self.covers.items():
            if cover is None:
                covered.pop(column, None)
            elif (value := covered.get(column)) is not None and value != UNAVAILABLE:
                covered[column] = cover(value)
        return covered

    def topics(self, target: TableTarget, change: Change, place: Place) -> Iterable[str]:
        """The table's own topic, then those of its routes that take the change, which is covered already."""
        yield target.topic
        for route in self.routes:
            if route.check is None or route.check.admits(event_of(self.table, change, place)):
                yield route.topic


def event_of(table: str, change: Change, place: Place) -> ChangeEvent:
    """A change as expressions see it."""
    op, before, after = change
    row = before if op == "d" else after
    return ChangeEvent(
        record=_NO_RECORD,
        operation=Operation(op),
        row=row or {},
        before=before,
        after=after,
        source={"table": table, "lsn": place.lsn, "txId": place.xid, "snapshot": place.snapshot},
        key={},
        event_time_ms=place.commit_us // 1_000,
    )


def compile_plan(
    rules: Rules, target: TableTarget, relation: Relation, facts: tuple[ColumnFacts, ...], mask_key: bytes | None
) -> TablePlan:
    """The plan of a table as it is now; raises ``CaptureError`` with what to do."""
    table = target.table
    masks = [mask for mask in rules.masks if mask.tables is None or table in mask.tables]
    covers, columns = _covers(masks, target, facts, mask_key)
    scope = Scope(columns={fact.name: fact.column for fact in facts})
    filters = [rule for rule in rules.filters if rule.tables is None or table in rule.tables]
    covered = Scope(columns={fact.name: fact.column for fact in columns})
    return TablePlan(
        table=table,
        filters=tuple(_check(rule.condition, "filter", relation, scope) for rule in filters),
        covers=covers,
        routes=tuple(_route(rule, covered, relation) for rule in rules.routes if rule.table == table),
        columns=columns,
    )


def _route(rule: RouteRule, scope: Scope, relation: Relation) -> Route:
    check = None if rule.condition is None else _check(rule.condition, "route", relation, scope)
    return Route(topic=rule.topic, check=check)


def _check(text: str, what: str, relation: Relation, scope: Scope) -> Check:
    try:
        condition, opposite = compile_condition(text, scope), compile_condition(f"NOT ({text})", scope)
    except ExpressionError as error:
        raise CaptureError(
            f"the {what} {text!r} does not fit table {relation.table}: {error.message}; a filter may name the tables it"
            " is for"
        ) from None
    if "key" in condition.envelope:
        raise CaptureError(f"the {what} {text!r} reads key: name the key's columns as columns of the row")
    _refuse_unknown(condition, relation, what)
    return Check(condition=condition, opposite=opposite)


def _refuse_unknown(condition: Condition, relation: Relation, what: str) -> None:
    """A DELETE tells the replica identity alone, and an UPDATE does not tell what is stored apart and unchanged.

    Were such a column null for once, its row would come or go for no reason.
    """
    if relation.identity == "f":
        return
    known = {column.name for column in relation.columns if column.is_key}
    if unknown := sorted((condition.columns | condition.images) - known):
        raise CaptureError(
            f"the {what} {condition.text!r} reads {relation.table}.{', '.join(unknown)}, which not every change tells;"
            f' run: ALTER TABLE "{relation.table}" REPLICA IDENTITY FULL;'
        )


def _covers(
    masks: Iterable[MaskRule], target: TableTarget, facts: tuple[ColumnFacts, ...], mask_key: bytes | None
) -> tuple[dict[str, Cover | None], tuple[ColumnFacts, ...]]:
    """(covers by column, the columns as they are behind them); the first mask of a column holds."""
    by_name = {fact.name: fact for fact in facts}
    covers: dict[str, Cover | None] = {}
    for mask in masks:
        for name in mask.fields:
            if (fact := by_name.get(name)) is None or name in covers:
                continue
            _check_key(name, mask.method, target)
            covers[name] = _cover(fact, mask.method, target.table, mask_key)
            by_name[name] = _covered(fact, mask.method)
    dropped = {name for name, cover in covers.items() if cover is None}
    return covers, tuple(by_name[fact.name] for fact in facts if fact.name not in dropped)


def _check_key(name: str, method: MaskMethod, target: TableTarget) -> None:
    if method is not MaskMethod.HASH and name in {*target.key, *target.primary_key}:
        raise CaptureError(
            f"{target.table}.{name} is part of the key: covered by {method.value}, different rows would become one;"
            " mask it with method hash"
        )


def _cover(fact: ColumnFacts, method: MaskMethod, table: str, mask_key: bytes | None) -> Cover | None:
    match method:
        case MaskMethod.DROP:
            return None
        case MaskMethod.PARTIAL | MaskMethod.HASH if fact.element_oid is not None:
            raise CaptureError(f"{table}.{fact.name} is an array: mask it with method redact or drop")
        case MaskMethod.PARTIAL:
            return partial(fact.column)
        case MaskMethod.HASH if mask_key is not None:
            return pseudonym(mask_key)
        case MaskMethod.HASH:
            raise CaptureError(f"{table}.{fact.name}: mask by hash needs the secret that STREAMS_MASK_KEY_FILE names")
        case MaskMethod.REDACT if fact.is_text:
            return lambda value: REDACTED
        case MaskMethod.REDACT if not fact.is_required:
            return lambda value: None
    raise CaptureError(
        f"{table}.{fact.name} is neither text nor may it be null, so nothing can stand for it; mask it with method"
        " hash, partial or drop"
    )


def _covered(fact: ColumnFacts, method: MaskMethod) -> ColumnFacts:
    """What the column is behind its mask."""
    if method is MaskMethod.REDACT and not fact.is_text:
        return fact
    return replace(
        fact, type_oid=TEXT_OID, typmod=-1, default=None, labels=(), element_oid=None, is_text=True
    )


def check_fields(rules: Rules, columns_by_table: Mapping[str, Iterable[str]]) -> None:
    """A field that no table has is a mistake, and what should be hidden is not; raises ``CaptureError``."""
    for mask in rules.masks:
        tables = [held for table, held in columns_by_table.items() if mask.tables is None or table in mask.tables]
        names = {name for held in tables for name in held}
        if not mask.may_be_missing and (missing := [field for field in mask.fields if field not in names]):
            raise CaptureError(
                f"the mask names {', '.join(missing)}, which no captured table has; there are:"
                f" {', '.join(sorted(names))}; where a column is gone for good, write missing: ok"
            )


