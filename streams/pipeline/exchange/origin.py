"""Origin: where the event of a record that travelled here stands in its source."""

from __future__ import annotations

import msgspec

from streams.records import SourceRecord

from .plan import Exchange
from .wire import Carried, decode


def in_source(record: SourceRecord, exchange: Exchange) -> SourceRecord:
    """``record`` with the coordinates of what it was made of; its bytes stay those that travelled, masked as they are.

    What many events have sent together has no place of its own, and keeps the one where it was found.
    """
    try:
        found = decode(record.value)
    except msgspec.MsgspecError:
        return record
    if not isinstance(found, Carried):
        return record
    return SourceRecord(
        exchange.source, found.partition, found.offset, record.timestamp_ms, record.key, record.value, record.headers
    )
