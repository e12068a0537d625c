"""Pool: a file descriptor with everything it imports, names resolved, as Protobuf itself holds it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from re import compile as pattern

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from ..model import SchemaTextError

_KNOWN = {
    pattern(r"google/(?:protobuf|type)/\w+\.proto"): "{}_pb2",
    pattern(r"confluent/(?:types?/)?\w+\.proto"): "confluent_kafka.schema_registry.{}_pb2",
}
"""Files that every Protobuf client has, and the modules that hold them."""
_OWN_NAME = "registered.proto"


def build_file(file: FileDescriptorProto, needed: Mapping[str, FileDescriptorProto]) -> FileDescriptor:
    """``file`` with full names of types; raises ``SchemaTextError`` where one is not known or something is wrong.

    ``needed``: what it imports, by path; what one of them imports stands before it.
    """
    pool = DescriptorPool()
    try:
        for name, held in needed.items():
            _add_known(pool, held, needed)
            pool.Add(_named(held, name))
        _add_known(pool, file, needed)
        pool.Add(_named(file, _OWN_NAME))
        return pool.FindFileByName(_OWN_NAME)
    except (TypeError, KeyError, ValueError) as error:
        raise SchemaTextError(str(error).strip("'\"")) from None


def _named(file: FileDescriptorProto, name: str) -> FileDescriptorProto:
    named = FileDescriptorProto()
    named.CopyFrom(file)
    named.name = name
    return named


def _add_known(pool: DescriptorPool, file: FileDescriptorProto, needed: Mapping[str, FileDescriptorProto]) -> None:
    for path in file.dependency:
        found = None if path in needed else _known_file(path)
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
