"""Framing: our bytes are Confluent's own, both ways, and what is cut off is refused."""

from __future__ import annotations

import contextlib
import io
from uuid import UUID, uuid4

import pytest
from confluent_kafka.schema_registry.common.serde import SchemaId
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.framing import VALUE_HEADER, Frame, frame_prefix, header_of, read_frame, read_message_path
from streams.errors import DecodeError

IDS = st.integers(0, (1 << 32) - 1)
PATHS = st.lists(st.integers(0, (1 << 31) - 1), min_size=1, max_size=6).map(tuple)
GUID = UUID("89791762-2336-4186-9674-299b90a802e2")


@given(schema_id=IDS, guid=st.uuids(), path=PATHS)
def test_prefixes_are_those_of_confluents_serializers(schema_id: int, guid: UUID, path: tuple[int, ...]) -> None:
    plain = SchemaId("AVRO", schema_id, str(guid))
    nested = SchemaId("PROTOBUF", schema_id, str(guid), list(path))

    assert frame_prefix(schema_id) == plain.id_to_bytes()
    assert frame_prefix(guid) == plain.guid_to_bytes()
    assert frame_prefix(schema_id, path) == nested.id_to_bytes()
    assert frame_prefix(guid, path) == nested.guid_to_bytes()


@given(schema=IDS | st.uuids(), path=PATHS, body=st.binary(max_size=40))
def test_a_frame_is_read_as_it_was_written_from_prefix_and_header(
    schema: int | UUID, path: tuple[int, ...], body: bytes
) -> None:
    assert read_frame(frame_prefix(schema) + body) == Frame(schema, body)
    assert read_message_path(read_frame(frame_prefix(schema, path) + body)) == (path, body)
    if isinstance(schema, UUID):
        assert read_frame(body, frame_prefix(schema)) == Frame(schema, body, b"")
        assert read_message_path(read_frame(body, frame_prefix(schema, path))) == (path, body)


@given(schema_id=IDS, path=PATHS, body=st.binary(max_size=40))
def test_confluents_reader_reads_ours(schema_id: int, path: tuple[int, ...], body: bytes) -> None:
    theirs = SchemaId("PROTOBUF")

    rest = theirs.from_bytes(io.BytesIO(frame_prefix(schema_id, path) + body)).read()

    assert (theirs.id, tuple(theirs.message_indexes), rest) == (schema_id, path, body)


def test_the_header_goes_before_the_prefix() -> None:
    headers = (("other", b"x"), (VALUE_HEADER, frame_prefix(GUID)), (VALUE_HEADER, b"later"))

    assert read_frame(b"\x00\x00\x00\x00\x07body", header_of(headers, VALUE_HEADER)).schema == GUID
    assert header_of((("other", b"x"),), VALUE_HEADER) is None


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (b"", None),
        (b"\x00\x00\x00\x01", None),
        (b"\x01" + GUID.bytes[:15], None),
        (b'{"schema":1}', None),
        (b"\x02\x00\x00\x00\x01", None),
        (b"body", b""),
        (b"body", b"\x00\x00\x00\x00\x01"),
        (b"body", b"\x01" + GUID.bytes[:15]),
    ],
)
def test_what_names_no_schema_is_refused(data: bytes, header: bytes | None) -> None:
    with pytest.raises(DecodeError):
        read_frame(data, header)


@pytest.mark.parametrize(
    "path",
    [b"", b"\x02", b"\x04\x02", b"\x01", b"\x80", b"\xff" * 6, b"\xca\x01" + b"\x00" * 101, b"\x02\x03"],
    ids=["empty", "no place", "one of two", "negative", "cut off", "endless", "too deep", "negative place"],
)
def test_a_broken_path_is_refused(path: bytes) -> None:
    with pytest.raises(DecodeError):
        read_message_path(Frame(1, path))
    with pytest.raises(DecodeError):
        read_message_path(Frame(uuid4(), b"body", path))


@given(st.binary(max_size=40), st.none() | st.binary(max_size=40))
def test_any_bytes_are_a_frame_or_refused(data: bytes, header: bytes | None) -> None:
    with contextlib.suppress(DecodeError):
        read_message_path(read_frame(data, header))
