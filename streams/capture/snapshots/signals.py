"""Signals: what a running capture is asked to do, in Debezium's words.

A row of the signal table, ``(id, type, data)``, or a transactional message with the prefix ``streams-signal`` and the
same as JSON. What is asked takes effect with the transaction that asks it. A signal that cannot be followed is
reported and passed over: it must not stop a capture.

Source: Debezium 3.7, "Sending signals to a Debezium connector" and "Incremental snapshots".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, get_args

import msgspec
from msgspec.structs import replace

from ..log.pgoutput import LogicalMessage, Relation
from ..options import SCHEMA
from ..position import SnapshotState, TableSnapshot

logger = logging.getLogger("streams.capture")

PREFIX = "streams-signal"
DEBEZIUMS_OWN = "snapshot-window-"

Type = Literal["execute-snapshot", "stop-snapshot", "pause-snapshot", "resume-snapshot"]


class SignalError(Exception):
    """A signal that cannot be followed; the message says why, without its content."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One signal."""

    id: str
    type: Type
    tables: tuple[str, ...] = ()
    """Patterns of ``schema.table``, as Debezium matches them; of a stop, none: all."""


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    id: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Data(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    data_collections: tuple[str, ...] = ()
    type: str = "incremental"
    additional_conditions: tuple[object, ...] = ()
    additional_condition: str | None = None


class Inbox:
    """Signals of the open transaction. They take effect at its end, once: a transaction may be sent again."""

    def __init__(self, table: str | None, final_lsn: int) -> None:
        self._table = table
        self._final_lsn = final_lsn
        self._signals: list[Signal] = []

    def look(self, relation: Relation, row: Mapping[str, object] | None) -> None:
        """A row came somewhere. Those that a Debezium writes for itself are none of ours."""
        is_here = relation.table == self._table and relation.schema == SCHEMA
        if is_here and row is not None and not str(row.get("type")).startswith(DEBEZIUMS_OWN):
            self._take(lambda: signal_of_row(row))

    def read(self, message: LogicalMessage) -> None:
        """A logical message came."""
        if message.prefix == PREFIX and message.is_transactional:
            self._take(lambda: signal_of_message(message.content))

    def _take(self, parse: Callable[[], Signal]) -> None:
        try:
            self._signals.append(parse())
        except SignalError as error:
            logger.warning("a signal is passed over: %s", error)

    def end(self, final_lsn: int, state: SnapshotState, keyed: Sequence[str]) -> SnapshotState:
        """The state after a transaction."""
        signals, self._signals = self._signals, []
        if final_lsn <= self._final_lsn:
            return state
        self._final_lsn = final_lsn
        for signal in signals:
            try:
                state = follow_signal(state, signal, keyed)
                logger.info("signal %s", signal.type)
            except SignalError as error:
                logger.warning("a signal is passed over: %s", error)
        return state


def signal_of_row(row: Mapping[str, object]) -> Signal:
    """What an inserted row asks for; raises ``SignalError``."""
    data = row.get("data")
    return _signal(str(row.get("id")), str(row.get("type")), data.encode() if isinstance(data, str) else b"{}")


def signal_of_message(content: bytes) -> Signal:
    """What a logical message asks for; raises ``SignalError``."""
    try:
        message = msgspec.json.decode(content, type=_Message)
    except msgspec.DecodeError:
        raise SignalError('it is no JSON such as {"id": "1", "type": "execute-snapshot", "data": {…}}') from None
    return _signal(message.id, message.type, bytes(message.data))


def _signal(number: str, kind: str, content: bytes) -> Signal:
    try:
        kind_known = msgspec.convert(kind, type=Type)
        data = msgspec.json.decode(content or b"{}", type=_Data)
        for pattern in data.data_collections:
            re.compile(pattern)
    except msgspec.ValidationError:
        raise SignalError(f"its type or data is none that we know; types are {', '.join(get_args(Type))}") from None
    except (msgspec.DecodeError, re.error):
        raise SignalError('its data is no JSON such as {"data-collections": ["public.orders"]}') from None
    if data.type.lower() != "incremental":
        raise SignalError("only incremental snapshots can be asked for")
    if data.additional_conditions or data.additional_condition:
        raise SignalError("conditions are not supported; it would read more than was asked for")
    if kind_known == "execute-snapshot" and not data.data_collections:
        raise SignalError("it names no data-collections")
    return Signal(id=number, type=kind_known, tables=data.data_collections)


def follow_signal(state: SnapshotState, signal: Signal, keyed: Iterable[str]) -> SnapshotState:
    """The state after a signal; ``keyed`` are the captured tables that have a primary key."""
    match signal.type:
        case "pause-snapshot":
            return replace(state, is_paused=True)
        case "resume-snapshot":
            return replace(state, is_paused=False)
        case "stop-snapshot":
            return _without(state, signal)
        case "execute-snapshot":
            return _with(state, signal, keyed)


def _without(state: SnapshotState, signal: Signal) -> SnapshotState:
    """Only what a signal asked for is stopped: what the capture owes its readers is not."""
    kept = tuple(
        task
        for task in state.queue
        if task.signal is None or (signal.tables and not _is_meant(task.table, signal.tables))
    )
    return replace(state, queue=kept, is_paused=False)


def _with(state: SnapshotState, signal: Signal, keyed: Iterable[str]) -> SnapshotState:
    waiting = {task.table for task in state.queue if task.after is None}
    meant = [table for table in keyed if _is_meant(table, signal.tables)]
    if not meant:
        raise SignalError("it names no captured table that has a primary key")
    tasks = [TableSnapshot(table=table, signal=signal.id) for table in meant if table not in waiting]
    return replace(state, queue=(*state.queue, *tasks))


def _is_meant(table: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(pattern, f"{SCHEMA}.{table}") for pattern in patterns)
