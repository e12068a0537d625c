"""Protobuf: text of a ``.proto`` file, or the base64 of a file descriptor, as some clients send and read it."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NoBase64Error
from collections.abc import Iterator, Mapping
from importlib import import_module
from re import compile as pattern
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

from streams.contracts.compatibility import SchemaTextError
from streams.contracts.compatibility.protobuf.tokens import Tokens

from .proto_compile import compile_text
from .proto_print import print_file

_KNOWN = {
    pattern(r"google/(?:protobuf|type)/\w+\.proto"): "{}_pb2",
    pattern(r"confluent/(?:types/)?\w+\.proto"): "confluent_kafka.schema_registry.{}_pb2",
}
"""Files that every Protobuf client has, and the modules that hold them."""
_OWN_NAME = "registered.proto"


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
    pool = DescriptorPool()
    try:
        for name, held in needed.items():
            _add_known(pool, held)
            pool.Add(_named(held, name))
        _add_known(pool, file)
        pool.Add(_named(file, _OWN_NAME))
        resolved = FileDescriptorProto()
        pool.FindFileByName(_OWN_NAME).CopyToProto(resolved)
    except (TypeError, KeyError, ValueError) as error:
        raise SchemaTextError(str(error).strip("'\"")) from None
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


def _named(file: FileDescriptorProto, name: str) -> FileDescriptorProto:
    named = FileDescriptorProto()
    named.CopyFrom(file)
    named.name = name
    return named


def _add_known(pool: DescriptorPool, file: FileDescriptorProto) -> None:
    for path in file.dependency:
        found = _known_file(path)
        if found is not None:
            _add_whole(pool, found)


def _known_file(path: str) -> FileDescriptor | None:
    for form, module in _KNOWN.items():
        if form.fullmatch(path):
            name = module.format(path.removesuffix(".proto").replace("/", "."))
            try:
                return import_module(name).DESCRIPTOR
            except ImportError:
                return None
    return None


def _add_whole(pool: DescriptorPool, file: FileDescriptor) -> None:
    for needed in file.dependencies:
        _add_whole(pool, needed)
    pool.AddSerializedFile(file.serialized_pb)


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
