"""Judging where the whole verdict does not apply: no worker runs, a changelog is gone, an order was given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from . import kafkalog, oracle
from .arena import Arena


def set_options(brokers: str, topic: str, options: Mapping[str, str]) -> None:
    """Options of a topic, as an operator changes them."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in options.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": brokers})  # must outlive its question
    (future,) = admin.incremental_alter_configs([resource]).values()
    future.result(30)


def judge_topics(arena: Arena, *, but: str = "", allowed: Mapping[str, int] | None = None) -> None:
    """What Kafka alone tells; ``but``: a changelog that is no more to be looked at.

    ``allowed``: figures that are not zero, and must be just that.
    """
    topics = arena.topics()
    kept = {short: topic for short, topic in topics.changelogs.items() if topic != but}
    found = oracle.judge(replace(topics, changelogs=kept))
    arena.figures |= found
    del found["late"]  # no fault
    assert {name: count for name, count in found.items() if count} == dict(allowed or {})


def count_changelog(arena: Arena) -> int:
    """Records that the changelogs hold."""
    topics = arena.topics().changelogs.values()
    return sum(sum(1 for _ in kafkalog.read_log(arena.brokers, topic)) for topic in topics)


def count_aborted(arena: Arena) -> int:
    """Published rows that were written and not committed: work that was begun and done again."""
    seen = [sum(1 for _ in kafkalog.read_log(arena.brokers, arena.enriched, isolation=isolation))
            for isolation in ("read_uncommitted", "read_committed")]  # fmt: skip
    return seen[0] - seen[1]
