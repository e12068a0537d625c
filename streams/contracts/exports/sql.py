"""SQL: a table for the rows, with keys, and checks where the engine has them; other dialects come through sqlglot."""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot

from streams.contracts.model import ColumnType

from .names import vendor_and_name
from .rules import plain_pattern
from .types import Kind, Member, Model, Type

DIALECTS = ("postgres", "duckdb", "snowflake", "bigquery", "redshift", "databricks")
_CHECKED = frozenset({"postgres", "duckdb"})
_COMMENTED = frozenset({"postgres", "duckdb", "snowflake", "redshift"})
_KEYED = frozenset(DIALECTS) - {"bigquery"}
"""BigQuery knows keys that nobody enforces, in words of its own."""
_WIDE = "numeric(38, 9)"
"""A decimal of unknown size, but in PostgreSQL: elsewhere a bare numeric has few digits, or none behind the point."""
_OWN = {
    "duckdb": {"jsonb": "json"},
    "snowflake": {"jsonb": "variant", "uuid": "text"},
    "bigquery": {"jsonb": "json"},
    "redshift": {"jsonb": "super", "uuid": "varchar(36)"},
    "databricks": {"jsonb": "variant"},
}
"""Types that sqlglot does not say as the engine has them."""
_BY_MEANING = {
    ColumnType.TIMESTAMP: "timestamptz", ColumnType.DATE: "date", ColumnType.TIME: "time", ColumnType.UUID: "uuid",
    ColumnType.BYTES: "bytea", ColumnType.DOUBLE: "double precision",
}  # fmt: skip
_BY_KIND = {Kind.BOOLEAN: "boolean", Kind.INTEGER: "bigint", Kind.TEXT: "text"}
_BOUNDS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}


def to_sql(model: Model, dialect: str = "postgres") -> str:
    """``CREATE TABLE`` and comments; ``dialect`` is one of ``DIALECTS``."""
    statements = [_table(model, dialect), *(_comments(model) if dialect in _COMMENTED else ())]
    if dialect == "postgres":
        return "".join(f"{text};\n" for text in statements)
    parsed = (sqlglot.parse_one(text, dialect="postgres") for text in statements)
    return "".join(f"{one.sql(dialect=dialect, pretty=True)};\n" for one in parsed)


def _table(model: Model, dialect: str) -> str:
    lines = [f"  {_column(member, dialect)}" for member in model.row.members]
    if model.contract.key and dialect in _KEYED:
        lines.append(f"  PRIMARY KEY ({', '.join(map(_quoted, model.contract.key))})")
    return f"CREATE TABLE {_name(model)} (\n" + ",\n".join(lines) + "\n)"


def _name(model: Model) -> str:
    return _quoted(vendor_and_name(model.contract)[1])


def _column(member: Member, dialect: str) -> str:
    parts = [_quoted(member.name), _type(member.type, dialect)]
    parts += [] if member.may_lack else ["NOT NULL"]
    checks = list(_checks(member)) if dialect in _CHECKED else []
    parts += [f"CHECK ({' AND '.join(checks)})"] if checks else []
    return " ".join(parts)


def _type(held: Type, dialect: str) -> str:
    name = _plain_type(held, dialect)
    return _OWN.get(dialect, {}).get(name, name)


def _plain_type(held: Type, dialect: str) -> str:
    if held.kind in (Kind.RECORD, Kind.ARRAY, Kind.MAP, Kind.UNION, Kind.ANY):
        return "jsonb"
    if held.meaning is ColumnType.DECIMAL:
        if held.scale is not None:
            return f"numeric({held.precision or 38}, {held.scale})"
        return "numeric" if dialect == "postgres" else _WIDE
    if held.meaning in _BY_MEANING:
        return _BY_MEANING[held.meaning]
    return _BY_KIND.get(held.kind, _WIDE)


def _checks(member: Member) -> Iterator[str]:
    held, name = member.type, _quoted(member.name)
    if held.words:
        yield f"{name} IN ({', '.join(map(_literal, held.words))})"
    if held.kind in (Kind.INTEGER, Kind.NUMBER) and held.meaning in (ColumnType.INTEGER, ColumnType.DECIMAL):
        bounds = ((sign, held.rules.get(rule)) for rule, sign in _BOUNDS.items())
        yield from (f"{name} {sign} {value}" for sign, value in bounds if _is_number(value))
    if held.kind is Kind.TEXT and held.meaning is ColumnType.TEXT:
        yield from _text_checks(held, name)


def _text_checks(held: Type, name: str) -> Iterator[str]:
    for rule, sign in (("minLength", ">="), ("maxLength", "<=")):
        if isinstance(size := held.rules.get(rule), int) and size > 0:
            yield f"length({name}) {sign} {size}"
    if (pattern := plain_pattern(held.rules.get("pattern"))) is not None:
        yield f"{name} ~ {_literal(pattern)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comments(model: Model) -> Iterator[str]:
    said = " ".join(text for text in (model.row.description, f"({model.contract.uri})") if text)
    yield f"COMMENT ON TABLE {_name(model)} IS {_literal(said)}"
    for member in model.row.members:
        told = [member.description, f"class: {member.classification}" if member.classification else ""]
        if any(told):
            text = " ".join(part for part in told if part)
            yield f"COMMENT ON COLUMN {_name(model)}.{_quoted(member.name)} IS {_literal(text)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
