"""Damage on the broker's disk: what a broker sends is not always what was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from streams.worker.stop import ExitCode
from tests.bench.oracle import differences, expected, published

from . import kafkalog
from .arena import Arena
from .test_source import quarantine


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker whose disk is at hand."""
    with EmbeddedKafka(tmp_path / "kafka") as kafka:
        yield kafka


def damage_a_batch(kafka: EmbeddedKafka, topic: str, number: int, folder: Path) -> None:
    """One byte of the log's second half is another, as a disk may give it back; a broker does not look."""
    kafka.stop()
    (segment,) = folder.rglob(f"{topic}-{number}/00000000000000000000.log")
    data = bytearray(segment.read_bytes())
    data[data.index(b'"amount"', len(data) // 2) + 9] ^= 1
    segment.write_bytes(data)
    kafka.start()


@pytest.mark.fault("DAMAGE", "a record batch is damaged on the broker's disk", protection="checksums are looked at",
                   without="checksums")  # fmt: skip
def test_a_damaged_batch_is_refused_by_name_until_somebody_gives_it_up(
    own_kafka: EmbeddedKafka, arena_of: Callable[[str], Arena], tmp_path: Path
) -> None:
    with arena_of(own_kafka.bootstrap) as arena:
        for first in range(0, 3_000, 100):
            arena.feed(100, first=first)
        number = arena.chance.randrange(4)
        damage_a_batch(own_kafka, arena.source, number, tmp_path / "kafka")
        arena.start("a")
        arena.await_that(lambda: arena.workers["a"].poll() is not None, "a worker that refuses", revives=False)
        assert arena.workers["a"].returncode == ExitCode.STATE_REFUSED
        said = re.findall(rf"streams quarantine add {re.escape(arena.source)} {number} (\d+)-(\d+)", arena.log("a"))
        first, last = map(int, said[0])
        quarantine(arena, "add", arena.source, str(number), f"{first}-{last}", "--why", "the disk")

        arena.start("a")
        arena.await_done()
        log = list(kafkalog.read_log(arena.brokers, arena.source))
        given_up = [record for record in log if record.partition == number and first <= record.offset <= last]
        kept = [(record.partition, record.key, record.value) for record in log if record not in given_up]
        wanted, dead = expected(kept)
        found = differences(wanted, published(arena.read(arena.enriched)))
        arena.figures |= {"records": len(log), "given up": len(given_up), **found}
        assert found == dict.fromkeys(found, 0)
        assert len(arena.read(arena.dead)) == dead
        assert 0 < len(given_up) < 200
