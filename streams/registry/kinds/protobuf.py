"""Protobuf: text of a ``.proto`` file, or the base64 of a file descriptor, as some clients send and read it."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NoBase64Error
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from streams.contracts.compatibility.protobuf.compile import compile_text
from streams.contracts.compatibility.protobuf.pool import build_file
from streams.contracts.compatibility.protobuf.tokens import Tokens

from .proto_print import print_file


def read_serialized(text: str) -> FileDescriptorProto | None:
    """The descriptor in ``text``, ``None`` where it is no base64 of one."""
    try:
        file = FileDescriptorProto.FromString(b64decode(text, validate=True))
    except (NoBase64Error, ValueError, DecodeError):
        return None
    file.ClearField("name")
    return file


def to_text(file: FileDescriptorProto) -> str:
    """As clients that read text get it."""
    return print_file(file)


def to_serialized(file: FileDescriptorProto) -> str:
    """As clients that read descriptors get it."""
    return b64encode(file.SerializeToString(deterministic=True)).decode()


def resolve(file: FileDescriptorProto, needed: Mapping[str, FileDescriptorProto]) -> FileDescriptorProto:
    """``file`` with full names of types; raises ``SchemaTextError`` where one is not known or something is wrong.

    ``needed``: what it imports, by path; what one of them imports stands before it.
    """
    resolved = FileDescriptorProto()
    build_file(file, needed).CopyToProto(resolved)
    resolved.ClearField("name")
    return resolved


def read_any(text: str, serialized: str | None) -> FileDescriptorProto:
    """The descriptor of a stored schema, names as they are written."""
    held = None if serialized is None else read_serialized(serialized)
    return compile_text(text) if held is None else held


def identity(text: str, file: FileDescriptorProto | None) -> str:
    """Equal where the text is, white space and comments aside; of a descriptor also its custom options."""
    tokens, words = Tokens(text), []
    while tokens.peek():
        words.append(tokens.take())
    custom = b"" if file is None else b"".join(sorted(_custom_options(file)))
    return " ".join(words) + (f" {hashlib.sha256(custom).hexdigest()}" if custom else "")


def fields(file: FileDescriptorProto) -> Iterator[str]:
    """Full paths of all fields: ``Order.customer.id`` is ``customer.id`` of the message ``Order``."""
    waiting = [(message.name, message) for message in file.message_type]
    while waiting:
        path, message = waiting.pop(0)
        yield from (f"{path}.{field.name}" for field in message.field)
        inner = (one for one in message.nested_type if not one.options.map_entry)
        waiting += [(f"{path}.{one.name}", one) for one in inner]


def _custom_options(message: Message) -> Iterator[bytes]:
    """Of a descriptor and all inside it: what its options hold beside those of Protobuf itself."""
    for field, value in message.ListFields():
        if field.message_type is None or field.is_extension:
            continue
        for held in value if field.is_repeated else (value,):
            if field.name == "options":
                yield from _rest(held)
            else:
                yield from _custom_options(held)


def _rest(options: Any) -> Iterator[bytes]:
    rest = type(options)()
    rest.CopyFrom(options)
    for field, _ in options.ListFields():
        if not field.is_extension:
            rest.ClearField(field.name)
    if rest.ByteSize():
        yield rest.SerializeToString(deterministic=True)
