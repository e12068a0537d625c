"""The proxy of the fault suite: what it breaks, and that it never breaks what TCP promises."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from .proxy import SEGMENT_BYTES, Proxy, Weather

SENT = bytes(range(256)) * 4_000


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _answer(connection: socket.socket) -> None:
    with connection, suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            connection.sendall(data)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(1) as held:
        held.aim(0, echo)
        yield held


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.ports[0]), timeout=60)


def receive(connection: socket.socket, size: int) -> bytes:
    held = b""
    while len(held) < size and (data := connection.recv(1 << 16)):
        held += data
    return held


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(0.3)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(60)


def test_bytes_come_in_order_whatever_the_weather(proxy: Proxy) -> None:
    proxy.set_weather(Weather(delay_s=0.01, jitter_s=0.01, loss=0.001))
    with connect(proxy) as connection:
        threading.Thread(target=connection.sendall, args=(SENT,)).start()

        assert receive(connection, len(SENT)) == SENT

    assert proxy.passed() == 2 * len(SENT)


def test_what_was_sent_into_a_cut_arrives_once_it_is_healed(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"before")
        assert receive(connection, 6) == b"before"
        proxy.cut(0)
        connection.sendall(b"meanwhile")
        assert is_silent(connection)

        proxy.heal()

        assert receive(connection, 9) == b"meanwhile"


def test_a_connection_made_during_a_cut_has_its_answer_afterwards(proxy: Proxy) -> None:
    proxy.cut(0)
    with connect(proxy) as connection:
        connection.sendall(b"hello")
        assert is_silent(connection)

        proxy.heal(0)

        assert receive(connection, 5) == b"hello"


def test_broken_connections_end_and_new_ones_are_taken(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"before")
        receive(connection, 6)

        proxy.break_connections()

        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connect(proxy) as connection:
        connection.sendall(b"after")
        assert receive(connection, 5) == b"after"


def test_delays_stay_within_what_was_set() -> None:
    chance = random.Random(1)
    drawn = [Weather(delay_s=0.2, jitter_s=0.1).draw_delay(100, chance) for _ in range(1_000)]

    assert 0.1 <= min(drawn) < 0.11
    assert 0.29 < max(drawn) <= 0.3


def test_a_segment_is_lost_as_often_as_was_set_and_costs_a_round_trip() -> None:
    chance = random.Random(1)
    weather = Weather(delay_s=0.2, loss=0.02)
    drawn = [weather.draw_delay(SEGMENT_BYTES, chance) for _ in range(10_000)]

    lost = [delay_s for delay_s in drawn if delay_s > 0.2]
    assert 150 < len(lost) < 250
    assert min(lost) == pytest.approx(0.6)
