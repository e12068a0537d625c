"""Traffic: records of a topic or of a file, from where somebody left off up to the end as it is now."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.records import SourceRecord
from streams.worker.starts import bounds_of

BATCH_RECORDS = 10_000
PATIENCE_SECONDS = 60.0
ANSWER_SECONDS = 10.0
LARGEST_OBJECT = 16 << 20


class TrafficError(ValueError):
    """Records cannot be read; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A run of records."""

    records: list[SourceRecord]
    place: Mapping[str, int]
    """Where the next begins: by partition, or a byte of the file."""
    share: float
    """Of all, 0 to 1."""


def file_batches(file: Path, place: Mapping[str, int]) -> Iterator[Batch]:
    """The lines of ``file``, each the value of a record; of a JSON array its items."""
    size = max(1, file.stat().st_size)
    with file.open("rb") as held:
        if _is_array(held.read(4096)):
            held.seek(0)
            yield from _items(held.read(), file.name, place.get("item", 0))
            return
        held.seek(place.get("byte", 0))
        while lines := held.readlines(1 << 20):
            values = [value for line in lines if (value := line.strip())]
            yield Batch(records=_records(file.name, values), place={"byte": held.tell()}, share=held.tell() / size)


def _is_array(beginning: bytes) -> bool:
    return beginning.lstrip().startswith(b"[")


def _items(content: bytes, name: str, first: int) -> Iterator[Batch]:
    try:
        items = msgspec.json.decode(content, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        raise TrafficError(f"{name} begins as a JSON array and is none; write one record a line") from None
    for start in range(first, len(items), BATCH_RECORDS):
        values = [bytes(item) for item in items[start : start + BATCH_RECORDS]]
        end = start + len(values)
        yield Batch(records=_records(name, values), place={"item": end}, share=end / len(items))


def _records(name: str, values: list[bytes]) -> list[SourceRecord]:
    return [
        SourceRecord(topic=name, partition=0, offset=offset, timestamp_ms=0, key=None, value=value)
        for offset, value in enumerate(values)
    ]


def url_batches(url: str) -> Iterator[Batch]:
    """What ``url`` answers: lines, each the value of a record; the items of an array; or one object."""
    try:
        with TemporaryDirectory() as folder:
            file = Path(folder, "answer")
            request = Request(url, headers={"Accept": "application/json, application/x-ndjson"})
            with urlopen(request, timeout=ANSWER_SECONDS) as answer, file.open("wb") as held:
                shutil.copyfileobj(answer, held)
            yield from _one_object(file) or file_batches(file, {})
    except HTTPError as error:
        raise TrafficError(f"the address answers {error.code}") from None
    except (URLError, HTTPException, OSError) as error:
        raise TrafficError(f"the address does not answer ({type(error).__name__})") from None
    except TrafficError:
        raise
    except ValueError:
        raise TrafficError("is no address such as http://127.0.0.1:8080/orders") from None


def _one_object(file: Path) -> tuple[Batch, ...]:
    """An object that is written over several lines."""
    content = file.read_bytes() if file.stat().st_size <= LARGEST_OBJECT else b""
    try:
        msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return ()
    return (Batch(records=_records(file.name, [content]), place={"byte": len(content)}, share=1.0),)


def topic_batches(options: Mapping[str, object], topic: str, place: Mapping[str, int]) -> Iterator[Batch]:
    """What is committed in ``topic``; blocks. Raises ``TrafficError`` where there is no such topic or no broker."""
    reader = Consumer(
        {
            **options, "group.id": "streams-evidence", "isolation.level": "read_committed", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50,
            "allow.auto.create.topics": False,
        }
    )  # fmt: skip
    try:
        yield from _read(reader, topic, place)
    except KafkaException as error:
        raise TrafficError(f"{topic} cannot be read: {error.args[0].str()}") from None
    finally:
        reader.close()


def _read(reader: Any, topic: str, place: Mapping[str, int]) -> Iterator[Batch]:
    partitions = reader.list_topics(topic, ANSWER_SECONDS).topics[topic].partitions
    if not partitions:
        raise TrafficError(f"there is no topic {topic}")
    bounds = {number: bounds_of(reader, topic, number) for number in partitions}
    at = {number: max(first, min(end, place.get(str(number), first))) for number, (first, end) in bounds.items()}
    whole = max(1, sum(end - first for first, end in bounds.values()))
    reader.assign([TopicPartition(topic, number, at[number]) for number in at if at[number] < bounds[number][1]])
    moved_s = time.monotonic()
    while any(at[number] < bounds[number][1] for number in at):
        messages = reader.consume(BATCH_RECORDS, 0.5)
        records = [record for message in messages if (record := _take(message, at, bounds)) is not None]
        if messages:
            moved_s = time.monotonic()
            left = sum(max(0, end - at[number]) for number, (_, end) in bounds.items())
            yield Batch(records=records, place={str(n): offset for n, offset in at.items()}, share=1 - left / whole)
        elif time.monotonic() - moved_s > PATIENCE_SECONDS:
            raise TrafficError(f"{topic}: nothing came for {PATIENCE_SECONDS:.0f} s")


def _take(message: Any, at: dict[int, int], bounds: Mapping[int, tuple[int, int]]) -> SourceRecord | None:
    """The record, if it was there when reading began."""
    number, error = message.partition(), message.error()
    if error is None:
        at[number] = min(message.offset() + 1, bounds[number][1])
        if message.offset() >= bounds[number][1]:
            return None
        return SourceRecord(
            topic=message.topic(), partition=number, offset=message.offset(), timestamp_ms=message.timestamp()[1],
            key=message.key(), value=message.value(), headers=tuple(message.headers() or ()),
        )  # fmt: skip
    if error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    at[number] = max(at[number], message.offset())  # past control records, which never arrive
    return None
