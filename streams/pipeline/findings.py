"""Findings: what a stage tells of rules about several rows.

In:   who holds which value, and how new the dataset is.
Out:  at each checkpoint a record for each finding that opened or changed, a tombstone for each that was resolved.
Next: streams.pipeline.task (the checkpoint)

What a checkpoint finds is what is true then: a value that was held twice for a moment in between is not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from streams.ledger import RuleId
from streams.records import Delivery

from .entries import Holders, Standing
from .route import encode_json
from .rules.plan import Stage, StageKind, StageRule
from .tables import PROGRESS_KEY, PipelineTables, StageTables, decode_group


def is_broken(rule: StageRule, held: Holders) -> bool:
    """Whether the rows that name a value break the rule."""
    return held.rows > 1 if rule.kind is StageKind.UNIQUE else held.rows > 0 and held.targets == 0


def refreshed(standing: Standing, rule: StageRule, time_ms: int, now_ms: int) -> Standing:
    """After a row of ``time_ms``: staleness may end with it, and begins only where time passes."""
    newest_ms = time_ms if standing.newest_ms is None else max(standing.newest_ms, time_ms)
    is_stale = standing.is_stale and now_ms - newest_ms > rule.max_delay_ms
    return replace(standing, newest_ms=newest_ms, is_stale=is_stale)


def judge_freshness(stage: Stage, tables: PipelineTables, *, now_ms: int) -> None:
    """Time passes: a dataset of which everything has been seen may be too old by now."""
    for name, rule in stage.rules.items():
        if rule.kind is StageKind.FRESH:
            held = tables.stage[name]
            standing = held.current()
            is_stale = standing.newest_ms is not None and now_ms - standing.newest_ms > rule.max_delay_ms
            if is_stale != standing.is_stale:
                held.standing.put(PROGRESS_KEY, replace(standing, is_stale=is_stale))


def publish_findings(stage: Stage, tables: PipelineTables) -> list[Delivery]:
    """What opened, changed or was resolved since the last checkpoint."""
    deliveries: list[Delivery] = []
    for name, rule in stage.rules.items():
        held = tables.stage[name]
        if rule.kind is StageKind.FRESH:
            deliveries += _freshness(rule, held, stage.findings)
        else:
            deliveries += _values(rule, held, stage.findings)
    return deliveries


def open_findings(stage: Stage, tables: PipelineTables) -> Mapping[RuleId, int]:
    """By rule, the findings of this partition that are open."""
    return {rule.id: tables.stage[name].current().open_findings for name, rule in stage.rules.items()}


def newest_times(stage: Stage, tables: PipelineTables) -> Iterator[tuple[StageRule, int]]:
    """(rule, newest time in ms) of objectives of freshness that are measured in this partition."""
    for name, rule in stage.rules.items():
        if (newest_ms := tables.stage[name].current().newest_ms) is not None:
            yield rule, newest_ms


def _values(rule: StageRule, tables: StageTables, topic: str) -> Iterator[Delivery]:
    opened = 0
    for key in list(tables.values.dirty_keys):
        held = tables.values.get(key)
        if held is None:
            continue
        broken = is_broken(rule, held)
        if broken:
            yield _told(rule, key.decode(), held, topic)
        elif held.is_told:
            yield _resolved(rule, key.decode(), held.time_ms, topic)
        if broken != held.is_told:
            opened += 1 if broken else -1
            is_gone = held.rows == held.targets == 0
            tables.values.put(key, None if is_gone else replace(held, is_told=broken))
    if opened:
        standing = tables.current()
        tables.standing.put(PROGRESS_KEY, replace(standing, open_findings=standing.open_findings + opened))


def _freshness(rule: StageRule, tables: StageTables, topic: str) -> Iterator[Delivery]:
    standing = tables.current()
    if standing.is_stale == standing.is_told or standing.newest_ms is None:
        return
    if standing.is_stale:
        facts = {**_facts(rule), "newest_ms": standing.newest_ms, "max_delay_ms": rule.max_delay_ms}
        yield Delivery(
            topic=topic, key=_key(rule, ""), value=encode_json(facts), timestamp_ms=max(standing.newest_ms, 0)
        )
    else:
        yield _resolved(rule, "", standing.newest_ms, topic)
    told = replace(standing, is_told=standing.is_stale, open_findings=int(standing.is_stale))
    tables.standing.put(PROGRESS_KEY, told)


def _told(rule: StageRule, digest: str, held: Holders, topic: str) -> Delivery:
    keys = [decode_group(row.encode()) if row.startswith("[") else row for row in held.sample]
    facts = {**_facts(rule), "rows": held.rows, "keys": keys}
    return Delivery(
        topic=topic, key=_key(rule, digest), value=encode_json(facts), timestamp_ms=max(held.time_ms, 0)
    )


def _resolved(rule: StageRule, digest: str, time_ms: int, topic: str) -> Delivery:
    return Delivery(topic=topic, key=_key(rule, digest), value=None, timestamp_ms=max(time_ms, 0))


def _key(rule: StageRule, digest: str) -> bytes:
    return encode_json({"rule": rule.id[2], "value": digest} if digest else {"rule": rule.id[2]})


def _facts(rule: StageRule) -> dict[str, object]:
    dataset, dimension, name = rule.id
    columns, message = list(rule.columns), rule.message
    return {"dataset": dataset, "dimension": dimension, "rule": name, "columns": columns, "message": message}
