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
    """(source name, transaction, place in it), else (source name, key, log position, operation).

    Rows of an incremental snapshot have no position, and keyless rows of a snapshot nothing that tells them apart:
    they have no identity and are never duplicates.
    """

    def identify(event: ChangeEvent) -> bytes | None:
        source, transaction = event.source, event.transaction
        name = source.get("name")
        if transaction is not None and (place := transaction.get("total_order")) is not None:
            return b"t%b" % encode_key([name, source.get("txId"), place])
        if source.get("lsn") is None or (not key and event.operation is Operation.READ):
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


def where_sent(columns: tuple[str, ...], identify: Identify, otherwise: Identify) -> Identify:
    """``identify`` where the source sent all ``columns``; a DELETE, say, is identified ``otherwise``.

    Absent columns are no values: all deletes of a row would be one change.
    """
    needed = frozenset(columns)

    def identify_what_was_sent(event: ChangeEvent) -> bytes | None:
        return identify(event) if not event.unsent or needed.isdisjoint(event.unsent) else otherwise(event)

    return identify_what_was_sent


def identify_by_columns(columns: tuple[str, ...], *, is_secret: bool) -> Identify:
    """The values of ``columns``; as a keyless digest of 16 bytes where one of them is to be masked."""

    values_of = itemgetter(*columns) if len(columns) > 1 else None

    def identify(event: ChangeEvent) -> bytes | None:
        row = event.row
        try:
            return encode_key([row[columns[0]]] if values_of is None else values_of(row))
        except KeyError:
            return encode_key([row.get(column) for column in columns])

    def identify_secretly(event: ChangeEvent) -> bytes | None:
        return blake2b(encode_key([event.row.get(column) for column in columns]), digest_size=16).digest()

    return identify_secretly if is_secret else identify
