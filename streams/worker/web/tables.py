"""Tables over HTTP: what this worker holds, and what the others hold.

Rows live where their source partition lives, so a question goes to every worker that owns tasks of the table;
``local=1`` keeps a worker from asking on, and with a worker's name instead nobody else answers in its place. Only
committed rows are shown.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web

from streams.pipeline.plan import Plan
from streams.pipeline.query import TableRow, find_row, scan_rows, split_key, windows_of
from streams.pipeline.route import encode_json
from streams.pipeline.topology import SubTopology, table_names

from ..engine import Engine

MOST_ROWS = 1_000
SCANNED_ROWS = 20_000
"""Entries of one partition that one request looks at; a cursor tells where the next goes on."""
PEER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which rows somebody asks for."""

    prefix: str = ""
    """Of the key's JSON text."""
    from_ms: int | None = None
    to_ms: int | None = None
    limit: int = 100
    after: bytes = b""
    """Stored key that the last page ended with."""


Entry = tuple[bytes, dict[str, object]]
"""Stored key and what is shown of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of a part of a table, ascending by stored key."""

    rows: list[Entry]
    read_to: bytes | None = None
    """Stored key up to which all was read, ``None``: to the end."""


class TableReader:
    """Answers for the whole group."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: aiohttp.ClientSession | None = None

    def tables(self) -> list[dict[str, object]]:
        """Every table with its pipeline, key and windows."""
        return [
            _describe(plan, name)
            for sub in self._engine.topology.subtopologies
            for plan in sub.plans
            for name in table_names(plan)
        ]

    async def page(self, table: str, question: Question, query: str, *, is_local: bool) -> dict[str, object]:
        """Rows by stored key, ascending, with a cursor where there are more; ``KeyError`` for an unknown table."""
        sub, plan = self._engine.topology.table_owner(table)
        self._check_whole(sub)
        parts = list(self._local_parts(sub, plan, table, question))
        if not is_local:
            parts += map(_part_of_answer, await self._ask_peers(f"/api/tables/{table}/rows?{query}"))
        page = merge_parts(parts, question.limit)
        cursor = None if page.read_to is None else page.read_to.hex()
        return {"table": table, "rows": [row for _, row in page.rows], "cursor": cursor}

    async def row(self, table: str, key: list[Any], query: str, *, is_local: bool) -> dict[str, object] | None:
        """The row of ``key``: the group's values, then the window's start where there are windows."""
        sub, plan = self._engine.topology.table_owner(table)
        found = self._local_row(sub, plan, table, key)
        if found is not None:
            return found
        self._check_whole(sub)
        if is_local:
            return None
        answers: list[dict[str, object]] = await self._ask_peers(f"/api/tables/{table}/rows/{query}")
        return answers[0] if answers else None

    def _check_whole(self, sub: SubTopology) -> None:
        """Every part of this worker's is there; 503 where one is on its way, rather than an answer without its rows."""
        engine, topic = self._engine, sub.source_topics[0]
        if not engine.is_joined:
            raise web.HTTPServiceUnavailable(text="tasks are being handed out to the workers; ask again in a moment")
        own = {number for number, name in engine.group.owners.get(topic, {}).items() if name == engine.instance}
        if missing := sorted(own - {number for name, number in engine.tasks if name == topic}):
            raise web.HTTPServiceUnavailable(text=f"{topic}[{missing[0]}] is being restored; ask again in a moment")

    def _local_parts(self, sub: SubTopology, plan: Plan, table: str, question: Question) -> Iterator[Part]:
        for (topic, _), owned in sorted(self._engine.tasks.items(), key=lambda entry: entry[0]):
            if topic in sub.source_topics:
                yield read_part(scan_rows(
                    owned.task.store, plan, table, from_ms=question.from_ms, to_ms=question.to_ms, after=question.after
                ), question)  # fmt: skip

    def _local_row(self, sub: SubTopology, plan: Plan, table: str, key: list[Any]) -> dict[str, object] | None:
        values, window = split_key(key, windows_of(plan, table))
        for (topic, _), owned in self._engine.tasks.items():
            if topic in sub.source_topics:
                found = find_row(owned.task.store, plan, table, values, window=window)
                if found is not None:
                    return _shown(found)
        return None

    async def _ask_peers(self, path: str) -> list[Any]:
        """What the other workers answer; one that does not answer fails the question, rather than hiding its rows."""
        group = self._engine.group
        owners = {instance for held in group.owners.values() for instance in held.values()} - {self._engine.instance}
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PEER_SECONDS))
        asked = [name for name, url in group.web.items() if name in owners and url]
        answers = await asyncio.gather(*(self._ask(self._session, name, path) for name in asked))
        return [answer for answer in answers if answer is not None]

    async def _ask(self, session: aiohttp.ClientSession, name: str, path: str) -> Any:
        """What worker ``name`` answers; ``None``: it has no such row. Who is not where it was may be elsewhere."""
        addresses = self._engine.addresses
        query = f"{path}{'&' if '?' in path else '?'}local={quote(name, safe='')}"
        url = addresses.known().get(name, "")
        try:
            return await _answer(session, url + query)
        except NotThereError:
            await addresses.look_again()
        moved = addresses.known().get(name, "")
        try:
            if moved != url:
                return await _answer(session, moved + query)
        except NotThereError:
            pass
        raise _unavailable("does not answer")

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()


class NotThereError(Exception):
    """Nobody answers at an address, or somebody else does."""


async def _answer(session: aiohttp.ClientSession, url: str) -> Any:
    try:
        async with session.get(url) as response:
            if response.status == 200:
                return msgspec.json.decode(await response.read())
            if response.status == 404:
                return None
            if response.status == web.HTTPMisdirectedRequest.status_code:
                raise NotThereError
            raise _unavailable(f"is not ready ({response.status})")
    except (aiohttp.ClientError, TimeoutError):
        raise NotThereError from None


def _unavailable(why: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"a worker that owns a part of the table {why}; ask again in a moment")


def read_part(entries: Iterable[tuple[bytes, TableRow]], question: Question) -> Part:
    """The matching rows of one partition, until there are enough or enough was looked at."""
    rows: list[Entry] = []
    for count, (stored_key, row) in enumerate(entries, 1):
        if not question.prefix or encode_json(list(row.key)).decode().startswith(question.prefix):
            rows.append((stored_key, {**_shown(row), "stored_key": stored_key.hex()}))
        if len(rows) >= question.limit or count >= SCANNED_ROWS:
            return Part(rows=rows, read_to=stored_key)
    return Part(rows=rows, read_to=None)


def _part_of_answer(answer: Any) -> Part:
    """What another worker answered: its cursor says how far it has read."""
    rows = [(bytes.fromhex(row["stored_key"]), row) for row in answer["rows"]]
    return Part(rows=rows, read_to=bytes.fromhex(answer["cursor"]) if answer["cursor"] else None)


def merge_parts(parts: Iterable[Part], limit: int) -> Part:
    """The first ``limit`` rows of all parts: none beyond what every part has read to, or the next page would miss some.

    >>> merge_parts([Part(rows=[(b"a", {}), (b"c", {})], read_to=b"c"), Part(rows=[(b"d", {})])], 2)
    Part(rows=[(b'a', {}), (b'c', {})], read_to=b'c')
    """
    parts = list(parts)
    read_to = min((part.read_to for part in parts if part.read_to is not None), default=None)
    known = [entry for part in parts for entry in part.rows if read_to is None or entry[0] <= read_to]
    rows = heapq.nsmallest(limit + 1, known, key=lambda entry: entry[0])
    return Part(rows=rows[:limit], read_to=rows[limit - 1][0] if len(rows) > limit else read_to)


def _shown(row: TableRow) -> dict[str, object]:
    return {"key": list(row.key), "window": None if row.window is None else list(row.window), "row": row.row}


def _describe(plan: Plan, name: str) -> dict[str, object]:
    for aggregation in plan.aggregations:
        if aggregation.table == name:
            return {
                "table": name,
                "pipeline": plan.pipeline,
                "key": list(aggregation.by),
                "window": aggregation.windows and aggregation.windows.name,
                "window_ms": aggregation.windows and aggregation.windows.length_ms,
                "columns": [column.name for column in aggregation.columns],
            }
    key = [] if plan.table is None else list(plan.table.key)
    dropped = {mask.column for mask in plan.masks if mask.cover is None and mask.evaluate is None}
    columns = [column for column in plan.contract.newest.columns if column not in dropped]
    columns += [own for join in plan.joins for _, own in join.columns]
    columns += [held.column for held in plan.derivations if held.column not in columns]
    windows = {"window": None, "window_ms": None}
    return {"table": name, "pipeline": plan.name, "key": key, **windows, "columns": columns}
