"""Dead letters of a second stage name the place of their event in the source."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streams.pipeline.exchange.origin import in_source
from streams.pipeline.exchange.wire import Carried, encode
from streams.records import SourceRecord

from ..lane.ways import fetched

EXCHANGE: Any = SimpleNamespace(source="orders")


def test_a_record_that_travelled_gets_the_place_of_its_event_as_an_object_and_in_the_bytes_of_a_fetch() -> None:
    value = encode(Carried(partition=2, offset=77, clock_ms=0, time_ms=0, row={}))
    record = SourceRecord("repartition", 0, 5, 9, b"k", value, (("h", b"x"),))
    wanted = SourceRecord("orders", 2, 77, 9, b"k", value, (("h", b"x"),))
    assert [in_source(held, EXCHANGE) for held in (record, *fetched([record]))] == [wanted, wanted]
