"""Plugins: how PostgreSQL is asked for its log, and who reads what it sends."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from ..options import PGOUTPUT, CaptureError, CaptureOptions
from ..position import Position
from ..postgres.database import Database
from .describe import describe_table, is_any_partitioned
from .pgoutput import Message
from .pgoutput_stream import PgOutputReader
from .spool import Spool
from .wal2json import Wal2JsonReader, wal2json_options
from .wal2json_tables import WalTables

logger = logging.getLogger("streams.capture")

NEWEST_PROTOCOLS = ((160_000, 4), (150_000, 3), (140_000, 2), (0, 1))
"""Server version, and the newest protocol of pgoutput that it speaks."""

Logged = tuple[Message, int]
"""A message and where it stands in the log."""


class LogReader(Protocol):
    """Makes messages of what a plugin sends: whole transactions, in the order of their commits."""

    @property
    def options(self) -> Mapping[str, str]:
        """What START_REPLICATION is told."""

    def read(self, data: bytes, lsn: int) -> Iterable[Logged]:
        """Messages of ``data``, which PostgreSQL has sent as of ``lsn``; none while a transaction is open."""


@contextmanager
def open_reader(options: CaptureOptions, database: Database) -> Iterator[LogReader]:
    """The reader of the plugin; what it keeps on disk is gone at the end."""
    if options.plugin == PGOUTPUT:
        owner = f"{options.kafka.get('bootstrap.servers')} {options.transactional_id}"
        with Spool(options.spool, owner) as spool:
            yield PgOutputReader(pgoutput_options(options, database.version()), spool)
    else:
        with database.session() as cursor:
            told = wal2json_options(options, is_any_table=is_any_partitioned(cursor, options.tables))
            tables = WalTables(options.published, lambda schema, table: describe_table(cursor, schema, table))
            if options.wal2json_format == 1:
                logger.warning("wal2json format 1 does not tell of TRUNCATE; --wal2json-format 2 does")
            yield Wal2JsonReader(told, tables)


def check_reader(position: Position, options: CaptureOptions) -> None:
    """Raises ``CaptureError`` for another reader than the one that has told a part of a transaction."""
    if position.open_lsn and position.open_reader not in ("", options.reader):
        raise CaptureError(
            f"the former capture was ended inside of a transaction that it read by {position.open_reader}; start it so"
            f" once more until that is told, and then by {options.reader}"
        )


def pgoutput_options(options: CaptureOptions, version: int) -> dict[str, str]:
    """For a server of ``version``; raises ``CaptureError`` where it does not speak the protocol asked for."""
    newest = next(protocol for since, protocol in NEWEST_PROTOCOLS if version >= since)
    protocol = options.protocol or newest
    if protocol > newest:
        raise CaptureError(
            f"PostgreSQL {version // 10_000} speaks protocol {newest} of pgoutput, not {protocol};"
            " leave --protocol away, and the newest is taken"
        )
    told = {"proto_version": str(protocol), "publication_names": options.publication}
    if newest > 1:
        told["messages"] = "true"
    if protocol > 1 and options.is_streaming:
        told["streaming"] = "on"
    return told
