"""Plugins: what a server is asked for, and when another reader may go on."""

from __future__ import annotations

from typing import Any

import pytest

from streams.capture.log.plugins import check_reader, pgoutput_options
from streams.capture.options import CaptureError, CaptureOptions
from streams.capture.position import Position

from ..builders import a_relation, a_stream, a_transaction, fed
from .test_announcements import an_insert


def options(**more: Any) -> CaptureOptions:
    return CaptureOptions(database="", tables=("users", "orders"), kafka={}, **more)


@pytest.mark.parametrize(
    ("version", "more", "told"),
    [
        (130_014, {}, {"proto_version": "1"}),
        (140_002, {}, {"proto_version": "2", "messages": "true", "streaming": "on"}),
        (150_020, {}, {"proto_version": "3", "messages": "true", "streaming": "on"}),
        (160_001, {}, {"proto_version": "4", "messages": "true", "streaming": "on"}),
        (180_004, {"is_streaming": False}, {"proto_version": "4", "messages": "true"}),
        (180_004, {"protocol": 1}, {"proto_version": "1", "messages": "true"}),
    ],
)
def test_a_server_is_asked_for_the_newest_that_it_speaks(version: int, more: Any, told: dict[str, str]) -> None:
    assert pgoutput_options(options(**more), version) == {**told, "publication_names": "streams"}


def test_a_protocol_that_the_server_does_not_speak_is_refused_with_the_one_it_speaks() -> None:
    with pytest.raises(CaptureError, match="PostgreSQL 15 speaks protocol 3 of pgoutput, not 4; leave --protocol away"):
        pgoutput_options(options(protocol=4), 150_020)


def test_inside_of_a_transaction_only_the_same_reader_goes_on() -> None:
    stream = a_stream(shapes=[a_relation()], reader=options().reader)
    fed(stream, a_transaction(1, an_insert(1), an_insert(2))[:2])

    check_reader(stream.position, options())
    for other in ({"plugin": "wal2json"}, {"publication": "other"}):
        with pytest.raises(CaptureError, match="read by pgoutput with publication streams; start it so once more"):
            check_reader(stream.position, options(**other))


def test_between_transactions_any_reader_goes_on() -> None:
    stream = a_stream(reader=options().reader)
    fed(stream, a_transaction(1, an_insert(1)))

    for other in ({}, {"plugin": "wal2json"}, {"plugin": "wal2json", "wal2json_format": 1}):
        check_reader(stream.position, options(**other))
    check_reader(Position(open_lsn=5, open_events=1), options())  # an earlier release did not say
