"""Codecs: which decoder reads a pipeline's format."""

from __future__ import annotations

from streams.contracts.model import ContractFamily

from ..plan import Codec, EventTime
from .changes import Reading
from .debezium import debezium_codec
from .plain import iglu_codec, json_codec


def build_codec(
    name: str, contract: ContractFamily, event_time: EventTime, *, reads: frozenset[str]
) -> Codec:
    """The codec of format ``name``; ``ValueError`` for one that the grammar should have refused.

    ``reads``: what the steps read of an envelope, ``key`` and ``source``.
    """
    match name:
        case "debezium-json":
            return debezium_codec(Reading(contract=contract.newest, event_time=event_time, reads=reads))
        case "json":
            return json_codec(contract, event_time)
        case "iglu-json":
            return iglu_codec(contract, event_time)
        case _:
            raise ValueError(f"no codec for {name}")
