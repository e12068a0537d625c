"""The suite's own parts: an oracle that sees each kind of wrong, runs that go on, a report of all of them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.bench.workload import workload

from . import oracle
from .kafkalog import LogRecord
from .oracle import Expected, Row
from .report import print_table, write_page
from .results import Result, Results, Verdict

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


def a_source(count: int = 400) -> list[LogRecord]:
    """Orders of few customers in one partition, some twice, some invalid."""
    events = workload(count, customers=5, seed=1)
    return [LogRecord(0, number, event.key, event.value, {}) for number, event in enumerate(events)]


def wanted(committed: int = 0) -> Expected:
    return oracle.recompute(a_source(), {0: committed})


def published(**changed: list[Row]) -> dict[bytes, list[Row]]:
    """What an engine without faults publishes, the rows of some keys changed."""
    rows = {key: list(held) for key, held in wanted().published.items()}
    return {**rows, **{f'{{"customer_id":{name[1:]}}}'.encode(): held for name, held in changed.items()}}


def differences(**changed: list[Row]) -> dict[str, int]:
    found = oracle.compare_published(wanted(), published(**changed))
    return {name: count for name, count in found.items() if count}


def rows_of_first() -> list[Row]:
    return published()[b'{"customer_id":0}']


def test_the_oracle_finds_nothing_where_nothing_is_wrong() -> None:
    assert len(rows_of_first()) > 10
    assert differences() == {}


def test_the_oracle_sees_a_row_that_is_lost() -> None:
    assert differences(c0=rows_of_first()[:-1]) == {"lost": 1}


def test_the_oracle_sees_a_row_that_is_there_twice() -> None:
    rows = rows_of_first()
    assert differences(c0=[*rows, rows[-1]]) == {"duplicated": 1}


def test_the_oracle_sees_rows_of_a_key_in_another_order() -> None:
    first, second, *rest = rows_of_first()
    assert differences(c0=[second, first, *rest]) == {"out of order": 1}


def test_the_oracle_sees_a_running_sum_that_is_wrong() -> None:
    (order, count, total), *rest = rows_of_first()
    assert differences(c0=[(order, count, total + 1), *rest]) == {"wrong values": 1}


def test_the_oracle_sees_a_row_that_no_order_asked_for() -> None:
    assert differences(c9=[(10_000, 1, 1)]) == {"unexpected": 1}


def test_the_oracle_sees_orders_below_the_committed_offset_that_have_no_effect() -> None:
    found = oracle.compare_published(wanted(committed=100), {})

    assert 0 < found["lost below the committed offset"] < found["lost"]


def test_the_oracle_sees_dead_letters_that_are_lost_or_there_twice() -> None:
    dead = wanted().dead
    assert dead
    place = next(iter(dead))

    assert oracle.compare_dead(dead, dead) == {"dead letters lost": 0, "dead letters too many": 0}
    assert oracle.compare_dead(dead, dead + Counter([place]))["dead letters too many"] == 1
    assert oracle.compare_dead(dead, dead - Counter([place]))["dead letters lost"] == 1


def test_a_changelog_is_replayed_with_deletions_and_from_where_it_was_emptied() -> None:
    def record(key: bytes, value: bytes | None) -> LogRecord:
        return LogRecord(0, 0, key, value, {})

    log = [record(b"old", b"1"), record(b"\0emptied", b""), record(b"a", b"1"), record(b"b", b"2"), record(b"a", None)]

    assert oracle.replay_changelog(log, "t") == {0: {b"t\0b": b"2"}}


RESULT = Result(
    case="FT01", variant="", seed=1, profile="long", title="kill -9", protection="one transaction",
    verdict=Verdict.PASS, seconds=1.5, code="c0de", commit="abc", began="2026-01-01 00:00:00",
    figures={"lost": 0, "recovery s": 3.0},
)  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path)


def test_a_shard_that_passed_is_done_for_its_sources_alone(results: Results) -> None:
    results.add(RESULT)
    results.add(replace(RESULT, seed=2, verdict=Verdict.FAIL))

    assert results.done("c0de") == {RESULT.shard}
    assert results.done("0ther") == set()


def test_the_last_run_of_a_shard_counts(results: Results) -> None:
    results.add(RESULT)
    results.add(replace(RESULT, verdict=Verdict.HANG))

    assert results.done("c0de") == set()


def test_a_shard_without_its_protection_is_done_when_it_was_seen_to_fail(results: Results) -> None:
    bare = replace(RESULT, without="fencing")
    for seed, verdict in enumerate(Verdict):
        results.add(replace(bare, seed=seed, verdict=verdict))

    assert {shard.seed for shard in results.done("c0de")} == {1, 2}, "PASS and UNKNOWN show nothing"


def test_a_line_that_a_kill_cut_off_is_no_result(results: Results, tmp_path: Path) -> None:
    results.add(RESULT)
    with next(tmp_path.glob("*.jsonl")).open("a") as file:
        file.write('{"case": "FT0')

    assert results.read() == [RESULT]


MANY = [
    RESULT,
    replace(RESULT, seed=2, figures={"lost": 0, "recovery s": 9.0}),
    replace(RESULT, seed=3, verdict=Verdict.FAIL, message="lost: 2\n<b>log</b>",
            figures={"lost": 2, "recovery s": 4.0}),
    replace(RESULT, case="FT05", title="asleep", verdict=Verdict.HANG, message="no end\nlog"),
    replace(RESULT, case="FT05", verdict=Verdict.FAIL, without="fencing", figures={"duplicated": 9}),
]


def test_the_report_sums_what_must_be_zero_and_tells_the_greatest_of_the_rest() -> None:
    text = print_table(MANY)

    assert "2 PASS, 1 FAIL" in text
    assert "lost 2" in text
    assert "recovery s 9" in text
    assert "1 HANG" in text
    assert "fencing: 1 FAIL" in text
    assert "duplicated" not in text, "what is wrong without a protection is no figure of the case"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 700})
        page.goto(write_page(MANY, tmp_path).as_uri())
        yield page
        browser.close()


@pytest.mark.browser
def test_the_page_shows_each_case_once_with_its_verdicts_and_what_did_not_pass(page: Page) -> None:
    assert page.locator("tbody th").all_inner_texts() == ["FT01", "FT05"]
    assert page.locator("td.fail").inner_text() == "2 PASS, 1 FAIL"
    assert page.locator("td.hang").inner_text() == "1 HANG"
    assert page.locator("summary").all_inner_texts() == ["lost: 2", "no end"]
    page.locator("summary").first.click()
    assert page.locator("pre").first.inner_text() == "<b>log</b>"
