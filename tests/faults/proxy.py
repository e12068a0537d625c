"""Proxy: TCP gates in front of brokers, over which a network can be cut, slow, lossy, or break its connections.

A gate passes bytes on as TCP would hand them over: in order, none missing. So a *cut* is silence (what was sent
meanwhile arrives after ``heal``, however late), *delay* is added to every read in each direction, and *loss* is what
a lost segment costs: all that follows waits until it has been sent again. Windows of congestion, which a real sender
would narrow at each loss, are not modelled.
"""

from __future__ import annotations

import asyncio
import math
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from streams.embedded.process import free_port

T = TypeVar("T")
CHUNK_BYTES = 64 << 10
SEGMENT_BYTES = 1_448
LEAST_RESEND_S = 0.2
"""Linux waits so long before it sends a segment again, or a round trip, whichever is longer."""
CHUNKS_UNDER_WAY = 64
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: the other end is told that the connection broke, not that it ended."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What the network is like, in each direction."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    """The delay varies by so much, up and down."""
    loss: float = 0.0
    """Share of segments that get lost, and of those sent again."""
    bytes_a_second: float = math.inf

    def draw_delay(self, size: int, chance: random.Random) -> float:
        """Seconds that ``size`` bytes take."""
        delay_s = max(0.0, self.delay_s + chance.uniform(-self.jitter_s, self.jitter_s))
        segments, resend_s = math.ceil(size / SEGMENT_BYTES), max(LEAST_RESEND_S, 2 * self.delay_s)
        while self.loss and chance.random() > (1 - self.loss) ** segments:
            delay_s += resend_s
            segments, resend_s = 1, 2 * resend_s
        return delay_s


CLEAR = Weather()


class Gate:
    """One port and the one behind it; everything here runs in the proxy's loop."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.target = 0
        self.weather = CLEAR
        self.passed = 0
        """Bytes, both ways."""
        self.is_open = asyncio.Event()
        self.is_open.set()
        self._chance = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port, limit=CHUNK_BYTES)

    async def break_connections(self) -> None:
        """All of them end at once, in the middle of whatever they carry."""
        for connection in list(self._connections):
            connection.cancel()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.break_connections()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        held = [writer]
        try:
            await self.is_open.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK_BYTES)
            held.append(far_writer)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer))
                pumps.create_task(self._pump(far_reader, writer))
        except (OSError, ExceptionGroup):
            pass  # one end has gone: so does the other
        except asyncio.CancelledError:
            for end in held:
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.transport.abort()
        finally:
            self._connections.discard(task)
            for end in held:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_UNDER_WAY)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._take(reader, under_way))
            ends.create_task(self._deliver(under_way, writer))
        raise ConnectionResetError  # ends the other direction, too: Kafka's clients never close one alone

    async def _take(self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock, last_s = asyncio.get_running_loop().time, 0.0
        while True:
            data = await reader.read(CHUNK_BYTES)
            weather = self.weather
            least_s = last_s + len(data) / weather.bytes_a_second
            last_s = max(least_s, clock() + weather.draw_delay(len(data), self._chance))
            await under_way.put((last_s, data))
            if not data:
                return

    async def _deliver(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due_s, data = await under_way.get()
            if (wait_s := due_s - clock()) > 0:
                await asyncio.sleep(wait_s)
            await self.is_open.wait()
            if not data:
                return
            writer.write(data)
            self.passed += len(data)
            await writer.drain()


class Proxy:
    """Gates and the thread that serves them; a context manager. Gates are known by their place, 0 and on."""

    def __init__(self, count: int, *, seed: int = 1) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._gates: list[Gate] = []
        self._seed = seed
        self._count = count

    @property
    def ports(self) -> list[int]:
        return [gate.port for gate in self._gates]

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._each(Gate.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _open(self) -> None:
        for place in range(self._count):
            gate = Gate(free_port(), self._seed * 1_000 + place)
            await gate.listen()
            self._gates.append(gate)

    def aim(self, place: int, port: int) -> None:
        """Where a gate leads."""
        self._gates[place].target = port

    def cut(self, *places: int) -> None:
        """Silence on these gates: connections stay, nothing passes, new ones get no answer."""

        async def close(gate: Gate) -> None:
            gate.is_open.clear()

        self._each(close, *places)

    def heal(self, *places: int) -> None:
        """All gates, or these, pass on what has waited, and the sky is clear."""

        async def clear(gate: Gate) -> None:
            gate.weather = CLEAR
            gate.is_open.set()

        self._each(clear, *places)

    def set_weather(self, weather: Weather, *places: int) -> None:
        """Delay and loss on all gates, or these."""

        async def change(gate: Gate) -> None:
            gate.weather = weather

        self._each(change, *places)

    def break_connections(self, *places: int) -> None:
        """Reset all connections of all gates, or these."""
        self._each(Gate.break_connections, *places)

    def passed(self, *places: int) -> int:
        """Bytes that have passed all gates, or these, both ways; what a client has received is among them."""

        async def add_up() -> int:
            return sum(self._gates[place].passed for place in places or range(self._count))

        return self._run(add_up())

    def _each(self, change: Callable[[Gate], Coroutine[Any, Any, None]], *places: int) -> None:
        for place in places or range(self._count):
            self._run(change(self._gates[place]))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
