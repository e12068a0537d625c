"""What wal2json does not say of tables: their columns in order, which of them were left out, whose partitions they are.

A row that comes whole (an insert) says all columns. An update leaves out TOAST values that did not change: the columns
are those that the table had before, or has in the catalog now. The catalog may be ahead of the log; what it says is
asked anew when a row does not go with what is known, and after a transaction without rows, as ALTER TABLE looks in the
log. A column that was dropped in one transaction with changes of rows is told as unavailable until a whole row comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..options import SCHEMA
from .pgoutput import UNCHANGED, ColumnShape, Delete, Insert, Message, Relation, Truncate, Update, Value, Values

Type = tuple[int, int | None]
"""Its oid, and its size as ``ColumnShape.typmod``."""
Image = Mapping[str, tuple[Type, str | None]]
"""(type, text as PostgreSQL writes it) by column."""
Columns = tuple[tuple[str, Type], ...]
"""Names and types, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in either format."""

    kind: str
    """``I U D T``."""
    schema: str
    table: str
    new: Image = field(default_factory=dict)
    old: Image = field(default_factory=dict)
    is_old_of_key: bool = False
    """The old image is only the primary key, or may be: it has no other column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTable:
    """What the catalog says of a table now."""

    root: str
    """The table that it is a partition of; else its own name."""
    identity: str
    """``d`` default, ``f`` full, ``i`` index, ``n`` nothing."""
    columns: Columns
    keys: frozenset[str]
    """Columns of its replica identity."""
    generated: frozenset[str] = frozenset()
    """Computed columns: they are not told."""
    wide: frozenset[str] = frozenset()
    """Columns whose values may be stored out of line, and so left out."""


Describe = Callable[[str, str], DescribedTable | None]
"""By schema and table; ``None``: there is no such table now."""


@dataclass(slots=True)
class _Known:
    """A captured table as its last change showed it."""

    oid: int
    """A number of ours: wal2json tells none."""
    described: DescribedTable
    columns: Columns
    keys: frozenset[str]
    names: frozenset[str] = frozenset()
    is_told: bool = False
    """As it is now."""

    def set_columns(self, columns: Columns) -> None:
        if columns != self.columns:
            self.columns, self.names = columns, frozenset(name for name, _ in columns)
            self.is_told = False

    def set_keys(self, keys: frozenset[str]) -> None:
        if keys != self.keys:
            self.keys, self.is_told = keys, False

    def set_described(self, described: DescribedTable) -> None:
        if described.identity != self.described.identity:
            self.is_told = False
        self.described = described

    def relation(self) -> Relation:
        return Relation(
            oid=self.oid,
            schema=SCHEMA,
            table=self.described.root,
            identity=self.described.identity,
            columns=tuple(
                ColumnShape(name=name, type_oid=oid, is_key=name in self.keys, typmod=typmod)
                for name, (oid, typmod) in self.columns
            ),
        )


class WalTables:
    """Makes messages of the changes of ``tables``, and ``Relation`` where one has another shape than before."""

    def __init__(self, tables: Collection[str], describe: Describe) -> None:
        self._tables = frozenset(tables)
        self._describe = describe
        self._roots: dict[tuple[str, str], str | None] = {}
        """By schema and table: which of ours it is; ``None``: none."""
        self._known: dict[str, _Known] = {}
        self._doubted: set[str] = set()

    def doubt(self) -> None:
        """The catalog may have changed."""
        self._roots = {name: root for name, root in self._roots.items() if root is not None}
        self._doubted = set(self._known)

    def messages_of(self, change: Change) -> Iterator[Message]:
        """None for a table that is not ours."""
        known = self._find(change.schema, change.table)
        if known is None or (change.kind == "T" and change.table != known.described.root):
            return  # a truncate is told of the whole table alone
        message = self._message(known, change)
        if not known.is_told:
            known.is_told = True
            yield known.relation()
        yield message

    def _find(self, schema: str, table: str) -> _Known | None:
        try:
            root = self._roots[schema, table]
        except KeyError:
            root = self._roots[schema, table] = self._learn(schema, table)
        return None if root is None else self._known[root]

    def _learn(self, schema: str, table: str) -> str | None:
        described = self._describe(schema, table)
        if described is None:
            # It has gone, or has another name by now; what was said under its old one is ours.
            described = DescribedTable(root=table, identity="d", columns=(), keys=frozenset())
        if schema != SCHEMA or described.root not in self._tables:
            return None
        if described.root not in self._known:
            known = _Known(len(self._known) + 1, described, (), described.keys)
            known.set_columns(described.columns)
            self._known[described.root] = known
        return described.root

    def _message(self, known: _Known, change: Change) -> Message:
        new, old = _told(known, change.new), _told(known, change.old)
        match change.kind:
            case "I":
                known.set_columns(_in_order(_columns(new), known.columns))
                return Insert(oid=known.oid, new=_values(known, new, None))
            case "U":
                is_whole = self._fit(known, change, new, old)
                # Format 1 and 2 tell the key of an unchanged row as well.
                is_same_row = not is_whole and all(new.get(name, held) == held for name, held in old.items())
                return Update(
                    oid=known.oid,
                    old=None if is_same_row else _values(known, old, None),
                    is_old_whole=is_whole and not is_same_row,
                    new=_values(known, new, UNCHANGED),
                )
            case "D":
                is_whole = self._fit(known, change, new, old)
                return Delete(oid=known.oid, old=_values(known, old, None), is_old_whole=is_whole)
            case "T":
                return Truncate(oids=(known.oid,))
            case _:
                raise ValueError("an action that is not known")

    def _fit(self, known: _Known, change: Change, new: Image, old: Image) -> bool:
        """Make ``known`` fit to a row that may have left columns out; whether its old image is whole."""
        row = _columns({**old, **new} if old else new)
        missing = known.names - {name for name, _ in row}
        is_possible = change.kind == "D" or missing <= known.described.wide
        is_doubted = bool(missing) and known.described.root in self._doubted
        if is_doubted or not is_possible or not set(row) <= set(known.columns):
            self._describe_again(known, change)
            known.set_columns(_fitting(row, known, may_lack_any=change.kind == "D"))
        is_whole = _is_whole(known, change, old)
        if old:
            known.set_keys(known.names if is_whole else frozenset(old))
        return is_whole

    def _describe_again(self, known: _Known, change: Change) -> None:
        self._doubted.discard(known.described.root)
        described = self._describe(change.schema, change.table)
        if described is not None:
            known.set_described(described)


def _fitting(row: Columns, known: _Known, *, may_lack_any: bool) -> Columns:
    """The columns of a table as of a row: those that it lacks are there if they may be left out, and exist still."""
    described = known.described
    if set(row) <= set(known.columns):
        base = known.columns
    elif set(row) <= set(described.columns):
        base = described.columns
    else:
        base = row
    absent = frozenset(name for name, _ in described.columns) if may_lack_any else described.wide
    return tuple(column for column in base if column in row or column[0] in absent)


def _is_whole(known: _Known, change: Change, old: Image) -> bool:
    """REPLICA IDENTITY FULL: the old image is the row, not only its key."""
    described = known.described
    if described.identity == "f" and known.names <= set(old):
        return True
    return bool(old) and not change.is_old_of_key and (described.identity == "f" or not set(old) <= described.keys)


def _told(known: _Known, image: Image) -> Image:
    """Without computed columns: pgoutput does not tell them."""
    generated = known.described.generated
    return {name: held for name, held in image.items() if name not in generated} if generated else image


def _in_order(columns: Columns, order: Columns) -> Columns:
    """Partitions have the same columns, and not always in the same order."""
    return order if columns == order or set(columns) == set(order) else columns


def _columns(image: Image) -> Columns:
    return tuple((name, kind) for name, (kind, _) in image.items())


def _values(known: _Known, image: Image, absent: Value) -> Values:
    return tuple(image[name][1] if name in image else absent for name, _ in known.columns)
