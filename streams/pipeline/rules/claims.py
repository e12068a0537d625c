"""Build claims: rules about several rows become what a pipeline tells its stage, and the stage itself.

Values leave the task that knows them as digests: keyed by the secret of ``mask: hash`` where they are classified.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256

from streams.contracts.model import Column
from streams.quality.rules import Dimension, Fresh, Rule
from streams.records import ChangeEvent

from ..group import group_by
from .checks import time_reader
from .plan import Claim, Claims, Measure, Role, Stage, StageKind, StageRule

_PLAIN = re.compile(r"[A-Za-z0-9_.+]{1,80}")
_KINDS = {
    Dimension.UNIQUENESS: StageKind.UNIQUE,
    Dimension.REFERENCES: StageKind.REFERENCE,
    Dimension.FRESHNESS: StageKind.FRESH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """What claims must know of the rows of a pipeline."""

    app: str
    pipeline: str
    dataset: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    """Of the contract."""
    identity: tuple[str, ...]
    """What the source tells of a row that went: the key, or the columns of another index."""
    secret: bytes | None
    """Key of digests of classified values; ``None``: they are digests without a key."""
    masked: frozenset[str]

    def is_secret(self, names: tuple[str, ...]) -> bool:
        """Whether one of these columns is classified or masked."""
        return any(name in self.masked or self.columns[name].classification for name in names)


def build_claims(rules: tuple[Rule, ...], facts: RowFacts) -> tuple[Claims | None, Stage | None]:
    """What is told of each row, and where; nothing without such rules."""
    if not rules:
        return None, None
    stage = Stage(
        pipeline=facts.pipeline,
        topic=f"{facts.app}-{facts.pipeline}-quality-repartition",
        findings=f"{facts.app}-{facts.pipeline}-quality",
        rules={rule.name: _stage_rule(rule, facts) for rule in rules},
    )
    of_rows = (rule for rule in rules if not isinstance(rule.kind, Fresh))
    claims = Claims(
        row_id=row_id(facts),
        key=facts.identity,
        claims=tuple(claim_of(rule.name, Role.HOLDER, rule.columns, facts, stage) for rule in of_rows),
        measures=tuple(_measure(rule, facts, stage) for rule in rules if isinstance(rule.kind, Fresh)),
    )
    return claims, stage


def with_targets(claims: Claims | None, added: list[Claim], facts: RowFacts) -> Claims:
    """The claims of a pipeline whose rows others refer to."""
    known = claims or Claims(row_id=row_id(facts), key=facts.identity)
    return replace(known, claims=(*known.claims, *added))


def claim_of(rule: str, role: Role, columns: tuple[str, ...], facts: RowFacts, stage: Stage) -> Claim:
    """The values of ``columns`` in each row, told to ``stage``."""
    owner = facts.pipeline if role is Role.HOLDER else f"{facts.pipeline}-for-{stage.pipeline}"
    return Claim(
        rule=rule,
        role=role,
        table=f"{owner}-{slug(rule)}",
        parts=tuple((column, _digest_of(column, facts, stage.rules[rule])) for column in columns),
        to=stage.topic,
        shape=stage.rules[rule].shape,
    )


def slug(name: str) -> str:
    """A rule's name as part of a topic's."""
    plain = re.sub(r"[^A-Za-z0-9_]", "-", name)[:80]
    if _PLAIN.fullmatch(name):
        return plain
    return f"{plain}-{blake2b(name.encode(), digest_size=4).hexdigest()}"


def _stage_rule(rule: Rule, facts: RowFacts) -> StageRule:
    keyed = facts.secret if facts.is_secret(rule.columns) else None
    print_of_key = "" if keyed is None else blake2b(b"quality", key=_key_of(keyed), digest_size=4).hexdigest()
    return StageRule(
        id=(facts.dataset, rule.dimension.value, rule.name),
        kind=_KINDS[rule.dimension],
        columns=rule.columns,
        table=f"{facts.pipeline}-quality-{slug(rule.name)}",
        shape=repr((rule.columns, print_of_key)),
        is_keyed=keyed is not None,
        message=rule.text,
        max_delay_ms=rule.kind.max_delay_ms if isinstance(rule.kind, Fresh) else 0,
    )


def _key_of(secret: bytes) -> bytes:
    return sha256(secret).digest()


def row_id(facts: RowFacts) -> Callable[[ChangeEvent], str]:
    """What identifies a row as canonical JSON, or its digest."""
    canonical = group_by(facts.identity, facts.columns)
    if not facts.is_secret(facts.identity):
        return lambda event: canonical(event).decode()
    key = b"" if facts.secret is None else _key_of(facts.secret)
    return lambda event: blake2b(canonical(event), key=key, digest_size=16).hexdigest()


def _digest_of(column: str, facts: RowFacts, rule: StageRule) -> Callable[[ChangeEvent], str | None]:
    """Who refers and who is referred to digest alike: by the rule, and by its column's class."""
    canonical = group_by((column,), facts.columns)
    key = _key_of(facts.secret) if facts.secret is not None and rule.is_keyed else b""
    space = f"{rule.table}\0".encode()

    def digest(event: ChangeEvent) -> str | None:
        if event.row.get(column) is None:
            return None
        return blake2b(space + canonical(event), key=key, digest_size=16).hexdigest()

    return digest


def _measure(rule: Rule, facts: RowFacts, stage: Stage) -> Measure:
    if not rule.columns:
        return Measure(rule=rule.name, time_of=lambda event: event.committed_ms, to=stage.topic)
    (name,) = rule.columns
    read = time_reader(facts.columns[name])

    def time_of(event: ChangeEvent) -> int | None:
        return None if name in event.unsent else read(event.row.get(name))

    return Measure(rule=rule.name, time_of=time_of, to=stage.topic)
