"""Identity and moves: which change this is, and where a row with a new key came from."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from streams.pipeline.identity import hide, identify_by_change, identify_by_columns
from streams.pipeline.moves import NEW_KEY, OLD_KEY, has_moved, moved_to
from streams.records import ChangeEvent, Headers, Operation

from .builders import an_event

SOURCE = {"name": "shop", "lsn": 9, "txId": 3}
PLACE = {"id": "3:9", "total_order": 2, "data_collection_order": 1}


def a_placed_event(transaction: dict[str, object] | None = None, **parts: Any) -> ChangeEvent:
    return replace(an_event(parts.pop("row", {"id": 1}), source=SOURCE, **parts), transaction=transaction)


identify = identify_by_change(("id",))


def test_a_place_in_a_transaction_is_an_identity_whatever_the_row() -> None:
    one, other = a_placed_event(PLACE), a_placed_event(PLACE, row={"id": 2}, operation=Operation.UPDATE)

    assert identify(one) == identify(other) != identify(a_placed_event({**PLACE, "total_order": 3}))


def test_a_transaction_without_a_place_is_none() -> None:
    assert identify(a_placed_event({"id": "3:9"})) == identify(a_placed_event(None))


@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.DELETE, Operation.READ])
def test_without_transactions_the_operation_counts(operation: Operation) -> None:
    assert identify(a_placed_event()) != identify(a_placed_event(operation=operation))


def test_a_sequence_says_more_than_a_position() -> None:
    first, second = (an_event({"id": 1}, source={**SOURCE, "sequence": text}) for text in ('["1","9"]', '["2","9"]'))

    assert identify(first) != identify(second)


@pytest.mark.parametrize(
    ("key", "operation", "source"),
    [
        (("id",), Operation.READ, {"name": "shop", "lsn": None}),
        (("id",), Operation.INSERT, {}),
        ((), Operation.READ, SOURCE),
    ],
)
def test_what_nothing_tells_apart_has_no_identity(
    key: tuple[str, ...], operation: Operation, source: dict[str, object]
) -> None:
    event = an_event({"id": 1}, operation=operation, source=source)

    assert identify_by_change(key)(event) is None
    assert hide(identify_by_change(key))(event) is None


def test_identities_of_columns_and_of_changes_are_no_secret_only_if_told_so() -> None:
    event = an_event({"id": 1, "email": "s3cret"}, source=SOURCE)
    plain, hidden = (identify_by_columns(("email",), is_secret=is_secret)(event) for is_secret in (False, True))
    digest = hide(identify_by_change(("email",)))(event)

    assert b"s3cret" in (plain or b"")
    assert [len(identity or b"") for identity in (hidden, digest)] == [16, 16]


# -- moves


def a_moving(operation: Operation, *headers: tuple[str, bytes | None]) -> ChangeEvent:
    event = an_event({"id": 1}, operation=operation)
    return replace(event, record=replace(event.record, headers=tuple(headers)))


def test_a_delete_says_under_which_key_its_row_goes_on() -> None:
    headers: Headers = ((NEW_KEY, b'{"id":2,"line":7}'),)

    assert moved_to(a_moving(Operation.DELETE, *headers), ("line", "id")) == b"[7,2]"
    assert moved_to(a_moving(Operation.INSERT, *headers), ("id",)) is None
    assert moved_to(a_moving(Operation.DELETE, *headers), ("id", "more")) is None


@pytest.mark.parametrize("value", [None, b"", b"{", b"[1]", b"1", b"{}", b"\xff"])
def test_a_header_that_is_no_key_says_nothing(value: bytes | None) -> None:
    assert moved_to(a_moving(Operation.DELETE, (NEW_KEY, value)), ("id",)) is None


def test_only_an_insert_has_moved() -> None:
    header = (OLD_KEY, b'{"id":1}')

    moved = [has_moved(a_moving(operation, header)) for operation in (Operation.INSERT, Operation.UPDATE)]

    assert (moved, has_moved(a_moving(Operation.INSERT))) == ([True, False], False)
