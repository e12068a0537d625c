"""The page in a real Chromium: people find a schema and see what it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from streams.contracts import load_contracts

from .running import USER, USER_WITH_NAME, put, running

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
SHIPPED = Path(__file__).parents[2] / "schemas"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install --no-install-recommends chromium"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("page"), load_contracts(SHIPPED)) as held:
        put(held, "user/value", USER, metadata={"properties": {"owner": "accounts"}})
        put(held, "user/value", USER_WITH_NAME)
        yield held


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(url: str, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(url)
    page.wait_for_selector("#found li")
    yield page
    page.close()


def cells(page: Page, place: int) -> list[list[str]]:
    """A table of the shown version, row by row, the head first."""
    rows = page.locator("#shown table").nth(place).locator("tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def test_all_subjects_are_listed_and_words_narrow_them(page: Page) -> None:
    expect(page.locator("#state")).to_have_text("6 subjects")

    page.locator("#q").fill("field:ssn class:sensitive")
    expect(page.locator("#found li a")).to_have_text(["com.acme.shop.users"])
    page.locator("#q").fill("")
    page.locator("#hints button", has_text="owner:catalogue").click()
    expect(page.locator("#found li a")).to_have_text(["com.acme.shop.products"])
    page.locator("#q").fill("no such thing")
    expect(page.locator("#found")).to_have_text("nothing is called or said so")


def test_a_version_is_shown_with_fields_classes_changes_and_text(page: Page, url: str) -> None:
    page.locator("#found a", has_text="user/value").click()
    expect(page.locator("#shown h2")).to_have_text("user/value")

    assert [row[:2] for row in cells(page, 0)] == [["field", "type"], ["id", "long"], ["name", "string"]]
    assert cells(page, 1)[1][0] == "#/fields/name" and cells(page, 1)[1][2] == "nothing"
    assert '"default": ""' in page.locator("#shown pre").inner_text()
    page.locator("#shown .hints button", has_text="1").click()
    expect(page.locator("#shown table")).to_have_count(1)
    assert page.url == f"{url}/#user%2Fvalue/1"
    page.goto(f"{url}/#com.acme.shop.users/latest")
    expect(page.locator("#shown")).to_contain_text("READONLY: a file in schemas/")
    expect(page.locator("#shown")).to_contain_text("customer-accounts")
    assert ["email", "string", "pii"] in [row[:3] for row in cells(page, 0)]


def test_nothing_is_loaded_from_elsewhere_and_colours_follow_the_preference(url: str, browser: Browser) -> None:
    asked, errors, colours = list[str](), list[str](), set[str]()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        answer = page.goto(f"{url}/#com.acme.shop.orders/1")
        page.wait_for_selector("#shown table")
        assert answer is not None and "default-src 'none'" in answer.headers["content-security-policy"]
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()

    assert [one for one in asked if not one.startswith((url, "data:"))] == []
    assert errors == []
    assert len(colours) == 2


def test_what_is_written_in_a_schema_is_text_and_never_runs(tmp_path: Path, browser: Browser) -> None:
    evil = '{"type":"record","name":"X","doc":"<img src=x onerror=alert(1)>","fields":[]}'
    with running(tmp_path) as url:
        put(url, "<b>x</b>", evil)
        page = browser.new_page()
        page.goto(f"{url}/#%3Cb%3Ex%3C%2Fb%3E/1")
        expect(page.locator("#shown h2")).to_have_text("<b>x</b>")
        assert page.locator("#shown img, #found img, #shown b").count() == 0
        page.close()


def test_a_version_that_is_not_there_is_said(page: Page, url: str) -> None:
    page.goto(f"{url}/#nobody/1")

    expect(page.locator("#alarm")).to_have_text(re.compile("Subject 'nobody' not found"))
