"""Membership: who this worker is in its consumer group, as a transaction must tell the broker.

A transaction that names its group's generation and member is refused once the group has moved on (KIP-447).
The bytes are those that librdkafka writes for a consumer of its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A member of one generation of the group; captured when partitions are assigned, never read later."""

    group: str
    generation: int
    member_id: str
    instance: str | None

    def metadata(self) -> bytes:
        """What ``send_offsets_to_transaction`` takes; ``ValueError`` for a member that fences nobody."""
        if self.generation < 0 or not self.member_id:
            raise ValueError("no generation: a transaction of it would fence nobody")
        head = b"CGMDv2:" + struct.pack("=i", self.generation)
        names = self.group.encode() + b"\0" + self.member_id.encode() + b"\0"
        tail = b"\x01" if self.instance is None else b"\x00" + self.instance.encode() + b"\0"
        return head + names + tail
