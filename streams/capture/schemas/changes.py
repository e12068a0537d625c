"""Schema changes: what has become of a table's columns, and which version of its contract that asks for. No I/O.

The rule is SchemaVer's, MODEL-REVISION-ADDITION, judged on rows before and after:

| change of a column | asks for | because |
| --- | --- | --- |
| added | REVISION | the contract let anything stand under that name: some old events may not fit its new type |
| added, and the contract allows no others | ADDITION | no old event has it; as they lack it, it is optional |
| dropped or renamed, and required | MODEL | no new event fits the old contract |
| dropped or renamed, and optional | REVISION | readers that look for it find nothing |
| its type changed, written as the same kind of JSON | REVISION | some values may not fit |
| its type changed to another kind of JSON | MODEL | no value fits |

A column that the contract does not name asks for nothing when it goes or changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import pairwise

from streams.contracts.iglu import version_numbers
from streams.contracts.model import ColumnType, Contract

from ..log.pgoutput import ColumnShape, Relation
from ..postgres.facts import facts_of


class ChangeKind(Enum):
    """What happened to a column."""

    ADDED = "added"
    DROPPED = "dropped"
    RENAMED = "renamed"
    RETYPED = "retyped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """One column of a table, before and after."""

    kind: ChangeKind
    before: ColumnShape | None = None
    after: ColumnShape | None = None

    @property
    def name(self) -> str:
        """What it is called now; of one that went, what it was called."""
        shape = self.after or self.before
        return "" if shape is None else shape.name


class Bump(IntEnum):
    """Which part of a version changes, the least first."""

    NONE = 0
    ADDITION = 1
    REVISION = 2
    MODEL = 3


def column_changes(before: Sequence[ColumnShape], after: Sequence[ColumnShape]) -> tuple[ColumnChange, ...]:
    """In the order of the columns now, those that went last."""
    old, new = {column.name: column for column in before}, {column.name: column for column in after}
    renamed = dict(_renamed(before, after))
    found = [change for column in after if (change := _change_of(column, old, renamed)) is not None]
    former = {held.name for held in renamed.values()}
    gone = [column for column in before if column.name not in new and column.name not in former]
    return (*found, *(ColumnChange(kind=ChangeKind.DROPPED, before=column) for column in gone))


def _change_of(
    column: ColumnShape, old: Mapping[str, ColumnShape], renamed: Mapping[str, ColumnShape]
) -> ColumnChange | None:
    if (former := renamed.get(column.name)) is not None:
        return ColumnChange(kind=ChangeKind.RENAMED, before=former, after=column)
    before = old.get(column.name)
    if before is None:
        return ColumnChange(kind=ChangeKind.ADDED, after=column)
    is_same = _type_of(before) == _type_of(column)
    return None if is_same else ColumnChange(kind=ChangeKind.RETYPED, before=before, after=column)


def _renamed(before: Sequence[ColumnShape], after: Sequence[ColumnShape]) -> Iterator[tuple[str, ColumnShape]]:
    """New name and former column, where one stands between the same neighbours with the same type.

    PostgreSQL appends new columns, so a new name in the middle is an old column; at the end it may be either.
    """
    old, new = ({column.name for column in columns} for columns in (before, after))
    former = dict(_alone(before, new))
    for place, column in _alone(after, old):
        was = former.get(place)
        if was is not None and _type_of(was) == _type_of(column):
            yield column.name, was


def _alone(columns: Sequence[ColumnShape], others: set[str]) -> Iterator[tuple[tuple[str, str], ColumnShape]]:
    """Columns that the other side lacks, by their neighbours there, if it is only one between the two."""
    kept = [at for at, column in enumerate(columns) if column.name in others]
    for left, right in pairwise([-1, *kept, len(columns)]):
        if right - left == 2:
            names = [columns[at].name if 0 <= at < len(columns) else "" for at in (left, right)]
            yield (names[0], names[1]), columns[left + 1]


def _type_of(column: ColumnShape) -> tuple[int, int | None]:
    return column.type_oid, column.typmod


def contract_gaps(relation: Relation, contract: Contract) -> tuple[ColumnChange, ...]:
    """Columns that a table has and its contract does not name, and those that it requires and the table lacks."""
    names = {column.name for column in relation.columns}
    added = [column for column in relation.columns if column.name not in contract.columns]
    lacking = [name for name in _required(contract) if name not in names]
    return (
        *(ColumnChange(kind=ChangeKind.ADDED, after=column) for column in added),
        *(
            ColumnChange(kind=ChangeKind.DROPPED, before=ColumnShape(name=name, type_oid=0, is_key=False))
            for name in lacking
        ),
    )


def bump_of(change: ColumnChange, contract: Contract) -> Bump:
    """What one change asks of a contract; the rule above."""
    is_known = change.before is not None and change.before.name in contract.columns
    match change.kind:
        case ChangeKind.ADDED:
            if change.name in contract.columns:
                return Bump.NONE
            return Bump.ADDITION if contract.is_closed else Bump.REVISION
        case ChangeKind.DROPPED | ChangeKind.RENAMED:
            was = "" if change.before is None else change.before.name
            if was in _required(contract):
                return Bump.MODEL
            return Bump.REVISION if is_known or change.kind is ChangeKind.RENAMED else Bump.NONE
        case ChangeKind.RETYPED:
            if not is_known:
                return Bump.NONE
            return Bump.REVISION if len(_json_kinds(change)) == 1 else Bump.MODEL


def proposed_version(changes: Iterable[ColumnChange], contract: Contract) -> str | None:
    """The version that comes after the contract's; ``None``: it holds as it is.

    ``1-0-0`` becomes ``1-1-0`` for a column that was added.
    """
    model, revision, addition = version_numbers(contract.version)
    match max((bump_of(change, contract) for change in changes), default=Bump.NONE):
        case Bump.NONE:
            return None
        case Bump.ADDITION:
            return f"{model}-{revision}-{addition + 1}"
        case Bump.REVISION:
            return f"{model}-{revision + 1}-0"
        case Bump.MODEL:
            return f"{model + 1}-0-0"


def _required(contract: Contract) -> tuple[str, ...]:
    required = contract.schema.get("required", ())
    return tuple(map(str, required)) if isinstance(required, list | tuple) else ()


_JSON = {ColumnType.BOOLEAN: "boolean", ColumnType.INTEGER: "number", ColumnType.DOUBLE: "number",
         ColumnType.ARRAY: "array"}  # fmt: skip
"""How capture writes them; all others are text."""


def _json_kinds(change: ColumnChange) -> set[str]:
    columns = tuple(column for column in (change.before, change.after) if column is not None)
    facts = facts_of(Relation(oid=0, schema="", table="", identity="d", columns=columns))
    return {_JSON.get(fact.column.type, "string") for fact in facts}
