"""Sources: what a pipeline file says of its input, checked against what its format and contract can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.contracts.model import Column, Contract

from .formats.codecs import REGISTERED_FORMATS
from .formats.times import event_time_reader, is_event_time
from .grammar import CHANGE_FORMATS
from .identity import hide, identify_by_change, identify_by_columns
from .joining.plan import Join, Relation, TableJoin
from .pairing.plan import Pairing
from .plan import Codec, EventTime
from .retries.plan import Retries
from .routes import Reporter
from .serials import Deduplication, serial_of_changes, serial_of_columns
from .spec import Pipeline
from .transactional.plan import Transactional

UNREAD = Codec(name="", decode=lambda record: None, has_images=False)
"""Of a plan that will not run: what is wrong with it has been told."""


def check_source(reporter: Reporter, pipeline: Pipeline, contract: Contract, *, has_registry: bool) -> None:
    """Report what the source cannot be."""
    source, columns = pipeline.source, contract.columns
    if source.format in REGISTERED_FORMATS and not has_registry:
        message = f"{source.format} names its schemas by id: set STREAMS_REGISTRY to a registry's URL"
        reporter.problem(("source", "format"), message)
    if source.key is not None:
        reporter.require_columns(source.key, ("source", "key"), columns)
    if (source.identity or source.is_full) and source.format not in CHANGE_FORMATS:
        reporter.problem(("source", "identity"), f"{source.format} has no DELETEs; leave it out")
    if source.identity is None:
        return
    reporter.require_columns(source.identity, ("source", "identity"), columns)
    if not source.key or not set(source.key) <= set(source.identity):
        names = ", ".join(source.identity)
        message = (
            f"a DELETE tells only {names}, so it meets its row only where the topic is partitioned by that: let the"
            f" connector key it so (message.key.columns) and write key: [{names}]"
        )
        reporter.problem(("source", "identity"), message)


def _is_untold(reporter: Reporter, pipeline: Pipeline, key: tuple[str, ...]) -> bool:
    """Nothing tells two changes apart: rows of one COPY have one log position, and wal2json says no more of them."""
    if key or pipeline.source.format != "wal2json-v2":
        return False
    if pipeline.deduplicate is not None:
        message = "without a key nothing tells wal2json's equal rows apart; name columns, or none"
        reporter.problem(("deduplicate", "by"), message)
    return True


def deduplication_of(
    reporter: Reporter, pipeline: Pipeline, columns: Mapping[str, Column], key: tuple[str, ...]
) -> tuple[Deduplication | None, str]:
    """What makes two records the same change, and the word or the columns it is asked by."""
    spec, is_change_format = pipeline.deduplicate, pipeline.source.format in CHANGE_FORMATS
    by = ("identity" if is_change_format else "none") if spec is None else spec.by
    keep_ms = 86_400_000 if spec is None else spec.keep_ms
    if by == "none":
        return None, "none"
    if by == "identity":
        if not is_change_format:
            reporter.problem(("deduplicate", "by"), "identity is for change formats; name event_id or columns")
        if _is_untold(reporter, pipeline, key):
            return None, "none"
        identify = identify_by_change(key)
        is_secret = any(column in pipeline.mask for column in key)
        identify = hide(identify) if is_secret else identify
        return Deduplication(identify=identify, serial=serial_of_changes(), keep_ms=keep_ms), "identity"
    names = ("event_id",) if isinstance(by, str) else by
    reporter.require_columns(names, ("deduplicate", "by"), columns)
    is_secret = any(column in pipeline.mask for column in names)
    otherwise = hide(identify_by_change(key)) if is_change_format else None
    identify = identify_by_columns(names, is_secret=is_secret, unless_sent=otherwise)
    serial = None if is_secret else serial_of_columns(names, columns)
    open_names = () if is_secret else tuple(names)
    return Deduplication(identify=identify, serial=serial, keep_ms=keep_ms, columns=open_names), repr(names)


def event_time_of(reporter: Reporter, name: str | None, columns: Mapping[str, Column]) -> EventTime:
    """Where an event's time is read; ``name`` is the column, ``None``: the commit time."""
    if name is None:
        return EventTime(column=None, read=None)
    column = columns.get(name)
    if column is None or not is_event_time(column):
        what = "no such column" if column is None else f"{column.type.value}, not a timestamp or an integer"
        reporter.problem(("source", "event_time"), f"{name}: {what}")
        return EventTime(column=name, read=None)
    return EventTime(column=name, read=event_time_reader(name, columns))


def partners_of(joins: Iterable[Join | TableJoin], pairing: Pairing | None) -> tuple[str, ...]:
    """Pipelines of the same tasks that a pipeline reads."""
    streams = () if pairing is None or pairing.stage is not None else (pairing.partner,)
    return tuple(dict.fromkeys((*(join.pipeline for join in joins if join.meeting is None), *streams)))


def further_topics_of(
    retries: Retries | None, relation: Relation | None, transactional: Transactional | None, joins: Iterable[Join]
) -> tuple[str, ...]:
    """What a pipeline reads besides its source: events that wait, answers of joins elsewhere, ends of transactions."""
    waiting = () if retries is None else retries.topics.values()
    answers = () if relation is None else (held.answers for held in relation.meetings)
    replies = (join.meeting.answers for join in joins if join.meeting is not None)
    return (*waiting, *answers, *replies, *(() if transactional is None else (transactional.ends,)))
