"""Plain JSON and Iglu's self-describing JSON: every record is an event of its own, an INSERT."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from streams.contracts.model import ContractFamily
from streams.errors import DecodeError, UnknownSchemaError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import Codec, EventTime
from .times import NO_TIME


class _SelfDescribing(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Exactly {schema, data}: Iglu's instance meta-schema allows nothing else."""

    schema: str
    data: dict[str, object]


_decode_row = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode
_decode_self_describing = msgspec.json.Decoder(_SelfDescribing, float_hook=Decimal).decode

Versioned = tuple[dict[str, object], str]


def json_codec(contract: ContractFamily, event_time: EventTime) -> Codec:
    """Plain JSON objects, validated by the newest version of ``contract``."""
    newest = contract.newest.version
    return _codec("json", lambda value: (_decode_row(value), newest), event_time)


def iglu_codec(contract: ContractFamily, event_time: EventTime) -> Codec:
    """Self-describing events: each names the version of ``contract`` that holds for it."""
    versions = {known.uri: known.version for known in contract.versions}

    def read(value: bytes) -> Versioned:
        described = _decode_self_describing(value)
        version = versions.get(described.schema)
        if version is None:
            raise UnknownSchemaError(contract.subject)
        return described.data, version

    return _codec("iglu-json", read, event_time)


def _codec(name: str, read: Callable[[bytes], Versioned], event_time: EventTime) -> Codec:
    read_time = event_time.read

    def decode(record: SourceRecord) -> ChangeEvent | None:
        if record.value is None:
            return None
        try:
            row, version = read(record.value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
            raise DecodeError(name, _without_values(error)) from None
        time_ms = record.timestamp_ms
        if read_time is not None:
            time_ms = NO_TIME if (found := read_time(row)) is None else found
        return ChangeEvent(
            record=record,
            operation=Operation.INSERT,
            row=row,
            after=row,
            source={},
            key=_key_of(record.key),
            event_time_ms=time_ms,
            committed_ms=record.timestamp_ms,
            schema_version=version,
        )

    return Codec(name=name, decode=decode, has_images=False)


def _without_values(error: Exception) -> str:
    """What msgspec says of structure, without the name of a field that nobody has agreed to."""
    structure = str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__
    return structure if "unknown field" not in structure else "fields beside schema and data"


def _key_of(key: bytes | None) -> Row:
    """The key where it is a JSON object; other keys are opaque."""
    if key is None or not key.startswith(b"{"):
        return {}
    try:
        return _decode_row(key)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError):
        return {}
