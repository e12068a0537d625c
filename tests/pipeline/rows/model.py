"""A naive model of what aggregates over rows say: the rows in a dict, every result computed anew from all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from typing import Any

Row = Mapping[str, Any]

COLUMNS = {
    "n": "count(*)",
    "known": "count(amount)",
    "total": "sum(amount)",
    "mean": "avg(amount)",
    "least": "min(amount)",
    "greatest": "max(code)",
    "codes": "count(distinct code)",
    "of_least": "arg_min(code, amount)",
    "of_greatest": "arg_max(code, amount)",
    "notes": "string_agg(note, ',')",
    "few": "list(code, 3)",
    "big": "count(*) filter (where amount > 2)",
    "sevens": "count(distinct amount) filter (where code <> 'B')",
}
"""Every exact aggregate there is of rows."""


def grouped(rows: Iterable[Row], by: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    """What ``Driver.table`` must say of ``COLUMNS`` over ``rows``."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        key = tuple(row.get(column) for column in by)
        groups.setdefault(key[0] if len(key) == 1 else key, []).append(row)
    return {key: {**{column: held[0].get(column) for column in by}, **results_of(held)} for key, held in groups.items()}


def results_of(rows: list[Row]) -> dict[str, Any]:
    """The columns of one group."""
    amounts = [row["amount"] for row in rows if row["amount"] is not None]
    codes, notes = [row["code"] for row in rows], sorted(row["note"] for row in rows if row["note"] is not None)
    placed = [row for row in rows if row["amount"] is not None]
    total = sum(amounts, start=Decimal(0))
    return {
        "n": len(rows),
        "known": len(amounts),
        "total": total if amounts else None,
        "mean": Context(prec=28).divide(total, Decimal(len(amounts))) if amounts else None,
        "least": min(amounts, default=None),
        "greatest": max(codes),
        "codes": len(set(codes)),
        "of_least": _first(placed, lambda row: (row["amount"], row["code"])),
        "of_greatest": _first(placed, lambda row: (-row["amount"], row["code"])),
        "notes": ",".join(notes) or None,
        "few": sorted(codes)[:3],
        "big": sum(amount > 2 for amount in amounts),
        "sevens": len({row["amount"] for row in placed if row["code"] != "B"}),
    }


def _first(rows: list[Row], place: Callable[[Row], Any]) -> Any:
    return min(rows, key=place)["code"] if rows else None
