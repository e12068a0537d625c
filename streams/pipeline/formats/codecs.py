"""Codecs: which decoder reads a pipeline's format."""

from __future__ import annotations

from streams.contracts.model import ContractFamily

from ..plan import Codec, EventTime
from ..spec import Source
from .changes import Reading
from .debezium import debezium_codec
from .plain import iglu_codec, json_codec
from .wal2json import wal2json_codec


def build_codec(source: Source, contract: ContractFamily, event_time: EventTime, *, reads: frozenset[str]) -> Codec:
    """The codec of ``source.format``; ``ValueError`` for one that the grammar should have refused.

    ``reads``: what the steps read of an envelope, ``key`` and ``source``.
    """
    reading = Reading(contract=contract.newest, event_time=event_time, reads=reads, identity=source.identity)
    match source.format:
        case "debezium-json":
            return debezium_codec(reading)
        case "wal2json-v2":
            return wal2json_codec(reading)
        case "json":
            return json_codec(contract, event_time)
        case "iglu-json":
            return iglu_codec(contract, event_time)
        case _:
            raise ValueError(f"no codec for {source.format}")
