"""Formats: the codecs that options ask for."""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.registry_http import HttpRegistry

from ..options import CaptureOptions
from ..outgoing.rules import Format
from .avro import AvroCodec
from .codec import Codecs
from .json_schema import JsonCodec
from .protobuf import ProtobufCodec
from .registered import MakeCodec, RegisteredCodecs
from .subjects import Subjects

TRIES = 6
"""With growing pauses, about four seconds: a capture that ends loses nothing, so it need not wait for long."""
_MAKE: Mapping[Format, MakeCodec] = {
    Format.JSON: JsonCodec,
    Format.AVRO: AvroCodec,
    Format.PROTOBUF: ProtobufCodec,
}


def open_codecs(options: CaptureOptions) -> Codecs | None:
    """``None``: JSON as it is."""
    if not options.registry:
        return None
    registry = HttpRegistry(options.registry, tries=TRIES)
    return RegisteredCodecs(_MAKE[options.format], registry, options.prefix, Subjects(options.subjects))
