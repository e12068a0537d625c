"""Named points in a worker at which it is killed by itself: what a random kill meets once in a thousand times."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

from streams.state.stores.rocksdb import RocksStore
from streams.worker.changelogs import ChangelogReader
from streams.worker.engine import Engine
from streams.worker.transactions import Transactions

MOST_WRITE_S = 0.002
"""A checkpoint's write to a store takes about as long."""


def leave_the_lane() -> None:
    """Plain records, too, go through the steps in Python, where they can be got at."""
    os.environ["STREAMS_NATIVE"] = "0"


def die() -> None:
    """kill -9, said first: a test must know that it was reached."""
    os.write(2, b"killed at the named point\n")
    os.kill(os.getpid(), signal.SIGKILL)


def die_soon() -> None:
    """The kernel ends this process within the next call, whatever holds the interpreter."""
    os.write(2, b"killed at the named point\n")
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, MOST_WRITE_S))


def before(owner: type, name: str, is_due: Callable[[], bool], deed: Callable[[], None] = die) -> None:
    """``deed`` at the entry of a method, where it is due."""
    method = getattr(owner, name)

    @wraps(method)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if is_due():
            deed()
        return method(*arguments, **named)

    setattr(owner, name, wrapped)


def after(owner: type, name: str, is_due: Callable[[], bool]) -> None:
    """Death when a method has done its work."""
    method = getattr(owner, name)

    @wraps(method)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        result = method(*arguments, **named)
        if is_due():
            die()
        return result

    setattr(owner, name, wrapped)


class SpiedProducer:
    """A producer, and what happens around its calls."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def __len__(self) -> int:
        return len(self._producer)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._producer, name)
        watch = WATCHED.get(name)
        return call if watch is None else lambda *arguments, **named: watch(call, arguments, named)


Watch = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
WATCHED: dict[str, Watch] = {}
"""By method of the producer, what is done instead: it may call the method."""


def spy() -> None:
    """Every transaction of this process goes through a ``SpiedProducer``."""
    if getattr(Transactions, "is_spied", False):
        return
    begin = Transactions.__init__

    def begin_spied(self: Any, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        self._producer = SpiedProducer(self._producer)

    Transactions.__init__ = begin_spied  # type: ignore[method-assign]
    Transactions.is_spied = True  # type: ignore[attr-defined]


def around(call_name: str, is_due: Callable[[], bool], *, ends_after: bool) -> None:
    """Death before or after a call of the producer."""
    spy()

    def watch(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        is_now = is_due()
        if is_now and not ends_after:
            die()
        result = call(*arguments, **named)
        if is_now:
            die()
        return result

    WATCHED[call_name] = watch


def _mid_send(is_due: Callable[[], bool]) -> None:
    """Some of a batch's outputs are in the log, the others are not."""
    spy()

    def watch(call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        result = call(*arguments, **named)
        if is_due():
            call.__self__.flush(5)  # type: ignore[attr-defined]
            die()
        return result

    WATCHED["produce"] = watch


def _after_changelog(is_due: Callable[[], bool]) -> None:
    """The changelog is in Kafka's log, acknowledged, and not committed."""
    send = Transactions.send_changelog

    def wrapped(self: Any, runs: Any) -> None:
        send(self, runs)
        if is_due():
            self._producer.flush(5)
            die()

    Transactions.send_changelog = wrapped  # type: ignore[method-assign]


def _mid_revoke(is_due: Callable[[], bool]) -> None:
    """The last checkpoint is committed, the stores are still open."""
    drop = Engine._drop_tasks

    def wrapped(self: Any) -> None:
        if self.tasks and is_due():
            die()
        drop(self)

    Engine._drop_tasks = wrapped  # type: ignore[method-assign]


POINTS: dict[str, Callable[[Callable[[], bool]], None]] = {
    "before_changelog": lambda is_due: before(Transactions, "send_changelog", is_due),
    "after_changelog": _after_changelog,
    "before_offsets": lambda is_due: around("send_offsets_to_transaction", is_due, ends_after=False),
    "after_offsets": lambda is_due: around("send_offsets_to_transaction", is_due, ends_after=True),
    "before_commit": lambda is_due: around("commit_transaction", is_due, ends_after=False),
    "after_commit": lambda is_due: around("commit_transaction", is_due, ends_after=True),
    "before_store": lambda is_due: before(RocksStore, "write", is_due),
    "in_store": lambda is_due: before(RocksStore, "write", is_due, die_soon),
    "after_store": lambda is_due: after(RocksStore, "write", is_due),
    "mid_send": _mid_send,
    "mid_restore": lambda is_due: after(ChangelogReader, "_apply", is_due),
    "mid_revoke": _mid_revoke,
    "mid_assign": lambda is_due: before(Engine, "_begin", is_due),
}
"""Where: before and after each of a checkpoint's steps, in the middle of sending, restoring, giving up and taking."""


def set_point(name: str, passes: int) -> None:
    """Death at the pass of this number."""
    left = passes

    def is_due() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    POINTS[name](is_due)
