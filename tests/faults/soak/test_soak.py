"""The soak's own parts: canaries that are missed, slopes, an oracle in stretches, notes of a killed run, pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.bench.workload import workload
from tests.faults import oracle
from tests.faults.kafkalog import LogRecord

from .canary import MISSING_S, Watch
from .following import Comparison
from .notes import FILE, Alarm, AnyNote, Beat, Began, Ended, Held, Notes, Sample, Struck, read_notes
from .orders import BLOCK, Orders
from .page import write_page
from .plot import draw_all, family_of
from .sampling import read_held
from .strikes import Strikes
from .verdict import check_all, drift, figures_of, quiet_points

# -- canaries


def test_a_canary_that_is_missing_while_nothing_is_broken_is_told_once() -> None:
    watch = Watch()
    watch.send(7, 2, 100.0)

    assert watch.missing(100 + MISSING_S, []) == []
    assert watch.missing(101 + MISSING_S, []) == [(2, 100.0)]
    assert watch.missing(200 + MISSING_S, []) == []


def test_a_fault_excuses_a_canary_until_the_allowance_after_it_is_over() -> None:
    watch = Watch()
    watch.send(7, 2, 100.0)
    broken = [(110.0, 150.0)]  # excused until 175: 10 s before, 50 s after

    assert watch.missing(225.0, broken) == []
    assert watch.missing(226.0, broken) == [(2, 100.0)]


def test_a_canary_that_came_is_no_more_missed_and_its_latency_counts_by_when_it_was_sent() -> None:
    watch = Watch()
    watch.send(7, 2, 100.0)
    assert watch.arrive(7, 103.5) == Beat(partition=2, sent_s=100.0, latency_s=3.5)

    assert watch.arrive(7, 104.0) is None
    assert watch.missing(1_000.0, []) == []
    assert watch.latencies(99.0, 101.0) == [3.5]
    assert watch.latencies(101.0, 200.0) == []


def test_the_latency_is_back_when_all_canaries_of_a_stretch_were_quick_and_none_is_under_way_for_long() -> None:
    watch = Watch()
    for number, (sent_s, came_s) in enumerate([(100.0, 109.0), (110.0, 110.4), (120.0, 120.3)]):
        watch.send(number, 0, sent_s)
        watch.arrive(number, came_s)

    assert not watch.is_calm(95.0, 121.0, 0.5), "one took 9 s"
    assert watch.is_calm(105.0, 121.0, 0.5)
    assert not watch.is_calm(121.0, 130.0, 0.5), "nothing was sent"
    watch.send(9, 0, 125.0)
    assert not watch.is_calm(105.0, 130.0, 0.5), "one has been away for 5 s"


# -- orders


def test_canaries_have_numbers_that_no_order_has_and_partitions_of_their_own() -> None:
    orders = Orders(seed=3)
    fed: list[int] = []
    canaries: list[int] = []
    for part in range(4 * BLOCK // 500):
        fed += [_id(event.value) for event in orders.make(500, part * 500)]
        canaries += [orders.canary(number)[0] for number in range(4)]

    assert set(fed).isdisjoint(canaries)
    assert len(set(canaries)) == len(canaries)
    assert len(fed) - len(set(fed)) > 0.03 * len(fed), "duplicates"
    assert sorted(orders.canary_keys.values()) == [0, 1, 2, 3]


def _id(value: bytes) -> int:
    row = oracle.read_order(LogRecord(0, 0, b"k", value, {}))
    return 0 if row is None else row["id"]


# -- the oracle in stretches


def source(count: int = 3_000) -> list[LogRecord]:
    events = workload(count, customers=5, seed=1)
    return [LogRecord(0, number, event.key, event.value, {}) for number, event in enumerate(events)]


def published(records: Sequence[LogRecord]) -> list[LogRecord]:
    """As pipeline ``w`` does it, from the oracle for a whole topic."""
    rows = [(row, key) for key, held in oracle.recompute(records, {}).published.items() for row in held]
    return [LogRecord(0, place, key, _text(row), {}) for place, (row, key) in enumerate(sorted(rows))]


def _text(row: oracle.Row) -> bytes:
    return b'{"id":%d,"running_orders":%d,"running_revenue":"%s"}' % (row[0], row[1], str(row[2]).encode())


def compare(found: Sequence[LogRecord]) -> dict[str, int]:
    """Both logs in stretches of different sizes, the source always ahead; what is wrong."""
    comparison, records = Comparison(), source()
    ahead, behind = iter(records), iter(found)
    while True:
        parts = list(islice(ahead, 700)), list(islice(behind, 400))
        comparison.take_source(parts[0])
        comparison.take_published(parts[1])
        if not any(parts):
            break
    figures = comparison.figures()
    del figures["dead letters lost"]
    assert comparison.wanted.windows == oracle.recompute(records, {}).windows
    return {name: count for name, count in figures.items() if count}


def test_an_oracle_in_stretches_finds_nothing_where_nothing_is_wrong() -> None:
    assert len(published(source())) > 2_500
    assert compare(published(source())) == {}


def test_it_sees_rows_that_are_lost_repeated_foreign_and_wrong() -> None:
    rows = published(source())
    wrong = rows[50]._replace(value=(rows[50].value or b"").replace(b'"running_orders":', b'"running_orders":9'))

    assert compare(rows[:100] + rows[101:]) == {"lost": 1}
    assert compare(rows[:-1]) == {"lost": 1}
    assert compare(rows[:100] + rows[99:]) == {"duplicated": 1}
    assert compare([*rows, rows[0]]) == {"duplicated": 1}, "long after it was forgotten"
    assert compare([*rows[:50], wrong, *rows[51:]]) == {"wrong values": 1}
    assert compare([*rows, rows[0]._replace(value=_text((900_000, 1, 1)))]) == {"unexpected": 1}


def test_it_sees_a_row_that_comes_behind_one_that_it_stands_before_and_counts_it_as_there() -> None:
    rows = published(source())
    key = rows[10].key
    first, second = [place for place, row in enumerate(rows) if row.key == key][3:5]
    swapped = list(rows)
    swapped[first], swapped[second] = rows[second], rows[first]

    assert compare(swapped) == {"out of order": 1}


def test_it_sees_dead_letters_that_are_lost_or_there_twice() -> None:
    def letter(place: tuple[int, int]) -> LogRecord:
        names = ("__connect.errors.partition", "__connect.errors.offset")
        headers = {name: b"%d" % at for name, at in zip(names, place, strict=True)}
        return LogRecord(0, 0, None, b"", headers)

    comparison = Comparison()
    comparison.take_source(source())
    first, *rest = list(comparison.wanted.dead)
    comparison.take_dead([letter(first), letter(first), *map(letter, rest[:-1])])

    assert (comparison.figures()["dead letters too many"], comparison.figures()["dead letters lost"]) == (1, 1)


# -- what was seen, and what it comes to


def samples(hours: float, rss: Any, *, every_s: float = 20.0) -> list[Sample]:
    """Of one worker; ``rss`` by seconds."""
    return [
        Sample(at_s=at_s, workers={"a": Held(pid=1, rss_mib=rss(at_s), descriptors=80)}, lag=0, events_per_s=500.0,
               load=1.0, p50_s=0.2, p99_s=0.4)
        for at_s in (number * every_s for number in range(int(hours * 3_600 / every_s)))
    ]  # fmt: skip


def grown(notes: Sequence[AnyNote]) -> list[str]:
    return [what for what, wrong in check_all(notes, {}, []).items() if wrong]


def test_memory_that_grows_is_seen_and_memory_that_jumps_about_is_not() -> None:
    assert grown(samples(1.0, lambda at_s: 200 + at_s * 30 / 3_600)) == ["memory: growth below 10% an hour"]
    assert grown(samples(1.0, lambda at_s: 200 + 20 * (int(at_s) % 3))) == []


def test_what_fills_up_in_the_first_third_is_no_growth() -> None:
    found = drift(quiet_points(samples(1.0, lambda at_s: min(200.0, 80 + at_s / 10))), "rss_mib", 3_600.0)

    assert found is not None
    assert (found.level, found.per_h) == (200.0, 0.0)


def test_a_run_of_a_day_allows_one_percent_an_hour() -> None:
    day = samples(24.0, lambda at_s: 200 + at_s * 3 / 3_600, every_s=300.0)

    assert grown(day) == ["memory: growth below 1% an hour"]


def test_what_a_worker_holds_while_something_is_broken_or_right_after_its_start_does_not_count() -> None:
    broken = Struck(number=1, name="kill a worker", detail="a", begun_s=1_000.0, healed_s=1_010.0, back_s=1_050.0)
    points = quiet_points([*samples(1.0, lambda at_s: 200.0), broken])

    assert min(point.at_s for point in points) == 60.0
    assert not [point for point in points if 1_000 <= point.at_s <= 1_050]
    assert drift(points[:20], "rss_mib", 3_600.0) is None, "too short"


def test_a_fault_that_latency_does_not_come_back_from_an_alarm_and_a_lost_order_fail_the_run() -> None:
    struck = Struck(number=4, name="poison", detail="", begun_s=1.0, healed_s=2.0, back_s=None)
    alarm = Alarm(at_s=3.0, text="canary of partition 1")

    found = check_all([struck, alarm], {"lost": 1, "duplicated": 0, "records": 9}, ["the sampler ended"])

    assert [wrong for wrong in found.values() if wrong] == [
        "lost: 1", "1 alarms, the first: canary of partition 1", "4 (poison)", "the sampler ended",
    ]  # fmt: skip


def test_latencies_are_told_of_canaries_that_were_sent_while_nothing_was_broken() -> None:
    beats = [Beat(partition=0, sent_s=float(at_s), latency_s=9.0 if 100 <= at_s <= 150 else 0.5) for at_s in range(300)]
    struck = Struck(number=1, name="poison", detail="", begun_s=100.0, healed_s=110.0, back_s=150.0)
    found = figures_of([*beats, struck])

    assert (found["canaries that came"], found["sent while all was quiet"]) == (300, 249)
    assert (found["p99 of those s"], found["longest of all s"]) == (0.5, 9.0)
    assert found["longest return to the base s"] == 40.0


def test_a_process_is_looked_at_as_it_is() -> None:
    before = read_held(os.getpid())
    held = [open(os.devnull) for _ in range(50)]  # noqa: SIM115, PTH123
    after = read_held(os.getpid())
    for file in held:
        file.close()

    assert before is not None and after is not None
    assert after.descriptors - before.descriptors == 50
    assert after.rss_mib > 20
    assert read_held(2**22 + 1) is None


# -- notes and pictures

RUN: list[Any] = [
    Began(hours=1.0, seed=1, rate=500, commit="abc", began="2026-01-01 00:00:00"),
    *samples(0.5, lambda at_s: 200 + at_s / 100),
    Beat(partition=1, sent_s=100.0, latency_s=0.3),
    Struck(number=1, name="kill a broker", detail="broker 2, 9 s", begun_s=300.0, healed_s=320.0, back_s=330.0),
    Alarm(at_s=900.0, text="canary of partition 1 <b>"),
    Ended(at_s=1_800.0, checks={"no canary missing": "canary of partition 1"}, figures={"records": 10.0}),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    notes = Notes(tmp_path, lambda: 0.0)
    for note in RUN:
        notes.add(note)
    notes.close()
    yield tmp_path


def test_a_killed_run_leaves_all_but_the_line_that_was_cut_off(folder: Path) -> None:
    with (folder / FILE).open("ab") as file:
        file.write(b'{"type":"Sample","at_s":17')

    assert list(read_notes(folder)) == RUN


def test_the_page_has_a_picture_for_each_question_and_tells_verdict_faults_and_alarms(folder: Path) -> None:
    pictures = draw_all(RUN, folder)
    text = write_page(RUN, pictures, folder).read_text()

    assert len(pictures) == 6
    assert text.count("<svg") == 6
    assert '<span class="fail">FAIL</span>' in text
    assert "broker 2, 9 s" in text
    assert "canary of partition 1 &lt;b&gt;" in text


def test_a_run_that_has_not_ended_has_pictures_and_no_verdict(folder: Path) -> None:
    text = write_page(RUN[:-1], draw_all(RUN[:-1], folder), folder).read_text()

    assert '<span class="not">not ended</span>' in text


def test_every_kind_of_fault_has_the_shade_of_what_it_strikes() -> None:
    class Everything:
        slow_flag = disk = True

    kinds = Strikes(Everything(), None, None, None).kinds  # type: ignore[arg-type]
    families = {name: family_of(name) for name in kinds}

    assert len(kinds) == 18
    assert {name for name, family in families.items() if family == "worker"} == {
        "kill a worker", "kill two workers", "kill all workers", "restart a worker", "a worker asleep",
        "a worker comes and goes",
    }  # fmt: skip
    assert families["a worker cut off"] == "network"
    assert families["a full disk"] == "state"
