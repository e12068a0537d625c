"""The dictionary: it tells all there is, and what people wrote is text, in Markdown and in a real Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect, sync_playwright

from streams.cli.contracts import command
from tests.contracts.builders import a_contract, a_folder, a_schema

SCHEMAS = Path(__file__).parents[2] / "schemas"
CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
EVIL = (
    "</section><script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">"
    " | [a](javascript:b) *c* `d`"
)
LINE = {"type": "object", "properties": {"sku": {"type": "string", "maxLength": 8}}}
PEOPLE = {"id": {"type": "integer"}, "first": {"type": "string", "description": EVIL}, "last": {"type": "string"},
          "lines": {"type": "array", "items": LINE}}  # fmt: skip
RENAMED = {name: held for name, held in PEOPLE.items() if name not in ("first", "last")} | {"name": {"type": "string"}}
MIGRATION = 'up: {name: "first || last"}\ndown: {first: name, last: name}\n'
PIPELINE = """pipeline: people
source: {topic: people.v1, format: json, contract: "iglu:com.acme/people/jsonschema/1-*-*"}
derive: {shout: "upper(first)"}
route: [{to: people.out.v1}]
"""


def docs(out: Path, schemas: Path = SCHEMAS) -> Path:
    result = CliRunner().invoke(command, ["docs", "--schemas", str(schemas), "--out", str(out)])
    assert result.exit_code == 0, (result.output, result.exception)
    return out


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions with a migration between them, and texts that want to be more than text."""
    first = a_schema("people", properties=PEOPLE, required=("id", "first", "last"), title=EVIL)
    second = a_schema("people", "2-0-0", properties=RENAMED, required=("id", "name"), title=EVIL)
    title = "Number of a person"
    column = json.dumps({"name": "id", "logicalType": "integer", "primaryKey": True, "businessName": title})
    more = "team: {name: people-team}\nslaProperties: [{property: latency, value: 5, unit: min}]\n"
    root = tmp_path_factory.mktemp("people")
    a_folder(root / "schemas", {
        "com.acme/people/jsonschema/1-0-0": first, "com.acme/people/jsonschema/2-0-0": second,
        "com.acme/people/contract.yaml": a_contract(column, name="people", more=more),
        "com.acme/people/migrations/2-0-0.yaml": MIGRATION, "pipelines/people.yaml": PIPELINE,
        "quality_rules.yaml": 'people: {validity: {id: "range:1.."}}\n',
        "matrix.yaml": "billing: {consumes: [people/v2]}\n",
    })  # fmt: skip
    return docs(root / "site", root / "schemas")


def test_a_page_tells_all_there_is_of_a_dataset(people: Path) -> None:
    text = (people / "datasets" / "com.acme.people.md").read_text("utf-8")

    for said in (
        "| owner | people-team |", "| key | id |", "| id (key) | integer | no |", "Number of a person",
        "lines\\[\\].sku", "maxLength 8", "| validity.id.range | id | range:1.. | dead |", "| latency | 5 min |",
        "| billing | reads | 2-\\*-\\* |", "| pipeline people | reads | 1-\\*-\\* |", "### 2-0-0", "After 1-0-0: ",
        "**From 1-0-0 to 2-0-0**", "| name | first \\|\\| last |", "**From 2-0-0 to 1-0-0**",
    ):  # fmt: skip
        assert said in text, said
    assert "| shout | people.v1.first (derive: upper(first)) |" in (people / "pipelines.md").read_text("utf-8").replace(
        "| people.out.v1 ", ""
    )
    assert "**Number of a person**" in (people / "glossary.md").read_text("utf-8")


def test_what_people_wrote_is_no_markup(people: Path) -> None:
    for page in people.rglob("*.md"):
        for line in page.read_text("utf-8").splitlines():
            plain = re.sub(r"\\.", "", line)
            assert "<script" not in line and "<img" not in line and "](javascript:" not in plain and "`d`" not in plain
    index = (people / "index.html").read_text("utf-8")
    assert index.count("<script") == 1 and "<img" not in index
    assert html.escape(EVIL) in index


def test_links_of_pages_lead_to_pages(tmp_path: Path) -> None:
    site = docs(tmp_path / "site")
    pages = list(site.rglob("*.md"))

    assert len(pages) == 3 + 5
    for page in pages:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists() or (site / target).exists(), (page.name, target)
    index = (site / "index.html").read_text("utf-8")
    ids = set(re.findall(r' id="([^"]+)"', index))
    assert set(re.findall(r'href="#([^"]+)"', index)) <= ids


def test_a_search_is_one_file_and_a_dictionary_the_same_each_time(tmp_path: Path) -> None:
    first, second = (docs(tmp_path / name) for name in ("a", "b"))

    assert [p.read_bytes() for p in sorted(first.rglob("*.*"))] == [p.read_bytes() for p in sorted(second.rglob("*.*"))]
    result = CliRunner().invoke(
        command, ["docs", "--schemas", str(SCHEMAS), "--format", "html", "--out", str(tmp_path / "one.html")]
    )
    assert result.output.strip() == str(tmp_path / "one.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser: Browser, file: Path, *, width: int = 1300, scheme: str = "light") -> tuple[Page, list[str]]:
    """The page, and what it asked for or complained of."""
    heard: list[str] = []
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(file.as_uri())
    return page, [text for text in heard if text != file.as_uri() and not text.startswith("data:")]


@pytest.mark.browser
def test_search_shows_what_has_all_words(browser: Browser, tmp_path: Path) -> None:
    page, heard = opened(browser, docs(tmp_path / "site") / "index.html")
    field = page.get_by_role("searchbox")

    expect(page.locator("#count")).to_contain_text("5 datasets")
    page.keyboard.press("/")
    field.fill("credit_card sensitive")
    expect(page.locator(".entry:visible h2")).to_contain_text(["User"])
    assert page.locator("tr.hit:visible").count() > 0
    field.fill("nothing-of-the-kind")
    expect(page.locator("#none")).to_be_visible()
    field.press("Escape")
    expect(page.locator("#none")).to_be_hidden()
    page.get_by_role("link", name="com.acme.shop/orders", exact=True).first.click()
    assert page.url.endswith("#dataset-com.acme.shop/orders")
    assert heard == []


@pytest.mark.browser
def test_texts_of_people_do_nothing(browser: Browser, people: Path) -> None:
    page, heard = opened(browser, people / "index.html")

    assert page.title() == "Data dictionary"
    assert page.locator(".entry img").count() == 0
    expect(page.locator("h2").first).to_contain_text("<script>")
    assert heard == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_it_fits_a_phone_and_can_be_read_in_the_dark(
    browser: Browser, people: Path, width: int, scheme: str
) -> None:
    page, _ = opened(browser, people / "index.html", width=width, scheme=scheme)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = [page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor")]
    ink, paper = map(brightness, colours)
    assert (ink > paper) == (scheme == "dark") and abs(ink - paper) > 150


def brightness(colour: str) -> float:
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue
