"""The shop at size: 1,000,000 changes of a database, through capture, repartition, joins and windows, under kills.

Whatever is killed, tables equal SQL on the database, and topics hold each change once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.capture.process import CapturedDatabase

from .arena import Arena
from .shop.database import Size
from .shop.run import ShopRun

SHORT = Size(changes=6_000, users=100, products=100, largest=40, rate=400)
LONG = Size(changes=1_000_000, users=2_000, products=4_000, largest=2_000)
PATIENT = {"broker.session.timeout.ms": 60_000}
"""The only broker there is is not to be taken for dead where all cores are busy: no partition had a leader then."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path / "kafka", options=PATIENT) as held:
        yield held


@pytest.fixture
def database(
    broker: EmbeddedKafka, postgres: EmbeddedPostgres, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    name = unique("shop").replace("-", "_")
    with CapturedDatabase(postgres=postgres, kafka=broker, name=name, folder=tmp_path) as held:
        yield held


@pytest.mark.fault(
    "SHOP", "1,000,000 changes of the shop, kill -9 of workers and capture every 20 s",
    protection="one transaction: outputs, state and offsets become visible together", without="one_commit",
)  # fmt: skip
def test_a_shop_under_kills_says_what_sql_says(
    arena_of: Callable[[str], Arena], broker: EmbeddedKafka, database: CapturedDatabase
) -> None:
    with arena_of(broker.bootstrap) as arena:
        kills = arena.pick(short={"kill_every_s": 15.0, "kills": 4}, long={"kill_every_s": 20.0})
        shop = ShopRun(arena, database, arena.pick(short=SHORT, long=LONG), **kills)
        shop.open()
        shop.trade_and_kill(patience_s=arena.pick(short=400.0, long=2_400.0))
        shop.settle(patience_s=arena.pick(short=300.0, long=600.0))

        shop.judge()
