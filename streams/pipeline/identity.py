"""Identity: which change is this? Never which is newer: log positions repeat and go backwards.

Sources: Debezium 3.7, ``provide.transaction.metadata``; real captures in which every row of a COPY has one LSN,
and interleaved transactions go backwards inside a partition.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from operator import itemgetter

from streams.records import ChangeEvent, Operation

from .tables import encode_key

Identify = Callable[[ChangeEvent], bytes | None]


def identify_by_change(key: tuple[str, ...]) -> Identify:
    """(source name, transaction, place in it), else (source name, key, log position, operation), else (source, id).

    Rows of an incremental snapshot have no position, and keyless rows of a snapshot nothing that tells them apart:
    they have no identity and are never duplicates.
    """

    def identify(event: ChangeEvent) -> bytes | None:
        source, transaction = event.source, event.transaction
        name = source.get("name")
        if transaction is not None and (place := transaction.get("total_order")) is not None:
            return b"t%b" % encode_key([name, source.get("txId"), place])
        if source.get("lsn") is None:
            known = source.get("id")
            return None if known is None else b"i%b" % encode_key([name, known])
        if not key and event.operation is Operation.READ:
            return None
        values = [event.row.get(column) for column in key]
        position = source.get("sequence") or source.get("lsn")
        return b"p%b" % encode_key([name, values, position, event.operation.value])

    return identify


def hide(identify: Identify) -> Identify:
    """``identify`` as a keyless digest of 16 bytes: identities are stored, and a masked key may not be."""

    def identify_secretly(event: ChangeEvent) -> bytes | None:
        identity = identify(event)
        return None if identity is None else blake2b(identity, digest_size=16).digest()

    return identify_secretly


def identify_by_columns(columns: tuple[str, ...], *, is_secret: bool, unless_sent: Identify | None = None) -> Identify:
    """The values of ``columns``; as a keyless digest of 16 bytes where one of them is to be masked.

    Where the source did not send all of them, as on DELETE, an event is identified by ``unless_sent``. Absent columns
    are no values: all deletes of a row would be one change.
    """
    needed = frozenset(columns)
    values_of = itemgetter(*columns) if len(columns) > 1 else None

    def identify(event: ChangeEvent) -> bytes | None:
        row = event.row
        try:
            return encode_key((row[columns[0]],) if values_of is None else values_of(row))
        except KeyError:
            return identify_whatever_was_sent(event)

    def identify_whatever_was_sent(event: ChangeEvent) -> bytes | None:
        if unless_sent is not None and not needed.isdisjoint(event.unsent):
            return unless_sent(event)
        identity = encode_key([event.row.get(column) for column in columns])
        return blake2b(identity, digest_size=16).digest() if is_secret else identity

    return identify_whatever_was_sent if is_secret else identify
