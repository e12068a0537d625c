"""What workers ask while they work: a schema registry that is away, a service that is down, slow and wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from tests.integration.cluster import Cluster
from tests.integration.test_lookups import live_through_moods, live_through_silence
from tests.integration.test_registry import live_through_an_outage

from .results import Shard


@pytest.mark.fault("FT24", "the schema registry is away", protection="a task waits for what it does not know",
                   without="patience")  # fmt: skip
def test_a_registry_that_is_away_stops_what_needs_it_alone(
    kafka: EmbeddedKafka, shard: Shard, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    seconds = 600.0 if shard.is_long else 12.0
    live_through_an_outage(kafka.bootstrap, tmp_path, unique("registry"), seconds, sabotage=shard.sabotage)


@pytest.mark.fault("FT26", "a service that is asked is down, slow, wrong",
                   protection="a failed answer is no answer; breaker, retries",
                   without="lookup_failures")  # fmt: skip
@pytest.mark.parametrize("is_retried", [True, False], ids=["retried", "waited for"])
def test_a_service_in_every_mood_loses_nothing_and_holds_up_nobody_else(
    kafka: EmbeddedKafka, shard: Shard, tmp_path: Path, unique: Callable[[str], str], is_retried: bool
) -> None:
    phase_s = 60.0 if shard.is_long else 5.0
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as cluster:
        cluster.program = "tests.faults.saboteur"
        live_through_moods(
            cluster, tmp_path, unique("rates"), is_retried=is_retried, phase_s=phase_s, SABOTAGE=shard.sabotage
        )


@pytest.mark.fault("FT26", "a service that is asked says nothing",
                   protection="a batch that asks holds up its task alone", without="own_waits")  # fmt: skip
def test_a_silent_service_holds_up_nobody_else(
    kafka: EmbeddedKafka, shard: Shard, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as cluster:
        cluster.program = "tests.faults.saboteur"
        live_through_silence(cluster, tmp_path, unique("rates"), SABOTAGE=shard.sabotage)
