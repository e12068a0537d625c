"""Routes: what a worker answers over HTTP, and how it says no."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams.state.stores.base import StoreLostError
from streams.state.stores.memory import MemoryStore
from streams.worker.assignor import GroupFacts
from streams.worker.engine import Engine
from streams.worker.starts import OffsetMetadata, Starts
from streams.worker.web.routes import add_routes
from tests.worker.builders import TOPIC, a_record, an_engine, owned_task

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Three rows of ``things`` in one ready task."""
    engine = an_engine(tmp_path)
    owned_task(engine, *(a_record(n, key=b'{"id":%d}' % n, value=b'{"id":%d,"note":"n"}' % n) for n in range(3)))
    engine.is_joined = True
    return engine


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    application = web.Application()
    add_routes(application, engine)
    async with TestClient(TestServer(application)) as client:
        yield client


async def get(client: Client, path: str) -> tuple[int, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def test_a_worker_is_live_from_the_start(client: Client) -> None:
    assert await get(client, "/health/live") == (200, {"status": "live"})


async def test_a_worker_is_ready_when_it_has_joined_and_restored(client: Client, engine: Engine) -> None:
    assert await get(client, "/health/ready") == (
        200,
        {"ready": True, "tasks": [[TOPIC, 0]], "assigned": [[TOPIC, 0]]},
    )

    engine.expected = frozenset({(TOPIC, 0), (TOPIC, 1)})
    assert (await get(client, "/health/ready"))[0] == 503

    engine.tasks, engine.expected, engine.is_joined = {}, frozenset(), False
    assert await get(client, "/health/ready") == (503, {"ready": False, "tasks": [], "assigned": []})


async def test_metrics_are_prometheus_text(client: Client) -> None:
    async with client.get("/metrics") as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    line = f'cdc_events_total{{outcome="processed",pipeline="things",source="topic",topic="{TOPIC}"}} 3.0'
    assert line in text.splitlines()


async def test_the_page_is_html_that_loads_nothing_from_elsewhere(client: Client) -> None:
    async with client.get("/") as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert re.findall(r"(?:src|href)=\"?https?://", page) == []


async def test_status_tells_tasks_ledger_and_the_other_workers(client: Client, engine: Engine) -> None:
    engine.group = GroupFacts(web={"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"})

    assert await get(client, "/api/status") == (
        200,
        {
            "instance": "a",
            "ready": True,
            "tasks": [{"task": TOPIC, "topic": TOPIC, "partition": 0, "position": 3, "lag": None}],
            "ledger": {"processed": 3},
            "waiting": {},
            "lost": [],
            "reasons": {},
            "quality": {},
            "workers": {"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"},
        },
    )


async def test_tables_are_listed_with_key_window_and_the_columns_that_their_rows_have(client: Client) -> None:
    assert await get(client, "/api/tables") == (
        200,
        {
            "tables": [
                {
                    "table": "things",
                    "pipeline": "things",
                    "key": ["id"],
                    "window": None,
                    "window_ms": None,
                    "columns": ["id", "more"],
                },
                {
                    "table": "per_minute",
                    "pipeline": "things",
                    "key": ["id"],
                    "window": "tumbling",
                    "window_ms": 60_000,
                    "columns": ["things"],
                },
            ]
        },
    )


@pytest.mark.parametrize("path", ["/api/tables/nothing/rows", "/api/tables/nothing/rows/1"])
async def test_an_unknown_table_is_404_and_the_known_ones_are_named(client: Client, path: str) -> None:
    assert await get(client, path) == (404, {"error": "no such table", "tables": ["things", "per_minute"]})


async def test_a_row_is_found_by_its_key_alone_or_in_a_list(client: Client) -> None:
    row = {"key": [2], "window": None, "row": {"id": 2, "more": 3}}

    assert await get(client, "/api/tables/things/rows/2") == (200, row)
    assert await get(client, "/api/tables/things/rows/%5B2%5D") == (200, row)
    assert await get(client, "/api/tables/things/rows/7") == (404, {"error": "no such row"})


async def test_a_window_is_found_by_its_group_and_start(client: Client) -> None:
    row = {"id": 2, "window_start": 0, "window_end": 60_000, "things": 1}

    assert await get(client, "/api/tables/per_minute/rows/%5B2,0%5D") == (
        200,
        {"key": [2], "window": [0, 60_000], "row": row},
    )
    assert await get(client, "/api/tables/per_minute/rows/%5B2,60000%5D") == (404, {"error": "no such row"})


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/api/tables/things/rows/ada", "URL-encode it"),
        ("/api/tables/per_minute/rows/%5B2,%22now%22%5D", "the window's start in ms"),
        ("/api/tables/per_minute/rows/%5B%5D", "the window's start in ms"),
        ("/api/tables/per_minute/rows/%5B2,true%5D", "the window's start in ms"),
        (f"/api/tables/per_minute/rows/%5B2,{1 << 70}%5D", "the window's start in ms"),
        (f"/api/tables/per_minute/rows?from={1 << 70}", "whole numbers"),
        ("/api/tables/things/rows?limit=many", "whole numbers"),
        ("/api/tables/things/rows?from=yesterday", "whole numbers"),
        ("/api/tables/things/rows?cursor=xyz", "one that a page gave"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_400_and_says_how_to_ask(
    client: Client, path: str, hint: str
) -> None:
    status, body = await get(client, path)

    assert (status, hint in body["error"]) == (400, True), body


async def test_pages_go_on_at_their_cursor(client: Client) -> None:
    ids, path = [], "/api/tables/things/rows?limit=2"
    while path:
        _, page = await get(client, path)
        ids.append([row["row"]["id"] for row in page["rows"]])
        path = f"/api/tables/things/rows?limit=2&cursor={page['cursor']}" if page["cursor"] else ""

    assert ids == [[0, 1], [2]]


async def test_rows_are_chosen_by_prefix_of_the_key_and_by_window_start(client: Client) -> None:
    async def ids(query: str) -> list[int]:
        return [row["row"]["id"] for row in (await get(client, f"/api/tables/{query}"))[1]["rows"]]

    assert await ids("things/rows?prefix=%5B2") == [2]
    assert await ids("per_minute/rows?from=0&to=60000") == [0, 1, 2]
    assert await ids("per_minute/rows?from=60000") == []


async def test_a_worker_that_owns_a_part_and_does_not_answer_fails_the_question_instead_of_hiding_rows(
    client: Client, engine: Engine
) -> None:
    engine.group = GroupFacts(
        web={"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:1"}, owners={TOPIC: {0: "a", 1: "b"}}
    )

    async with client.get("/api/tables/things/rows") as answer:
        assert (answer.status, "does not answer" in await answer.text()) == (503, True)
    assert (await get(client, "/api/tables/things/rows?local=1"))[0] == 200


@pytest.mark.parametrize("path", ["/api/tables/things/rows", "/api/tables/things/rows/9"])
async def test_rows_of_a_task_that_is_being_restored_are_not_taken_for_rows_that_are_not_there(
    client: Client, engine: Engine, path: str
) -> None:
    engine.group = GroupFacts(web={"a": ""}, owners={TOPIC: {0: "a", 1: "a"}})

    async with client.get(path) as answer:
        assert (answer.status, await answer.text()) == (503, f"{TOPIC}[1] is being restored; ask again in a moment")
    assert (await get(client, "/api/tables/things/rows/2"))[0] == 200

    engine.is_joined = False
    async with client.get(path) as answer:
        assert (answer.status, "handed out" in await answer.text()) == (503, True)


class Notes:
    """Committed offsets of another worker, with where it says it is now."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.asked: list[tuple[str, int]] = []

    def noted(self, places: Iterable[tuple[str, int]]) -> list[OffsetMetadata]:
        self.asked += places
        return [OffsetMetadata(t="app-b", f={}, w=self._url), OffsetMetadata(t="app-long-gone", f={}, w=self._url)]


@asynccontextmanager
async def another_worker(folder: Path) -> AsyncIterator[str]:
    """The address of worker ``b``, which has a row of ``things`` in partition 1."""
    other = an_engine(folder, "b")
    owned_task(other, a_record(0, partition=1, key=b'{"id":9}', value=b'{"id":9}'), partition=1)
    application = web.Application()
    add_routes(application, other)
    async with TestServer(application) as server:
        other.web_url = str(server.make_url("")).rstrip("/")
        yield other.web_url


async def test_a_worker_that_is_not_where_the_plan_says_is_asked_where_it_has_noted_that_it_is(
    client: Client, engine: Engine, tmp_path: Path
) -> None:
    async with another_worker(tmp_path / "other") as url:
        notes = Notes(url)
        engine.addresses.starts = cast(Starts, notes)
        engine.group = GroupFacts(web={"a": "", "b": "http://127.0.0.1:1"}, owners={TOPIC: {0: "a", 1: "b"}})

        status, page = await get(client, "/api/tables/things/rows")
        _, group = await get(client, "/api/group")

    assert (status, [entry["row"]["id"] for entry in page["rows"]]) == (200, [0, 1, 2, 9])
    assert [(worker["instance"], worker["url"]) for worker in group["workers"]] == [("a", ""), ("b", url)]
    assert (notes.asked, group["workers"][1]["status"]["instance"]) == ([(TOPIC, 1)], "b")


async def test_a_worker_that_listens_where_another_one_was_does_not_answer_in_its_place(
    client: Client, engine: Engine, tmp_path: Path
) -> None:
    async with another_worker(tmp_path / "other") as url:
        engine.group = GroupFacts(web={"a": "", "c": url}, owners={TOPIC: {0: "a", 1: "c"}})

        async with client.get("/api/tables/things/rows") as answer:
            assert (answer.status, "does not answer" in await answer.text()) == (503, True)
        _, group = await get(client, "/api/group")

    assert {worker["instance"]: worker["status"] is None for worker in group["workers"]} == {"a": False, "c": True}


async def test_an_address_is_noted_where_the_plan_names_another_and_only_there(engine: Engine) -> None:
    engine.web_url = "http://127.0.0.1:2"
    assert engine.addresses.to_note == ""

    engine.group = GroupFacts(web={"a": "http://127.0.0.1:1"})
    assert (engine.addresses.to_note, engine.addresses.known()) == (engine.web_url, {"a": engine.web_url})

    engine.group = GroupFacts(web={"a": "http://127.0.0.1:2"})
    assert engine.addresses.to_note == ""


async def test_a_worker_that_is_not_ready_fails_the_question_instead_of_hiding_rows(
    client: Client, engine: Engine, tmp_path: Path
) -> None:
    application = web.Application()
    add_routes(application, an_engine(tmp_path / "other", "b"))
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        engine.group = GroupFacts(web={"a": "", "b": url}, owners={TOPIC: {0: "a", 1: "b"}})

        async with client.get("/api/tables/things/rows") as answer:
            assert (answer.status, "is not ready (503)" in await answer.text()) == (503, True)


async def test_rows_of_the_other_workers_are_part_of_the_answer(client: Client, engine: Engine, tmp_path: Path) -> None:
    async with another_worker(tmp_path / "other") as url:
        engine.group = GroupFacts(web={"a": "", "b": url}, owners={TOPIC: {0: "a", 1: "b"}})
        page, row = await asyncio.gather(
            get(client, "/api/tables/things/rows"), get(client, "/api/tables/things/rows/9")
        )

    assert [entry["row"]["id"] for entry in page[1]["rows"]] == [0, 1, 2, 9]
    assert row == (200, {"key": [9], "window": None, "row": {"id": 9, "more": 10}})


@pytest.mark.parametrize("path", ["/api/tables/things/rows", "/api/tables/things/rows/1"])
async def test_a_store_that_does_not_give_its_rows_is_no_empty_table(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise StoreLostError("state of things.v1[0] in Redis")

    for name in ("scan", "get_many"):
        monkeypatch.setattr(MemoryStore, name, fail)

    async with client.get(path) as answer:
        assert (answer.status, await answer.text()) == (503, "a table cannot be read here; ask again in a moment")
