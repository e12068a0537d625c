"""Outgoing: numbered changes become the records that Kafka gets.

    filter ─▶ mask ─▶ envelope ─▶ key and value in the topic's format, for the table's topic and for those of its routes

A DELETE is followed by its tombstone; an update of the key is a DELETE and an INSERT whose headers name the other
half, as Debezium does. What a filter drops is dropped with its tombstone. Nothing here changes numbers or positions.
"""

from __future__ import annotations

from collections import Counter

from streams.records import Delivery, Headers

from ..log.pgoutput import Relation
from ..options import CaptureError, CaptureOptions
from ..postgres.catalog_facts import describer
from ..postgres.database import Database
from ..postgres.facts import Describe, facts_of
from ..serialize.codec import Codec, Codecs
from ..serialize.formats import open_codecs
from .envelope import EnvelopeWriter, Image, Place, TableShape, TableTarget, encode_change, key_of
from .rules import Rules
from .transform import Change, TablePlan, compile_plan

NEW_KEY, OLD_KEY = "__debezium.newkey", "__debezium.oldkey"


class Outgoing:
    """The way out of one capture. ``codecs``: of a registry's format; without, JSON as it is."""

    def __init__(
        self,
        writer: EnvelopeWriter,
        *,
        rules: Rules | None = None,
        describe: Describe = facts_of,
        mask_key: bytes | None = None,
        codecs: Codecs | None = None,
    ) -> None:
        self.writer = writer
        self._rules = rules or Rules()
        self._describe = describe
        self._mask_key = mask_key
        self._codecs = codecs
        self._ways: dict[str, _Way] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        """(what was done, table): changes that were ``filtered``, ``masked``, ``routed`` since the start."""

    def check(self, target: TableTarget, relation: Relation) -> None:
        """Whether the rules fit a table as the catalog has it; raises ``CaptureError``, before anything is sent."""
        if not self._rules.are_empty:
            compile_plan(self._rules, target, relation, self._describe(relation), self._mask_key)

    def records(
        self, target: TableTarget, shape: TableShape, change: Change, place: Place, *, now_us: int
    ) -> tuple[Delivery, ...]:
        """All records of a change; ``change`` is (op, before, after), of a row that changes its key with both."""
        way = self._ways.get(target.table)
        if way is None or way.shape is not shape:
            way = self._ways[target.table] = self._way_of(target, shape, way)
        halves, plan = _halves(change), way.plan
        if plan is None:
            return way.deliver(target.topic, halves, place, now_us)
        if not plan.admits(halves.told, place):
            self.counts["filtered", target.table] += 1
            return ()
        if plan.covers:
            halves = halves.covered(plan)
            self.counts["masked", target.table] += 1
        topics = tuple(plan.topics(target, halves.told, place))
        if routed := sum(topic != target.topic for topic in topics):
            self.counts["routed", target.table] += routed
        return tuple(record for topic in topics for record in way.deliver(topic, halves, place, now_us))

    def _way_of(self, target: TableTarget, shape: TableShape, before: _Way | None) -> _Way:
        """The way of a version of a table; raises ``CaptureError`` where the rules do not fit it."""
        if self._rules.are_empty and self._codecs is None:
            return _Way(self.writer, target, shape, None, None)
        plan = compile_plan(self._rules, target, shape.relation, self._describe(shape.relation), self._mask_key)
        if before is not None and before.plan is not None:
            self._refuse_unmasked(before.plan, shape)
        return _Way(self.writer, target, shape, plan, self._codecs)

    def _refuse_unmasked(self, former: TablePlan, shape: TableShape) -> None:
        """A masked column that is gone may be there under another name."""
        optional = {field for mask in self._rules.masks if mask.may_be_missing for field in mask.fields}
        if gone := sorted(set(former.covers) - {name for name, _ in shape.columns} - optional):
            raise CaptureError(
                f"{former.table} has no column {', '.join(gone)} any more, which a mask names: mask its new name as"
                " well, or, where it is gone for good, write missing: ok beside that mask"
            )


def open_outgoing(options: CaptureOptions, database: Database) -> Outgoing:
    """The way out that ``options`` describe."""
    return Outgoing(
        EnvelopeWriter(options.prefix, database.name()),
        rules=options.rules,
        describe=describer(database.session),
        mask_key=options.mask_key,
        codecs=open_codecs(options),
    )


class _Halves:
    """A change and, where its row changes its key, the image of the other half."""

    __slots__ = ("other", "told")

    def __init__(self, told: Change, other: Image | None) -> None:
        self.told = told
        self.other = other

    def covered(self, plan: TablePlan) -> _Halves:
        op, before, after = self.told
        return _Halves((op, plan.cover(before), plan.cover(after)), plan.cover(self.other))


def _halves(change: Change) -> _Halves:
    op, before, after = change
    if op == "d" and after is not None:
        return _Halves((op, before, None), after)
    if op == "c" and before is not None:
        return _Halves((op, None, after), before)
    return _Halves(change, None)


class _Way:
    """How one version of a table goes out."""

    __slots__ = ("_by_topic", "_codecs", "_frame", "_writer", "plan", "shape", "target")

    def __init__(
        self,
        writer: EnvelopeWriter,
        target: TableTarget,
        shape: TableShape,
        plan: TablePlan | None,
        codecs: Codecs | None,
    ) -> None:
        self.target = target
        self.shape = shape
        self.plan = plan
        self._writer = writer
        self._frame = writer.frame(target.table, shape.relation.schema)
        self._codecs = codecs
        self._by_topic: dict[str, Codec] = {}

    def deliver(self, topic: str, halves: _Halves, place: Place, now_us: int) -> tuple[Delivery, ...]:
        """The record, and after a DELETE its tombstone."""
        op, before, after = halves.told
        row = before if op == "d" else after
        headers: Headers = ()
        if halves.other is not None:
            headers = ((NEW_KEY if op == "d" else OLD_KEY, key_of(self.target, halves.other)),)
        if self._codecs is None or self.plan is None:
            key = None if row is None else key_of(self.target, row)
            value: bytes | None = encode_change(self._frame, halves.told, place, now_us=now_us)
        else:
            codec = self._codec(topic, self._codecs, self.plan)
            key = None if row is None or not self.target.key else codec.key(row)
            schema = self.shape.relation.schema
            value = codec.value(self._writer.envelope(self.target.table, schema, halves.told, place, now_us=now_us))
        now_ms = now_us // 1_000
        record = Delivery(topic=topic, key=key, value=value, timestamp_ms=now_ms, headers=headers)
        if op != "d" or key is None:
            return (record,)
        return record, Delivery(topic=topic, key=key, value=None, timestamp_ms=now_ms, headers=headers)

    def _codec(self, topic: str, codecs: Codecs, plan: TablePlan) -> Codec:
        codec = self._by_topic.get(topic)
        if codec is None:
            codec = self._by_topic[topic] = codecs.codec(topic, self.target, self.shape, plan.columns)
        return codec
