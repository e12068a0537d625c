"""Codecs: which decoder reads a pipeline's format."""

from __future__ import annotations

from dataclasses import replace

from streams.contracts.model import ContractFamily
from streams.contracts.registry import SchemaSource

from ..plan import Codec, EventTime
from ..spec import Source
from .changes import Reading
from .cloudevents import cloudevents_codec
from .debezium import debezium_codec
from .debezium_avro import debezium_avro_codec
from .debezium_protobuf import debezium_protobuf_codec
from .plain import avro_codec, iglu_codec, json_codec, protobuf_codec
from .registered import BatchedSource
from .wal2json import wal2json_codec

REGISTERED_FORMATS = frozenset({"avro", "protobuf", "debezium-avro", "debezium-protobuf"})
"""Their records name a schema that only a registry has."""


def build_codec(
    source: Source,
    contract: ContractFamily,
    event_time: EventTime,
    reads: frozenset[str],
    registry: SchemaSource | None,
) -> Codec:
    """The codec of ``source.format``; ``ValueError`` for one that the plan should have refused.

    ``reads``: what the steps read of an envelope, ``key`` and ``source``.
    """
    reading = Reading(
        contract=contract.newest,
        event_time=event_time,
        reads=reads,
        identity=source.identity,
        is_full=source.is_full,
    )
    match source.format:
        case "debezium-json":
            return debezium_codec(reading)
        case "wal2json-v2":
            return wal2json_codec(reading)
        case "cloudevents":
            return cloudevents_codec(reading)
        case "json":
            return json_codec(contract, event_time)
        case "iglu-json":
            return iglu_codec(contract, event_time)
    if registry is None:
        raise ValueError(f"no registry for {source.format}")
    schemas = BatchedSource(registry)
    return replace(_registered(source.format, reading, schemas), start_batch=schemas.start_batch)


def _registered(name: str, reading: Reading, schemas: SchemaSource) -> Codec:
    match name:
        case "debezium-avro":
            return debezium_avro_codec(reading, schemas)
        case "debezium-protobuf":
            return debezium_protobuf_codec(reading, schemas)
        case "avro":
            return avro_codec(reading.contract, reading.event_time, schemas)
        case "protobuf":
            return protobuf_codec(reading.contract, reading.event_time, schemas)
        case _:
            raise ValueError(f"no codec for {name}")
