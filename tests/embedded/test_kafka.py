"""Three embedded brokers: what one of them had is there without it, and it comes back as itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams.embedded import EmbeddedKafka
from tests.integration.cluster import produce, read_committed

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("three"), brokers=3) as brokers:
        yield brokers


def test_a_topic_is_there_without_the_broker_that_led_it(three: EmbeddedKafka) -> None:
    name = f"kept-{uuid.uuid4().hex[:6]}"
    client = AdminClient({"bootstrap.servers": three.bootstrap})
    client.create_topics([NewTopic(name, 1, -1)])[name].result(30)
    produce(three.bootstrap, name, [{"key": b"1", "value": b"before"}])
    leader = three.nodes[client.list_topics(name, timeout=10).topics[name].partitions[0].leader - 1]
    address = leader.address

    leader.kill()
    produce(three.bootstrap, name, [{"key": b"2", "value": b"meanwhile"}])
    assert [value for _, _, value in read_committed(three.bootstrap, name)] == [b"before", b"meanwhile"]

    three.start()
    assert leader.address == address
    assert set(client.list_topics(timeout=10).brokers) == {1, 2, 3}
