"""Side by side: a real Debezium and our capture read one database, and tell the same but for what is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .compare import outdated, unexplained
from .differences import DIFFERENCES, MISSING
from .sides import Sides
from .told import order_by_key, order_by_transaction

pytestmark = pytest.mark.integration
SILENT = {"replica_full", "tx_rollback"}
"""Cases that tell nothing."""


def test_debezium_tells_of_every_case(sides: Sides) -> None:
    told = {sides.case_of(event) for event in sides.debezium.values()}

    assert {case.name for case in sides.course.cases} - told == SILENT


def test_we_tell_of_every_change_that_debezium_tells_of_and_of_no_other(sides: Sides) -> None:
    missing = {identity: event for identity, event in sides.debezium.items() if identity not in sides.ours}

    assert sides.ours.keys() - sides.debezium.keys() == set()
    assert [
        identity for identity, event in missing.items() if not any(sides.is_about(entry, event) for entry in MISSING)
    ] == []


def test_what_we_are_listed_not_to_tell_of_we_do_not_tell_of(sides: Sides) -> None:
    told = {entry: [identity for identity, event in sides.debezium.items() if sides.is_about(entry, event)]
            for entry in MISSING}  # fmt: skip

    assert [entry for entry, identities in told.items() if not identities or set(identities) & sides.ours.keys()] == []


def test_fields_differ_only_where_it_is_listed(sides: Sides) -> None:
    wrong = unexplained(sides.found(), DIFFERENCES)

    assert not wrong, "\n".join(wrong)


def test_no_listed_difference_has_outlived_its_reason(sides: Sides) -> None:
    assert outdated(sides.found(), DIFFERENCES) == []


def test_the_changes_of_each_key_come_in_debeziums_order_from_one_partition(sides: Sides) -> None:
    ours = {identity: key for key, identities in order_by_key(sides.ours).items() for identity in identities}
    for identities in order_by_key(sides.debezium).values():
        told = [identity for identity in identities if identity in sides.ours]
        assert len({ours[identity] for identity in told}) <= 1
        assert len({sides.ours[identity].partition for identity in told}) <= 1
        assert told == sorted(told, key=lambda identity: sides.ours[identity].offset)


def test_the_changes_of_each_transaction_come_in_debeziums_order(sides: Sides) -> None:
    ours = order_by_transaction(sides.ours)
    for xid, identities in order_by_transaction(sides.debezium).items():
        assert ours.get(xid, []) == [identity for identity in identities if identity in sides.ours]


def test_heartbeats_are_told_alike(sides: Sides) -> None:
    assert sides.heartbeats == {
        prefix: {(f'{{"serverName":"{prefix}"}}', ("ts_ms",))} for prefix in sides.heartbeats
    }


def test_nothing_of_debezium_is_left_behind(sides: Sides) -> None:
    assert not Path(f"/proc/{sides.debezium_pid}").exists()
