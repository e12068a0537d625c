"""Load: requests over kept connections, as many as a server answers; the answers are only counted.

A client library would be slower than what it measures: here a request is ready bytes, and an answer ends where its
length says.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run showed."""

    per_second: float
    cpu_us: float
    """Microseconds of the server's CPU a request: it does not depend on what else the machine does."""


def request_of(path: str, body: bytes = b"") -> bytes:
    """A request as it is sent."""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: registry\r\n"
    more = f"Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{head}{more}Accept: application/vnd.schemaregistry.v1+json\r\n\r\n".encode() + body


def measure(port: int, pid: int, requests: Sequence[bytes], seconds: float) -> Measured:
    """``requests`` in turn, for a while."""
    before, start = _cpu_seconds(pid), time.perf_counter()
    answered = asyncio.run(_ask_for(port, requests, seconds))
    took, cpu = time.perf_counter() - start, _cpu_seconds(pid) - before
    return Measured(per_second=answered / took, cpu_us=cpu / answered * 1e6)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _ask_for(port: int, requests: Sequence[bytes], seconds: float) -> int:
    turn = itertools.cycle(requests)
    deadline = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_ask(port, turn, deadline) for _ in range(CONNECTIONS))))


async def _ask(port: int, turn: Iterator[bytes], deadline: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.perf_counter() < deadline:
        writer.write(next(turn))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode().splitlines()[0])
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        answered += 1
    writer.close()
    return answered
