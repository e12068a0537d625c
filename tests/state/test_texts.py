"""A table of texts: what was written as text is read as a value, wherever it is."""

from __future__ import annotations

import pytest

from streams.state.overlay import store_key
from streams.state.stores.memory import MemoryStore
from streams.state.texts import TextTable

from .test_table import a_spec


def a_text_table(store: MemoryStore | None = None) -> TextTable[int]:
    """Of integers; ``a`` and ``b`` are committed texts."""
    store = MemoryStore() if store is None else store
    table = TextTable(a_spec(prefix=b"", cached=10), store)
    table.put_texts({b"a": b"1", b"b": b"2"})
    commit(table, store)
    return table


def commit(table: TextTable[int], store: MemoryStore) -> None:
    table.keep_batch()
    store.write(table.changes(1).entries)
    table.commit()


def test_texts_are_read_as_values() -> None:
    table = a_text_table()
    table.put_texts({b"b": b"20"})
    table.keep_batch()
    table.put_texts({b"c": b"30"})

    assert table.get_many([b"a", b"b", b"c", b"d"]) == {b"a": 1, b"b": 20, b"c": 30}
    assert list(table.scan()) == [(b"a", 1), (b"b", 20), (b"c", 30)]
    assert table.get(b"c") == 30


def test_the_store_has_the_same_of_a_text_and_of_a_value() -> None:
    store = MemoryStore()
    table = a_text_table(store)
    table.put_texts({b"c": b"3", b"d": b"4"})
    table.put(b"c", 5)
    table.put(b"a", None)
    commit(table, store)

    assert list(store.scan(b"", b"\xff")) == [
        (store_key("t", key), value) for key, value in ((b"b", b"2"), (b"c", b"5"), (b"d", b"4"))
    ]


def test_what_is_fetched_is_a_text_and_what_is_nowhere_is_not_held() -> None:
    store = MemoryStore()
    a_text_table(store)
    table = TextTable(a_spec(prefix=b"", cached=10), store)
    table.fetch([b"a", b"x"])

    assert table.held == {b"a": b"1"}
    assert table.get(b"a") == 1


@pytest.mark.parametrize("undo", ["discard_batch", "abort"])
def test_what_is_taken_back_leaves_the_text_that_was_there(undo: str) -> None:
    table = a_text_table()
    table.put_texts({b"a": b"10", b"c": b"3"})

    getattr(table, undo)()

    assert (table.get(b"a"), table.get(b"c")) == (1, None)
