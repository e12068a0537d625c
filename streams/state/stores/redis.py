"""A store in Redis or Valkey: committed state of one task under two keys of one slot.

**Whose it is.** Each write leaves a new stamp, and names the one that this store left before; who takes the task over
puts a stamp of its own there first. So a former owner's write changes nothing: ``StoreLostError``. Every read brings
the stamp along, of the same moment: entries that were flushed, or that an older copy of the server gives after a
failover, are never taken for what was written. It would be too late to find that out at the next write, for by then
Kafka has committed what was made of them.

**Large writes.** A script runs while everybody else waits, so a checkpoint goes in chunks, each with a stamp of its
own, and the last change, which is the marker, in the last of them. In between the store is ahead of its marker. Nobody
reads it then but who takes it over after a crash, and goes on in the changelogs where the marker says: they hold the
entries that came early, as Kafka committed them before, and hold them whole, so written again they are the same. For
this, entries must reach a copy of the server before the marker does, and they do: replicas, RDB and AOF are a beginning
of what was written, and keys with one hash tag are on one server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar
from weakref import WeakSet

import redis
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError, ResponseError

from .base import Range, StoreAwayError, StoreFailedError, StoreFullError, StoreLostError
from .redis_scripts import EMPTY, PAGE, STAMP_FIELD, TAKE, WRITE

T = TypeVar("T")
Entry = tuple[bytes, bytes | None]
Page = list[tuple[bytes, bytes]]

CHUNK_ENTRIES, CHUNK_BYTES = 2_000, 1 << 20
"""What one script writes: a few milliseconds. Lua takes 8,000 arguments."""
SENT_CHUNKS = 8
"""At once, before the first answer is read."""
FIRST_PAGE, LARGEST_PAGE, PAGE_BYTES = 64, 2_000, 256 << 10
SENT_RANGES = 100


class RedisStore:
    """Committed state of one task; ``name`` says in errors where, ``owner`` is a name that no other store has."""

    def __init__(self, client: redis.Redis, place: str, owner: str, *, name: str) -> None:
        self._client = client
        self._keys = (f"{place}:rows", f"{place}:keys")
        self._owner = owner
        self._writes = 0
        self._name = name
        self._scans: WeakSet[_Scan] = WeakSet()
        self._stamp = f"{owner}:0".encode()
        self._ask(lambda: self._client.eval(TAKE, 2, *self._keys, self._stamp))

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values of ``keys``, in their order."""
        if not keys:
            return []
        rows = self._keys[0]
        values: list[bytes | None] = self._ask(
            lambda: self._client.execute_command("HMGET", rows, *keys, STAMP_FIELD)  # type: ignore[no-untyped-call]
        )
        self._check(values.pop())
        return values

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries with ``start <= key < end``, ascending."""
        return next(self.scan_ranges([(start, end)]))

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """The keys of what ``scan`` gives."""
        return (key for key, _ in self.scan(start, end))

    def scan_ranges(self, ranges: Sequence[tuple[bytes, bytes]]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        """For each (start, end) what ``scan`` gives, a hundred of them in one round trip."""
        for first in range(0, len(ranges), SENT_RANGES):
            part = ranges[first : first + SENT_RANGES]
            asked = [(b"[" + start, b"(" + end, FIRST_PAGE) for start, end in part]
            for (_, bound, _), page in zip(asked, self._read_pages(asked), strict=True):
                scan = _Scan(self._read_pages, bound, page)
                self._scans.add(scan)
                yield scan

    def _read_pages(self, asked: Sequence[tuple[bytes, bytes, int]]) -> list[Page]:
        """For each (from, to, most) its entries, in one round trip."""
        answers = self._ask(lambda: self._execute(PAGE, asked))
        pages: list[Page] = []
        for stamp, keys, values in answers:
            self._check(stamp)
            pages.append(list(zip(keys, values, strict=True)))
        return pages

    def write(self, changes: Iterable[Entry], gone: Sequence[Range] = ()) -> None:
        """Apply all changes, or a part of them without the last one, which is the marker; ``None`` deletes.

        What is in the ranges of ``gone`` is deleted first. Raises ``StoreLostError`` where the store is another's by
        now, and ``StoreFullError``.
        """
        chunks = [*((b"[" + start, b"(" + end, 0) for start, end in gone), *_chunks(changes)]
        if not chunks:
            return
        for scan in list(self._scans):
            scan.read_rest()
        self._writes += 1
        mark = f"{self._owner}:{self._writes}"
        stamps = [self._stamp, *(f"{mark}.{part}".encode() for part in range(1, len(chunks))), mark.encode()]
        steps = [(before, after, *chunk) for before, after, chunk in zip(stamps, stamps[1:], chunks, strict=False)]
        try:
            self._send(steps)
        except StoreAwayError as error:
            # Perhaps nobody had asked for a while and the connection was closed. Where did it stop?
            if not isinstance(error.__cause__, LostConnectionError):
                raise
            self._send(steps[self._place_in(stamps) :])
        self._stamp = stamps[-1]

    def _place_in(self, stamps: list[bytes]) -> int:
        stamp = self._ask(lambda: self._client.hget(self._keys[0], STAMP_FIELD))
        if stamp not in stamps:
            raise StoreLostError(self._name)
        return stamps.index(stamp)

    def _send(self, steps: Sequence[tuple[Any, ...]]) -> None:
        for first in range(0, len(steps), SENT_CHUNKS):
            part = steps[first : first + SENT_CHUNKS]
            if not all(self._ask(lambda part=part: self._execute(WRITE, part), tries=1)):  # type: ignore[misc]
                raise StoreLostError(self._name)

    def empty(self) -> None:
        """Forget all entries at once."""
        self._writes += 1
        stamp = f"{self._owner}:{self._writes}".encode()
        if not self._ask(lambda: self._execute(EMPTY, [(self._stamp, stamp)]), tries=1)[0]:
            raise StoreLostError(self._name)
        self._stamp = stamp

    def close(self) -> None:
        """Nothing to release: the connections are the process's."""

    def _execute(self, script: str, calls: Iterable[Sequence[Any]]) -> list[Any]:
        """``script`` once for each of ``calls``, all in one round trip."""
        with self._client.pipeline(transaction=False) as pipeline:
            for arguments in calls:
                pipeline.eval(script, 2, *self._keys, *arguments)
            # Not as redis-py would raise it: that text quotes the arguments, which are rows.
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _ask(self, call: Callable[[], T], *, tries: int = 2) -> T:
        """What the server answers; where the connection is gone, with a new one."""
        while True:
            tries -= 1
            try:
                return call()
            except LostConnectionError as error:
                if not tries:
                    raise failure(error, self._name) from error
            except RedisError as error:
                raise failure(error, self._name) from error

    def _check(self, stamp: object) -> None:
        if stamp != self._stamp:
            raise StoreLostError(self._name)


class _Scan(Iterator[tuple[bytes, bytes]]):
    """One range, a page at a time. Before its store is written the rest is read: it shows what was at its beginning."""

    def __init__(
        self, read: Callable[[Sequence[tuple[bytes, bytes, int]]], list[Page]], bound: bytes, first: Page
    ) -> None:
        self._read = read
        self._bound = bound
        self._held = deque(first)
        self._most = FIRST_PAGE
        self._last = first[-1][0] if len(first) == FIRST_PAGE else None
        """Where to go on; ``None``: all has been read."""

    def __next__(self) -> tuple[bytes, bytes]:
        if not self._held:
            self._read_page()
        if not self._held:
            raise StopIteration
        return self._held.popleft()

    def read_rest(self) -> None:
        while self._last is not None:
            self._read_page()

    def _read_page(self) -> None:
        if self._last is None:
            return
        self._most = min(2 * self._most, LARGEST_PAGE)
        (page,) = self._read([(b"(" + self._last, self._bound, self._most)])
        self._held.extend(page)
        self._last = page[-1][0] if len(page) == self._most else None
        if sum([len(value) for _, value in page]) > PAGE_BYTES:
            self._most = max(1, self._most // 4)


def _chunks(changes: Iterable[Entry]) -> Iterator[tuple[Any, ...]]:
    """Arguments of ``WRITE``: no range, how many are put, those, and the keys that go. The last change comes last."""
    entries = list(changes)
    latest = dict(entries)
    if entries:
        key = entries[-1][0]
        latest[key] = latest.pop(key)
    puts, gone, size = list[bytes](), list[bytes](), 0
    for key, value in latest.items():
        if size > CHUNK_BYTES or len(puts) + 2 * len(gone) >= 2 * CHUNK_ENTRIES:
            yield b"", b"", len(puts) // 2, *puts, *gone
            puts, gone, size = [], [], 0
        if value is None:
            gone.append(key)
        else:
            puts += (key, value)
            size += len(value)
        size += len(key)
    if puts or gone:
        yield b"", b"", len(puts) // 2, *puts, *gone


def failure(error: RedisError, name: str) -> StoreFailedError:
    """What ``error`` means for a store; its text may quote a command, its class and first word cannot."""
    word = str(error).split(" ", 1)[0]
    if word == "OOM" or "-OOM" in str(error) or type(error).__name__ == "OutOfMemoryError":
        return StoreFullError(name)
    if isinstance(error, ResponseError) and type(error).__name__ not in ("ReadOnlyError", "MasterDownError"):
        said = word if word.isupper() else type(error).__name__
        return StoreFailedError(f"{name} refuses a command ({said})")
    return StoreAwayError(f"{name} does not answer ({type(error).__name__})")
