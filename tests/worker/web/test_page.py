"""The page in a real Chromium, served by one of two workers while a shop trades."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from streams.demo.run import Demo

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE_MS = 60_000
SCHEMAS = Path(__file__).parents[3] / "schemas"
SAID = """wanted => {
  window.said ??= new Set();
  for (const [at, text] of Object.entries(wanted))
    if (new RegExp(text).test(document.querySelector(at)?.textContent ?? "")) window.said.add(at);
  return Object.keys(wanted).every(at => window.said.has(at));
}"""
"""Whether each element has said what it should, now or when it was looked at before: it is with every frame."""
TABLES = ["orders", "revenue_by_customer", "customer_totals", "products", "users"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install --no-install-recommends chromium"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A shop that trades until the last test has ended."""
    stop = threading.Event()
    with Demo(tmp_path_factory.mktemp("page"), SCHEMAS) as held:
        shop = held.open_shop()
        trade = threading.Thread(target=lambda: shop.trade(rate=40, stop=stop))
        trade.start()
        try:
            yield held
        finally:
            stop.set()
            trade.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    """The first worker's page, once it shows rows of every table."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(address(demo))
    for table in TABLES:
        page.wait_for_selector(f"#t-{table} tbody tr")
    yield page
    context.close()


def address(demo: Demo) -> str:
    return f"http://127.0.0.1:{demo.ports[0]}/"


def cells(page: Page, section: str) -> list[list[str]]:
    """A table as it is read, row by row, the head first."""
    return [row.locator("th, td").all_inner_texts() for row in page.locator(f"#{section} tr").all()]


def test_every_table_is_listed_with_its_pipeline_and_key(page: Page) -> None:
    assert page.locator("#tables h2").all_inner_texts() == TABLES
    assert page.locator("#t-revenue_by_customer > p").inner_text() == (
        "pipeline revenue, by customer_id, tumbling windows of 10 s, newest first"
    )
    assert cells(page, "t-orders")[0][:5] == ["id", "customer_id", "product_id", "amount", "status"]
    assert cells(page, "t-revenue_by_customer")[0] == ["customer_id", "window", "orders", "revenue", "biggest"]


@pytest.mark.parametrize("table", ["customer_totals", "revenue_by_customer"])
def test_a_table_moves_while_events_arrive_and_marks_what_has_changed(page: Page, table: str) -> None:
    before = page.locator(f"#t-{table} tbody").inner_text()

    page.wait_for_function(
        "([table, before]) => document.querySelector(`#t-${table} tbody`)?.innerText !== before", arg=[table, before]
    )
    page.wait_for_selector(f"#t-{table} td.new", state="attached")


def test_workers_ledger_dead_letters_and_tasks_are_shown(page: Page, demo: Demo) -> None:
    page.wait_for_function("() => document.querySelectorAll('#reasons tbody tr').length > 0")

    workers, tasks = cells(page, "workers"), cells(page, "tasks")
    assert workers[0] == ["worker", "state", "tasks", "waiting", "events"]
    assert [row[:2] for row in workers[1:]] == [["worker-0 (this page)", "ready"], ["worker-1", "ready"]]
    assert {row[0] for row in cells(page, "ledger")[1:]} == {"dead", "filtered", "processed"}
    assert [row[0] for row in cells(page, "reasons")[1:]] == ["contract_violation"]
    assert tasks[0] == ["topic", "partition", "worker", "position", "waiting"]
    tables = ("orders", "products", "users")
    read = [*(f"cdc.{table}.v1" for table in tables), *(f"shop-{table}-truncates-repartition" for table in tables)]
    assert [tuple(row[:2]) for row in tasks[1:]] == [(topic, str(number)) for topic in read for number in range(4)]
    assert {row[2] for row in tasks[1:]} == {"worker-0", "worker-1"}
    assert re.fullmatch(r"2 of 2 workers, 12 tasks, [\d,?]+ waiting", page.locator("#state").inner_text())


def own_rows(demo: Demo, port: int, table: str) -> dict[str, int]:
    """Ids by stored key of what one worker holds."""
    rows = demo.get(port, f"/api/tables/{table}/rows?limit=1000&local=1")["rows"]
    return {row["stored_key"]: row["row"]["id"] for row in rows}


def test_rows_that_another_worker_owns_are_shown_as_well(page: Page, demo: Demo) -> None:
    mine, others = ({table: own_rows(demo, port, table) for table in ("products", "users")} for port in demo.ports)
    products = {**mine["products"], **others["products"]}

    shown = [int(row[0]) for row in cells(page, "t-products")[1:]]

    assert any(mine.values()) and any(others.values()), "both own rows"
    assert shown == [products[key] for key in sorted(products)][:12]


def test_pages_and_keys_are_found(page: Page) -> None:
    first = cells(page, "t-products")

    page.locator("#t-products button", has_text="next").click()
    page.wait_for_function(
        "first => document.querySelector('#t-products tbody td').innerText !== first", arg=first[1][0]
    )
    second = cells(page, "t-products")
    page.locator("#t-products input").fill("[3")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#t-products tbody td.key')].every(key => key.innerText.startsWith('3'))"
    )

    assert not {row[0] for row in first[1:]} & {row[0] for row in second[1:]}


def test_numbers_stand_at_the_right_with_their_points_below_each_other(page: Page) -> None:
    amounts = page.locator("#t-orders tbody tr td:nth-child(4)")

    assert {re.sub(r"\d+\.", ".", text) and len(text.rpartition(".")[2]) for text in amounts.all_inner_texts()} == {2}
    # The page draws its rows anew now and then, and a cell that is gone has no style: the assertion asks again.
    expect(amounts.first).to_have_css("text-align", "right")
    expect(amounts.first).to_have_css("font-variant-numeric", re.compile("tabular-nums"))


def test_nothing_is_loaded_from_elsewhere_and_no_masked_value_is_shown(demo: Demo, browser: Browser) -> None:
    page = browser.new_page()
    asked, errors = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    answer = page.goto(address(demo))
    page.wait_for_selector("#t-users tbody tr", timeout=PATIENCE_MS)

    assert answer is not None and "default-src 'none'" in answer.headers["content-security-policy"]
    assert [url for url in asked if not url.startswith((address(demo), "data:"))] == []
    assert errors == []
    shown = page.locator("#t-users").inner_text()
    assert "@example.com" not in shown and not re.search(r"\d{3}-12-\d{4}", shown)
    page.close()


def test_colours_follow_the_preference(demo: Demo, browser: Browser) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(address(demo))
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()

    assert len(colours) == 2


def test_a_worker_that_does_not_answer_is_named_until_it_does(page: Page, demo: Demo) -> None:
    assert demo.supervisor is not None
    other = demo.supervisor.children["worker-1"].process
    assert other is not None
    os.kill(other.pid, signal.SIGSTOP)
    try:
        # After ten seconds the other worker has its tasks, and has no reason to speak of it any more.
        page.wait_for_function(
            SAID,
            arg={
                "#alarm": "worker-1 does not answer",
                "#workers": "no answer",
                "#state": "1 of 2 workers",
                "#t-customer_totals .note": "does not answer.*; rows as of",
            },
        )
    finally:
        os.kill(other.pid, signal.SIGCONT)

    expect(page.locator("#alarm")).to_be_hidden()
    expect(page.locator("#state")).to_contain_text("2 of 2 workers")


def test_a_page_whose_own_worker_is_gone_says_so_until_it_is_back(page: Page, demo: Demo) -> None:
    assert demo.supervisor is not None
    demo.supervisor.kill("worker-0")

    expect(page.locator("#alarm")).to_contain_text("the worker of this page does not answer; what is below is as of")
    expect(page.locator("#t-orders.stale")).to_have_count(1)
    expect(page.locator("#alarm")).to_be_hidden()
    expect(page.locator("#t-orders.stale")).to_have_count(0)
    expect(page.locator("#state")).to_contain_text("2 of 2 workers, 12 tasks")
