"""Constrain: what CHECK constraints say goes into the schema where it has a word for it, else into rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from streams.capture.postgres.facts import BPCHAR, NUMERIC, ColumnFacts
from streams.contracts.model import ColumnType
from streams.pipeline.expressions import ExpressionError, Scope, compile_expression

from ..model import Check, ColumnDraft, Draft, Shape, or_null
from .catalog import CheckConstraint
from .checks import Bound, Condition, Listed, Matched, Said, Sized, read_check
from .types import decimal_pattern

Facts = Mapping[str, ColumnFacts]
_NUMBERS = ("integer", "number")


def constrained(draft: Draft, constraints: Iterable[CheckConstraint], facts: Facts) -> Draft:
    """``draft`` with what ``constraints`` say of its columns."""
    columns = {column.name: column for column in draft.columns}
    rules: list[Check] = []
    for constraint in constraints:
        for said in read_check(constraint.sql, constraint.column) if constraint.is_valid else ():
            column = None if isinstance(said, Condition) else columns.get(said.column)
            tightened = None if column is None else _tightened(column, said, facts[column.name])
            if column is not None and tightened is not None:
                columns[column.name] = tightened
            else:
                rules.append(_rule(constraint, said, draft))
        if not constraint.is_valid:
            rules.append(_for_people(constraint, "does not hold for old rows, or is not asked"))
    return replace(draft, columns=tuple(columns.values()), quality=(*draft.quality, *_numbered(rules)))


def _numbered(rules: Iterable[Check]) -> Iterator[Check]:
    """Names are a rule's own."""
    seen: dict[str, int] = {}
    for rule in rules:
        count = seen[rule["name"]] = seen.get(rule["name"], 0) + 1
        yield rule if count == 1 else {**rule, "name": f"{rule['name']}_{count}"}


def _tightened(column: ColumnDraft, said: Said, fact: ColumnFacts) -> ColumnDraft | None:
    """``None``: the schema has no word for it."""
    is_null_free = column.is_required
    shape = _shape(column, said, fact)
    return None if shape is None else replace(column, shape=shape if is_null_free else or_null(shape))


def _shape(column: ColumnDraft, said: Said, fact: ColumnFacts) -> Shape | None:
    shape = {word: held for word, held in column.shape.items() if word not in ("type", "enum")}
    kind = next((name for name in _kinds(column.shape) if name != "null"), "")
    base: Shape = {"type": kind, **shape}
    is_text = kind == "string" and fact.is_text and "enum" not in column.shape
    match said:
        case Bound() if kind in _NUMBERS:
            return _bounded(base, said)
        case Bound(limit=limit, is_lower=True, is_exclusive=False) if fact.type_oid == NUMERIC and limit == 0:
            return {**base, "pattern": decimal_pattern(fact.sizes, is_signed=False)}
        case Listed(values=values) if is_text and all(isinstance(value, str) for value in values):
            length = fact.typmod - 4 if fact.type_oid == BPCHAR else 0
            return {"type": kind, "enum": [str(value).ljust(length) for value in values]}
        case Listed(values=values) if kind == "integer" and all(isinstance(value, Decimal) for value in values):
            return {"type": kind, "enum": [int(value) for value in values if value == int(value)]}
        case Sized(least=least, most=most) if is_text and fact.type_oid != BPCHAR:
            return _sized(base, least, most)
        case Matched(pattern=pattern) if is_text and fact.type_oid != BPCHAR and "pattern" not in base:
            return {**base, "pattern": pattern}
        case _:
            return None


def _kinds(shape: Shape) -> list[str]:
    held = shape.get("type", [])
    return held if isinstance(held, list) else [held]


def _bounded(shape: Shape, bound: Bound) -> Shape:
    word = "minimum" if bound.is_lower else "maximum"
    name = f"exclusive{word.capitalize()}" if bound.is_exclusive else word
    limit = int(bound.limit) if bound.limit == int(bound.limit) else float(bound.limit)
    choose = max if bound.is_lower else min
    return {**shape, name: choose(limit, shape[name]) if name in shape else limit}


def _sized(shape: Shape, least: int | None, most: int | None) -> Shape:
    sized = dict(shape)
    if least is not None:
        sized["minLength"] = max(least, shape.get("minLength", 0))
    if most is not None:
        sized["maxLength"] = min(most, shape.get("maxLength", most))
    return sized


def _rule(constraint: CheckConstraint, said: Said, draft: Draft) -> Check:
    """The condition as a rule, where pipelines can run it."""
    sql = said.sql if isinstance(said, Condition) else _sql_of(said)
    try:
        compiled = compile_expression(sql, Scope(columns=draft.columns_as_read(), envelope=True))
    except (ExpressionError, ValueError):
        return _for_people(constraint, "is nothing that a pipeline can ask of one row")
    if compiled.type is not ColumnType.BOOLEAN or compiled.envelope:
        return _for_people(constraint, "is nothing that a pipeline can ask of one row")
    return {
        "type": "custom", "engine": "streams", "name": constraint.name, "implementation": {"condition": sql},
    }  # fmt: skip


def _for_people(constraint: CheckConstraint, why: str) -> Check:
    return {"type": "text", "name": constraint.name, "description": f"CHECK ({constraint.sql}) {why}."}


def _sql_of(said: Bound | Listed | Sized | Matched) -> str:
    column = '"' + said.column.replace('"', '""') + '"'
    match said:
        case Bound(limit=limit, is_lower=is_lower, is_exclusive=is_exclusive):
            return f"{column} {'>' if is_lower else '<'}{'' if is_exclusive else '='} {limit}"
        case Listed(values=values):
            return f"{column} IN ({', '.join(map(_constant, values))})"
        case Sized(least=least, most=most):
            limits = ((">=", least), ("<=", most))
            return " AND ".join(f"length({column}) {sign} {size}" for sign, size in limits if size is not None)
        case Matched(pattern=pattern):
            return f"{column} ~ {_constant(pattern)}"


def _constant(value: str | Decimal) -> str:
    return str(value) if isinstance(value, Decimal) else "'" + value.replace("'", "''") + "'"
