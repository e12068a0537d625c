"""``streams tables``: the live tables of a worker, read over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from streams.cli.tables import command
from streams.worker.web.routes import add_routes
from tests.worker.builders import a_record, an_engine, owned_task

ROWS = 2_500


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[str]:
    """Address of a worker whose table ``things`` has 2,500 rows."""
    engine = an_engine(tmp_path)
    owned_task(engine, *(a_record(n, value=b'{"id":%d}' % n) for n in range(ROWS)))
    application = web.Application()
    add_routes(application, engine)
    async with TestServer(application) as server:
        yield f"127.0.0.1:{server.port}"


async def run(worker: str, *arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, command, [*arguments, "--worker", worker])


async def test_tables_are_listed(worker: str) -> None:
    shown = await run(worker, "list")
    listed = await run(worker, "list", "--output", "json")

    assert ("things" in shown.output, "per_minute" in shown.output) == (True, True)
    assert [table["key"] for table in json.loads(listed.output)] == [["id"], ["id"]]


async def test_a_row_is_got_by_its_key(worker: str) -> None:
    found = await run(worker, "get", "things", "7", "--output", "json")
    shown = await run(worker, "get", "things", "[7]")
    window = await run(worker, "get", "per_minute", "[7, 0]", "--output", "json")

    assert json.loads(found.output) == [{"key": [7], "window": None, "row": {"id": 7, "more": 8}}]
    assert "│ 7  │ 8    │" in shown.output
    assert json.loads(window.output)[0]["row"]["things"] == 1


async def test_a_row_that_is_not_there_is_exit_code_1(worker: str) -> None:
    missing = await run(worker, "get", "things", "99999")
    no_table = await run(worker, "get", "nothing", "1")
    no_key = await run(worker, "get", "things", "ada")

    assert [held.exit_code for held in (missing, no_table, no_key)] == [1, 1, 1]
    assert missing.stderr == "Error: no such row\n"
    assert no_table.stderr == "Error: no such table; there are: things, per_minute\n"
    assert "the key is JSON" in no_key.stderr


async def test_a_scan_reads_page_after_page(worker: str) -> None:
    everything = json.loads((await run(worker, "scan", "things", "--limit", "0", "--output", "json")).output)
    some = json.loads(
        (await run(worker, "scan", "things", "--prefix", "[24", "--limit", "0", "--output", "json")).output
    )

    assert sorted(row["row"]["id"] for row in everything) == list(range(ROWS))
    assert sorted(row["row"]["id"] for row in some) == [24, *range(240, 250), *range(2_400, 2_500)]
