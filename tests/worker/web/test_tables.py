"""Tables over HTTP: pages of a table whose rows are spread over partitions and workers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.query import TableRow
from streams.worker.web.tables import Entry, Part, Question, merge_parts, read_part


def a_row(number: int) -> tuple[bytes, TableRow]:
    return number.to_bytes(4), TableRow(key=(number,), window=None, row={"id": number})


def keys(part: Part) -> list[int]:
    return [int.from_bytes(stored_key) for stored_key, _ in part.rows]


def read_all(partitions: list[list[int]], workers: int, limit: int) -> list[int]:
    """Page after page, as a client does: each worker merges its partitions, the first one merges the workers."""
    after, seen = b"", list[int]()
    while True:
        question = Question(limit=limit, after=after)
        parts = [
            merge_parts(
                [
                    read_part((a_row(n) for n in sorted(held) if n.to_bytes(4) > after), question)
                    for held in partitions[worker::workers]
                ],
                limit,
            )
            for worker in range(workers)
        ]
        page = merge_parts(parts, limit)
        seen += keys(page)
        if page.read_to is None:
            return seen
        after = page.read_to


@given(
    numbers=st.lists(st.integers(0, 300), unique=True, max_size=60),
    partitions=st.integers(1, 4),
    workers=st.integers(1, 3),
    limit=st.integers(1, 12),
)
def test_pages_hold_every_row_once_in_order(numbers: list[int], partitions: int, workers: int, limit: int) -> None:
    held = [[n for n in numbers if n % partitions == index] for index in range(partitions)]

    assert read_all(held, workers, limit) == sorted(numbers)


def test_a_part_that_found_nothing_yet_tells_how_far_it_looked() -> None:
    found = read_part(map(a_row, range(30_000)), Question(prefix="[29999"))

    assert (found.rows, found.read_to) == ([], (19_999).to_bytes(4))


def test_rows_beyond_what_another_part_has_read_wait_for_the_next_page() -> None:
    early: list[Entry] = [(b"a", {})]
    late: list[Entry] = [(b"z", {})]

    page = merge_parts([Part(rows=early, read_to=b"c"), Part(rows=late)], 10)

    assert page == Part(rows=early, read_to=b"c")
