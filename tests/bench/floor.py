"""The floor: consume, decode, produce, and nothing else, in one process. Nobody who does the work can be cheaper.

``python -m tests.bench.floor BROKERS OUT COUNT TOPIC...`` prints one line of JSON: CPU and wall seconds from the first
fetch to the final flush, start-up left out, and the peak memory. ``-`` as OUT: nothing is produced.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from decimal import Decimal

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition


def run(brokers: str, topics: list[str], out: str, count: int) -> dict[str, float]:
    """Carry ``count`` records from ``topics`` to ``out``."""
    consumer = _consumer(brokers, topics)
    producer = Producer(
        {"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 5, "batch.size": 1 << 20}
    )
    # Exact decimals: who must not lose a cent cannot read them as floats.
    decode, produce, done = msgspec.json.Decoder(float_hook=Decimal).decode, producer.produce, 0
    begun = time.process_time(), time.monotonic()
    while done < count:
        records = consumer.consume(1_000, 1.0)
        for record in records:
            value = record.value()
            decode(value)
            if out != "-":
                produce(out, value, record.key())
        # The queue is the client's own 100,000 records: memory is bounded here, too.
        while len(producer) > 90_000:
            producer.poll(0.01)
        producer.poll(0)
        done += len(records)
    producer.flush()
    cpu_s, wall_s = time.process_time() - begun[0], time.monotonic() - begun[1]
    consumer.close()
    return {"cpu_s": cpu_s, "wall_s": wall_s, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _consumer(brokers: str, topics: list[str]) -> Consumer:
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "floor", "auto.offset.reset": "earliest",
         "enable.auto.commit": False, "fetch.queue.backoff.ms": 1, "queued.max.messages.kbytes": 16_384}
    )  # fmt: skip
    places = [(topic, number) for topic in topics for number in consumer.list_topics(topic).topics[topic].partitions]
    consumer.assign([TopicPartition(topic, number, 0) for topic, number in places])
    return consumer


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[4:], sys.argv[2], int(sys.argv[3]))))
