"""Place: to which transaction of the source a record belongs.

Transactions come in the order of their commits, so ``source.sequence`` begins with the same number in all events of one
of them: where the commit before ended. It is greater in each later one, and at least where this one ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from streams.contracts.registry import RegistryUnavailableError
from streams.records import ChangeEvent, SourceRecord

from ..plan import Codec

MOST_SCHEMAS = 8
"""That one record names: of its key and its value."""


class Place(NamedTuple):
    """Where a change stands."""

    name: object
    """Of the transaction: PostgreSQL's number of it."""
    order: int
    """Of the transaction among all."""
    number: int
    """Of the change in the transaction, from 1 on."""


PlaceOf = Callable[[SourceRecord], Place | None]
"""``None``: it belongs to no transaction, or does not say so."""

_decode_sequence = msgspec.json.Decoder(list[str | None]).decode


def place_reader(codec: Codec) -> PlaceOf:
    """Reads places of records that ``codec`` decodes; its events must have their source."""

    def place_of(record: SourceRecord) -> Place | None:
        try:
            event = _decoded(codec, record)
        except RegistryUnavailableError:
            raise
        except Exception:  # what is wrong with it is told when it is processed
            return None
        return None if event is None else _place(event)

    return place_of


def _decoded(codec: Codec, record: SourceRecord) -> ChangeEvent | None:
    """Who holds records back cannot be taken back himself: a registry that was not asked yet is asked here."""
    for _ in range(MOST_SCHEMAS):
        try:
            return codec.decode(record)
        except RegistryUnavailableError as error:
            if not error.is_unasked or error.again is None:
                raise
            error.again()
    return codec.decode(record)


def _place(event: ChangeEvent) -> Place | None:
    transaction, name = event.transaction, event.source.get("txId")
    sequence = event.source.get("sequence")
    if transaction is None or name is None or not isinstance(sequence, str):
        return None
    number = transaction.get("total_order")
    try:
        before = _decode_sequence(sequence)[0]
        return Place(name, int(before or 0), number if isinstance(number, int) else 0)
    except (msgspec.MsgspecError, ValueError, IndexError):
        return None
