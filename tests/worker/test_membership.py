"""Membership: the bytes by which a broker refuses the transaction of a member that the group has left behind."""

from __future__ import annotations

import pytest

from streams.worker.membership import Membership


def test_a_static_member_is_written_as_librdkafka_writes_it() -> None:
    membership = Membership(group="app", generation=3, member_id="a-1", instance="a")

    assert membership.metadata() == b"CGMDv2:\x03\x00\x00\x00app\x00a-1\x00\x00a\x00"


def test_a_member_without_instance_says_so() -> None:
    membership = Membership(group="app", generation=258, member_id="a-1", instance=None)

    assert membership.metadata() == b"CGMDv2:\x02\x01\x00\x00app\x00a-1\x00\x01"


@pytest.mark.parametrize(("generation", "member_id"), [(-1, "a-1"), (3, "")])
def test_a_member_of_no_generation_is_refused_since_the_broker_would_fence_nobody(
    generation: int, member_id: str
) -> None:
    membership = Membership(group="app", generation=generation, member_id=member_id, instance="a")

    with pytest.raises(ValueError, match="fence nobody"):
        membership.metadata()
