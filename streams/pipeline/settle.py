"""Settle: the stage of rules about several rows. Everything said of one value of one rule comes here, in any order.

In:   claims of rows, by rule and digest: a row has the value, has it no more; rows of a table are gone; newest times.
Out:  who holds which value, in the stage's tables.
Next: streams.pipeline.findings

It is right in the end whatever the order: a claim is a set's element, told by the row and the partition it came from.
Of one row and partition claims come in order. Between partitions they do not, so that while a row moves it may seem
to be there twice or not at all for the time of a checkpoint or two.
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.ledger import Ledger
from streams.records import RecordBatch, SourceRecord

from .claims import Told, decode_told
from .entries import Holders
from .findings import is_broken, refreshed
from .plan import Plan
from .process import PipelineResult
from .rules.plan import Role, StageRule
from .tables import PROGRESS_KEY, PipelineTables, StageTables, decode_group

SAMPLED_ROWS = 10
"""Row ids that a finding names; a value may be held by very many."""
NOBODY = Holders()
HOLDER, TARGET = Role.HOLDER.value, Role.TARGET.value

Orders = dict[int, tuple[int, int, int]]


def process_claims(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Take in a batch of claims; they are no events, so the ledger counts rules only."""
    ledger = Ledger(0)
    stage = plan.settles
    assert stage is not None
    by_rule: dict[str, list[tuple[str, Told, SourceRecord]]] = {}
    for record in batch.records:
        rule, digest = decode_group(record.key or b"")
        by_rule.setdefault(str(rule), []).append((str(digest), decode_told(record.value or b""), record))
    for name, told in by_rule.items():
        if name in stage.rules:  # a rule that was left out: what is still said of it is of no use
            settler = _Settler(stage.rules[name], tables.stage[name], ledger)
            settler.settle(told, now_ms=now_ms)
    return PipelineResult(deliveries=[], ledger=ledger)


class _Settler:
    """One rule, one batch."""

    def __init__(self, rule: StageRule, tables: StageTables, ledger: Ledger) -> None:
        self._rule = rule
        self._tables = tables
        self._ledger = ledger
        self._standing = tables.current()
        self._values: dict[bytes, Holders | None] = {}
        self._rows: dict[bytes, Orders | None] = {}

    def settle(self, told: list[tuple[str, Told, SourceRecord]], *, now_ms: int) -> None:
        """Everything that was told, in its order."""
        self._read(told)
        before = self._standing
        for digest, said, record in told:
            match said.verb:
                case "+":
                    self._add(digest, said, record)
                case "-":
                    self._remove(digest, said, record.timestamp_ms)
                case "0":
                    self._truncate(said, record.timestamp_ms)
                case _:
                    self._standing = refreshed(self._standing, self._rule, said.time_ms, now_ms)
        self._tables.values.put_many(dict(self._values))
        self._tables.rows.put_many(dict(self._rows))
        if self._standing != before:
            self._tables.standing.put(PROGRESS_KEY, self._standing)

    def _read(self, told: list[tuple[str, Told, SourceRecord]]) -> None:
        claims = [(digest, said) for digest, said, _ in told if said.verb in "+-"]
        values = {digest.encode() for digest, _ in claims}
        rows = {_row_key(digest, said.role, said.row) for digest, said in claims}
        stored_values, stored_rows = self._tables.values.get_many(values), self._tables.rows.get_many(rows)
        self._values = {key: stored_values.get(key) for key in values}
        self._rows = {key: stored_rows.get(key) for key in rows}

    def _add(self, digest: str, said: Told, record: SourceRecord) -> None:
        gone = self._standing.target_truncated if said.role == TARGET else self._standing.truncated
        if gone is not None and said.order < gone:
            return
        key = _row_key(digest, said.role, said.row)
        orders = self._rows.get(key) or {}
        self._rows[key] = {**orders, said.partition: said.order}
        if orders:
            return
        known = self._values.get(digest.encode()) or NOBODY
        held = _with_row(known, said.role, said.row, record.timestamp_ms)
        self._values[digest.encode()] = held
        if said.role == HOLDER:
            self._ledger.note_checks(self._rule.id, checked=1, failed=int(is_broken(self._rule, held)))

    def _remove(self, digest: str, said: Told, time_ms: int) -> None:
        key = _row_key(digest, said.role, said.row)
        orders = dict(self._rows.get(key) or {})
        if orders.pop(said.partition, None) is None:
            return
        self._rows[key] = orders or None
        if not orders:
            self._drop(digest.encode(), said.role, said.row, time_ms)

    def _drop(self, value: bytes, role: str, row: str, time_ms: int) -> None:
        known = self._values.get(value) or NOBODY
        held = _without_row(known, role, row, time_ms)
        is_gone = held.rows == held.targets == 0 and not held.is_told
        self._values[value] = None if is_gone else held

    def _truncate(self, said: Told, time_ms: int) -> None:
        field = "target_truncated" if said.role == TARGET else "truncated"
        last = getattr(self._standing, field)
        if last is None or last < said.order:
            self._standing = replace(self._standing, **{field: said.order})
        present = {**dict(self._tables.rows.scan(said.role.encode(), _end_of(said.role))), **self._rows}
        for key, orders in present.items():
            role, digest, row = _split_row_key(key)
            left = {} if orders is None else {at: order for at, order in orders.items() if order >= said.order}
            if orders and role == said.role and left != orders:
                self._rows[key] = left or None
                if not left:
                    self._values.setdefault(digest.encode(), self._tables.values.get(digest.encode()))
                    self._drop(digest.encode(), role, row, time_ms)


def _row_key(digest: str, role: str, row: str) -> bytes:
    return f"{role}{digest}{row}".encode()


def _split_row_key(key: bytes) -> tuple[str, str, str]:
    text = key.decode()
    return text[0], text[1:33], text[33:]


def _end_of(role: str) -> bytes:
    return chr(ord(role) + 1).encode()


def _with_row(held: Holders, role: str, row: str, time_ms: int) -> Holders:
    newest_ms = max(held.time_ms, time_ms)
    if role == TARGET:
        return replace(held, targets=held.targets + 1, time_ms=newest_ms)
    sample = tuple(sorted({*held.sample, row})[:SAMPLED_ROWS])
    return replace(held, rows=held.rows + 1, sample=sample, time_ms=newest_ms)


def _without_row(held: Holders, role: str, row: str, time_ms: int) -> Holders:
    newest_ms = max(held.time_ms, time_ms)
    if role == TARGET:
        return replace(held, targets=held.targets - 1, time_ms=newest_ms)
    sample = tuple(name for name in held.sample if name != row)
    return replace(held, rows=held.rows - 1, sample=sample, time_ms=newest_ms)

