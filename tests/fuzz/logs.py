"""Logs: what PostgreSQL's plugins send, damaged, through the capture's own readers. A refusal is a ``LogError``."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from streams.capture.log.pgoutput_stream import PgOutputReader
from streams.capture.log.plugins import LogReader
from streams.capture.log.spool import Spool
from streams.capture.options import LogError
from tests.capture.log.test_wal2json import a_reader, catalog

from ..pipeline.captured import FIXTURES
from .binary import damage_bytes
from .trees import damage, parse, write

LSN = 23_523_784
Run = Callable[[bytes], Iterator[object]]
"""Messages of what is sent; raises ``LogError``."""


def log_inputs() -> Iterator[tuple[str, Callable[[Random], bytes], Run]]:
    """(name, the next input, what reads it) of every reader."""
    for protocol in ("1", "4-streaming"):
        yield f"capture pgoutput {protocol}", _damaged_bytes(_raw(protocol)), _read_pgoutput
    for version in (1, 2):
        yield f"capture wal2json {version}", _damaged_text(_payloads(version)), _read_wal2json(version)


def _raw(protocol: str) -> list[bytes]:
    lines = (FIXTURES / "pgoutput" / f"shop-proto{protocol}.jsonl").read_text("utf-8").splitlines()
    return [b64decode(json.loads(line)["raw"]) for line in lines]


def _payloads(version: int) -> list[bytes]:
    lines = (FIXTURES / "wal2json" / f"shop-v{version}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["payload"].encode() for line in lines]


def _damaged_bytes(values: list[bytes]) -> Callable[[Random], bytes]:
    def make(chance: Random) -> bytes:
        value = chance.choice(values)
        for _ in range(chance.choice([1, 1, 2, 3])):
            value = damage_bytes(value, chance.choice(values), chance)
        return value

    return make


def _damaged_text(values: list[bytes]) -> Callable[[Random], bytes]:
    trees = [parse(value) for value in values if not value.startswith(b'{"change":[,')]

    def make(chance: Random) -> bytes:
        if chance.random() < 0.2:
            return damage_bytes(chance.choice(values), chance.choice(values), chance)
        tree = chance.choice(trees)
        for _ in range(chance.choice([1, 1, 2, 4])):
            tree = damage(tree, trees, chance)
        return write(tree).encode("utf-8", "surrogatepass")

    return make


def _read_pgoutput(data: bytes) -> Iterator[object]:
    with TemporaryDirectory() as folder, Spool(Path(folder), "fuzz") as spool:
        reader = PgOutputReader({}, spool)
        if data[:1] not in b"SEcA":
            yield from reader.read(data, LSN)
            return
        # What comes in a stream is read at its end.
        yield from reader.read(b"S\x00\x00\x00\x09\x01", LSN)
        yield from reader.read(b"I\x00\x00\x00\x09" + data, LSN)
        yield from reader.read(data, LSN)
        yield from reader.read(b"E", LSN)


def _read_wal2json(version: int) -> Run:
    tables = catalog()
    begin = next(value for value in _payloads(2) if value.startswith(b'{"action":"B"'))

    def read(data: bytes) -> Iterator[object]:
        reader: LogReader = a_reader(version, tables)
        if version == 2 and not data.startswith(b'{"action":"B"'):
            yield from reader.read(begin, LSN)
        yield from reader.read(data, LSN)

    return read


def outcome_of_log(run: Run, data: bytes) -> tuple[str, str]:
    """(outcome, the error's text)."""
    try:
        count = sum(1 for _ in run(data))
    except LogError as error:
        return "log_error", str(error)
    return ("(messages)" if count else "(nothing)"), ""
