"""Framing: which registered schema a record's bytes were written with (Confluent's wire format).

V0 leads the bytes with ``0x00`` and the schema's id (uint32, big endian). V1 is ``0x01`` and the schema's GUID,
usually in the header ``__key_schema_id`` or ``__value_schema_id``, and the bytes are then not prefixed. Protobuf puts
behind either the path to its message: zig-zag varints, their count first, and a single zero for the first message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from streams.errors import DecodeError
from streams.records import Headers

KEY_HEADER = "__key_schema_id"
VALUE_HEADER = "__value_schema_id"
FIRST_MESSAGE = (0,)
ID_BYTES = 5
GUID_BYTES = 17
DEEPEST_MESSAGE = 100
"""Messages inside messages; Protobuf's own compilers stop at 32."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes cut into the schema they name and the rest."""

    schema: int | UUID
    """Its id, or its GUID."""
    body: bytes
    """For Protobuf it begins with the message's path, unless ``behind_header`` holds that."""
    behind_header: bytes | None = None
    """What a header had behind the GUID; ``None``: the schema was named in the prefix."""


def header_of(headers: Headers, name: str) -> bytes | None:
    """The first header called ``name``, as Confluent's readers take it."""
    return next((value for key, value in headers if key == name), None)


def read_frame(data: bytes, header: bytes | None = None) -> Frame:
    """Cut ``data``; ``header`` is the value of the schema header, where there is one: it goes first ("dual").

    Raises ``DecodeError`` where neither names a schema.

    >>> read_frame(b"\\x00\\x00\\x00\\x00\\x07body")
    Frame(schema=7, body=b'body', behind_header=None)
    """
    if header is not None:
        if header[:1] != b"\x01" or len(header) < GUID_BYTES:
            raise DecodeError("a framed record", "its schema header is not 0x01 and 16 bytes of a GUID")
        return Frame(UUID(bytes=header[1:GUID_BYTES]), data, header[GUID_BYTES:])
    if data[:1] == b"\x00" and len(data) >= ID_BYTES:
        return Frame(int.from_bytes(data[1:ID_BYTES], "big"), data[ID_BYTES:])
    if data[:1] == b"\x01" and len(data) >= GUID_BYTES:
        return Frame(UUID(bytes=data[1:GUID_BYTES]), data[GUID_BYTES:])
    raise DecodeError("a framed record", "no schema header, and it begins with neither a schema's id nor its GUID")


def read_message_path(frame: Frame) -> tuple[tuple[int, ...], bytes]:
    """A Protobuf frame's (path to its message, body); raises ``DecodeError``.

    The path's first number is the place of a message in its file, each next one of a message inside that.
    """
    if frame.behind_header is not None:
        return _path(frame.behind_header)[0], frame.body
    path, used = _path(frame.body)
    return path, frame.body[used:]


def _path(data: bytes) -> tuple[tuple[int, ...], int]:
    """(path, bytes it took)."""
    count, at = _read_number(data, 0)
    if count > DEEPEST_MESSAGE:
        raise DecodeError("a framed record", f"its message lies more than {DEEPEST_MESSAGE} deep")
    if not count:
        return FIRST_MESSAGE, at
    path: list[int] = []
    for _ in range(count):
        place, at = _read_number(data, at)
        path.append(place)
    return tuple(path), at


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """(a zig-zag varint, not negative, of at most 32 bits; where it ends)."""
    number = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number & 1 or number >= 1 << 32:
                break
            return number >> 1, at
    raise DecodeError("a framed record", "the path to its message is cut off or out of range")


def frame_prefix(schema: int | UUID, message_path: Iterable[int] | None = None) -> bytes:
    """What goes in front of a body, or, for a GUID, into the header; ``message_path`` for Protobuf.

    >>> frame_prefix(7, FIRST_MESSAGE)
    b'\\x00\\x00\\x00\\x00\\x07\\x00'
    """
    lead = b"\x01" + schema.bytes if isinstance(schema, UUID) else b"\x00" + schema.to_bytes(4, "big")
    if message_path is None:
        return lead
    path = tuple(message_path)
    if path == FIRST_MESSAGE:
        return lead + b"\x00"
    return lead + b"".join(_number(number) for number in (len(path), *path))


def _number(number: int) -> bytes:
    number <<= 1  # zig-zag of what is never negative
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
