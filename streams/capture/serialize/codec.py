"""What the outgoing side asks of a format."""

from __future__ import annotations

from typing import Protocol

from ..outgoing.envelope import Envelope, Image, TableShape, TableTarget
from ..postgres.facts import ColumnFacts


class Codec(Protocol):
    """Writes the records of one version of a table for one topic, framed with their schemas."""

    def key(self, row: Image) -> bytes:
        """The record's key; only where the table has one."""

    def value(self, envelope: Envelope) -> bytes:
        """The record's value. Raises ``CaptureError`` for what the format cannot say."""


class Codecs(Protocol):
    """Makes codecs; registers schemas."""

    def codec(
        self, topic: str, target: TableTarget, shape: TableShape, columns: tuple[ColumnFacts, ...]
    ) -> Codec:
        """The codec of a version of a table, whose columns behind their masks are ``columns``.

        Raises ``CaptureError`` where the registry refuses the schema or cannot be asked.
        """
