"""Look-ups through a real service that is down for a minute, slow for another and wrong for a third.

The events of one partition ask that service. Those of the other partitions ask a service that is well, each something
that nobody has asked before. Nothing is lost, rows keep their order, and the others keep their rate: each of them has
always as many events on their way, and the next are sent as results become visible, so that what holds them up for a
moment is missing from their rate and is never caught up. ``make faults`` has the minutes and judges the rate. ``make
test`` has seconds, beside other tests: it tells the rate, and judges without a clock that the others go on while a
service says nothing at all.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from tests.contracts.builders import a_contract, a_folder, a_schema

from .cluster import Cluster, WholeRecord, read_whole
from .rates_load import ASKING, OTHERS, Load, Phase
from .rates_service import Mood, RatesService

pytestmark = [pytest.mark.integration]

PIPELINE = """pipeline: priced
source: {topic: STAMP.orders.v1, format: json, contract: "iglu:com.acme/things/jsonschema/1-*-*"}
lookup:
  vat:
    call: "tests.integration.rates:rate"
    args: [code]
    timeout: TIMEOUTms
    missing: keep
    breaker: {failures: 5, calls: 10, open: OPENms}
  score: {call: "tests.integration.rates:score", args: [number], concurrency: 64, cache: {size: 0}}
route: [{to: STAMP.priced.v1}]
errors: {dead_letters: STAMP.dead.v1RETRY}
"""


def retry_of(phase_s: float) -> str:
    """Delays that outlast three phases, whatever the reasons are that the service gives."""
    delays = ["1s", *(f"{int(phase_s * share * 1_000)}ms" for share in (0.25, *[0.5] * 7))]
    return f", retry: {{lookup_unavailable: [{', '.join(delays)}], lookup_failed: [{', '.join(delays)}]}}"


def prepared(folder: Path, stamp: str, phase_s: float, *, is_retried: bool, timeout_ms: int = 250) -> Path:
    columns = {"id": {"type": "integer"}, "code": {"type": ["string", "null"]}, "number": {"type": "integer"}}
    pipeline = PIPELINE.replace("STAMP", stamp).replace("OPEN", str(int(phase_s * 50)))
    pipeline = pipeline.replace("TIMEOUT", str(timeout_ms))
    return a_folder(
        folder / "schemas",
        {
            "com.acme/things/jsonschema/1-0-0": a_schema(properties=columns),
            "com.acme/things/contract.yaml": a_contract("{name: id, logicalType: integer, primaryKey: true}"),
            "pipelines/priced.yaml": pipeline.replace("RETRY", retry_of(phase_s) if is_retried else ""),
        },
    )


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


@pytest.mark.parametrize(
    ("is_retried", "phase_s"),
    [
        pytest.param(True, 5.0, id="retried, seconds"),
        pytest.param(False, 5.0, id="waited for, seconds"),
        pytest.param(True, 60.0, id="retried, minutes", marks=pytest.mark.faults),
    ],
)
def test_a_service_that_is_down_slow_and_wrong(
    cluster: Cluster, tmp_path: Path, unique: Callable[[str], str], is_retried: bool, phase_s: float
) -> None:
    live_through_moods(cluster, tmp_path, unique("rates"), is_retried=is_retried, phase_s=phase_s)


def test_others_go_on_while_a_service_says_nothing(
    cluster: Cluster, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    live_through_silence(cluster, tmp_path, unique("rates"))


def live_through_silence(cluster: Cluster, tmp_path: Path, stamp: str, **environment: str) -> None:
    """Of the service, which ends when a thousand results of the others are visible."""
    prepared(tmp_path, stamp, 5.0, is_retried=False, timeout_ms=20_000)
    with served(cluster, stamp, **environment) as (service, load):
        service.feel(Mood.SILENT)
        with load.running():
            cluster.wait_until(lambda: load.count_visible(*OTHERS) >= 1_000)
            asking_visible = load.count_visible(ASKING)
        service.feel(Mood.WELL)
        cluster.wait_until(lambda: load.is_done(cluster, "one"))

    assert asking_visible == 0
    assert_nothing_is_lost(load, *ended(cluster, stamp))


@contextmanager
def served(cluster: Cluster, stamp: str, **environment: str) -> Iterator[tuple[RatesService, Load]]:
    """A worker that is ready, the service that one partition of the load asks, and that load."""
    cluster.create_topic(f"{stamp}.orders.v1")
    with RatesService() as service, RatesService() as scores:
        cluster.start("one", RATES_URL=service.url, SCORES_URL=scores.url, **environment)
        cluster.wait_ready("one")
        yield service, Load(cluster.brokers, f"{stamp}.orders.v1", f"{stamp}.priced.v1")


def ended(cluster: Cluster, stamp: str) -> tuple[list[WholeRecord], list[WholeRecord]]:
    """What was published, and what is dead."""
    priced, dead = (read_whole(cluster.brokers, f"{stamp}.{topic}") for topic in ("priced.v1", "dead.v1"))
    return priced, dead


def live_through_moods(
    cluster: Cluster, tmp_path: Path, stamp: str, *, is_retried: bool, phase_s: float, **environment: str
) -> None:
    """Of the service: well, down, slow, wrong and well again, each for so long."""
    prepared(tmp_path, stamp, phase_s, is_retried=is_retried)
    with served(cluster, stamp, **environment) as (service, load):
        with load.running():
            cluster.wait_until(lambda: load.count_visible(*OTHERS) > 0 < load.count_visible(ASKING))
            load.let_pass(3.0)  # connections are made, code is warm
            phases = []
            for mood in (Mood.WELL, Mood.DOWN, Mood.SLOW, Mood.WRONG, Mood.WELL):
                service.feel(mood)
                phases.append(load.let_pass(phase_s, mood.value))
        cluster.wait_until(lambda: load.is_done(cluster, "one"), patience_s=120 + 2 * phase_s)
        _, metrics = cluster.get("one", "/metrics")

    priced, dead = ended(cluster, stamp)
    assert_others_keep_their_rate(phases, is_judged=phase_s >= 60)
    assert_nothing_is_lost(load, priced, dead)
    assert {value for record in dead for name, value in record.headers if name.endswith("errors.code")} <= {
        b"lookup_unavailable",
        b"lookup_failed",
    }
    assert len(dead) <= (0 if is_retried else load.sent[0] / 4)
    assert 'cdc_lookup_breaker{lookup="vat",pipeline="priced",state="closed"} 1.0' in metrics


def assert_others_keep_their_rate(phases: list[Phase], *, is_judged: bool) -> None:
    """At least 80 % of that before, whatever the service is like that they do not ask; else it is only told."""
    before, *meanwhile, _ = phases
    for phase in phases:
        share, asking = phase.rate / (before.rate or math.nan), f"those that ask {phase.asking_rate:.0f} events/s"
        print(f"{phase.name}: others {phase.rate:.0f} events/s, {share:.2f} of before;", end=" ")
        print(f"visible after {phase.median_ms:.0f} ms, 99 % in {phase.most_ms:.0f} ms; {asking}")
    held_up = {phase.name: phase.rate for phase in meanwhile if phase.rate < 0.8 * before.rate}
    assert not is_judged or held_up == {}, before.rate


def assert_nothing_is_lost(load: Load, priced: list[WholeRecord], dead: list[WholeRecord]) -> None:
    """Each event is published or dead, once; those of a row that are published are in their order."""
    rows, refused = ([json.loads(record.value or b"") for record in records] for records in (priced, dead))
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        numbers[row["id"]].append(row["number"])
    assert all(found == sorted(found) for found in numbers.values())
    found = [(row["id"] // 1_000_000, row["number"]) for row in [*rows, *refused]]
    assert sorted(found) == sorted((part, number) for part, count in load.sent.items() for number in range(count))
    assert {(row["id"] // 1_000_000 in OTHERS, row["vat"], row["score"]) for row in rows} == {
        (True, None, 0.19),
        (False, 0.19, 0.19),
    }
