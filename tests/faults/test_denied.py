"""Topics that workers may not write to, for a while: a broker with an authorizer, and topics that are gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.bench.workload import SourceEvent, workload
from tests.integration.orders_cluster import CUSTOMERS

from .arena import Arena
from .brokers import Brokers, await_that
from .watching import Progress, let_pass

WORKERS = ("a", "b")
LOAD = 0.05
MOVED = 500
USER, SECRET = "worker", "worker-secret"
GUARDED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "allow.everyone.if.no.acl.found": "true",
    "listener.security.protocol.map": ",".join(
        ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *(f"{name.upper()}:SASL_PLAINTEXT" for name in WORKERS)]
    ),
    "sasl.enabled.mechanisms": "PLAIN",
    **{
        f"listener.name.{name}.plain.sasl.jaas.config": (
            f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{SECRET}";'
        )
        for name in WORKERS
    },
}
"""Tests are a super user without a password; workers come in as somebody who may be denied something."""
ENVIRONMENT = {
    "STREAMS_KAFKA_SECURITY_PROTOCOL": "sasl_plaintext",
    "STREAMS_KAFKA_SASL_MECHANISM": "PLAIN",
    "STREAMS_KAFKA_SASL_USERNAME": USER,
    "STREAMS_KAFKA_SASL_PASSWORD": SECRET,
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    with Brokers(tmp_path_factory.mktemp("guarded"), workers=WORKERS, brokers=1, options=GUARDED) as held:
        yield held


@pytest.fixture
def arena(network: Brokers, arena_of: Callable[[str], Arena]) -> Iterator[Arena]:
    network.mend()
    with arena_of(network.kafka.bootstrap) as held:
        held.brokers_of = {name: network.through(name) for name in WORKERS}
        held.start_all(*WORKERS, **ENVIRONMENT)
        yield held


def _topics(arena: Arena, what: str) -> list[str]:
    match what:
        case "dead letters":
            return [arena.dead]
        case "outputs":
            return [arena.enriched]
        case _:
            return sorted(arena.topics().changelogs.values())


@pytest.mark.fault("FT14", "dead letters may not be written", protection="dead letters are in the transaction",
                   without="crash_only")  # fmt: skip
@pytest.mark.parametrize("what", ["dead letters"])
def test_dead_letters_that_may_not_be_written_are_not_lost(network: Brokers, arena: Arena, what: str) -> None:
    _deny_again_and_again(network, arena, what)


@pytest.mark.fault(
    "FT28", "what a worker writes is refused for good",
    protection="no commit after a failed send; a new start re-emits",
    without="crash_only",
)
@pytest.mark.parametrize("what", ["outputs", "changelogs"])
def test_no_offset_is_committed_past_what_was_refused(network: Brokers, arena: Arena, what: str) -> None:
    _deny_again_and_again(network, arena, what)


def _deny_again_and_again(network: Brokers, arena: Arena, what: str) -> None:
    topics = _topics(arena, what)
    with arena.load(LOAD), Progress(arena) as progress:
        progress.await_more(MOVED, "everything allowed")
        for _ in range(arena.pick(short=2, long=10)):
            ended = arena.figures.get("restarts", 0)
            with _denied(network, topics):
                arena.await_that(lambda: arena.figures.get("restarts", 0) > ended, "a worker ends")  # noqa: B023
                let_pass(arena, arena.chance.uniform(0, 5))
            arena.await_recovery()
    said = "".join(arena.log(name) for name in WORKERS)
    last_words = re.findall(r"stopping with exit code 3.*", said)
    assert any("TOPIC_AUTHORIZATION_FAILED" in line for line in last_words), last_words
    nameless = [line for line in last_words if re.search(r"commit: _STATE|not take records for \S+; ", line)]
    assert nameless == []

    arena.judge()


class _denied:  # noqa: N801
    """A context manager: the workers may read these topics, and not write them."""

    def __init__(self, network: Brokers, topics: Iterable[str]) -> None:
        self._admin = AdminClient({"bootstrap.servers": network.kafka.bootstrap})
        self._rules = [
            AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, allowed)
            for topic in topics
            for operation, allowed in (
                (AclOperation.WRITE, AclPermissionType.DENY),
                (AclOperation.ALL, AclPermissionType.ALLOW),
            )
        ]

    def __enter__(self) -> None:
        for done in self._admin.create_acls(self._rules).values():
            done.result(30)

    def __exit__(self, *_: object) -> None:
        filters = [
            AclBindingFilter(
                rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host, rule.operation,
                rule.permission_type,
            )
            for rule in self._rules
        ]  # fmt: skip
        for done in self._admin.delete_acls(filters).values():
            done.result(30)


@pytest.mark.fault("FT14", "the topic of dead letters is deleted", protection="a new start makes what is missing",
                   without="made_topics")  # fmt: skip
def test_a_deleted_topic_of_dead_letters_is_made_anew_and_has_all_that_came_since(
    network: Brokers, arena: Arena
) -> None:
    def valid(count: int, first: int) -> Iterator[SourceEvent]:
        return _valid(count, first, arena.shard.seed)

    with arena.load(LOAD, make=valid), Progress(arena) as progress:
        progress.await_more(MOVED, "no dead letters yet")
    arena.await_done()
    admin = AdminClient({"bootstrap.servers": network.kafka.bootstrap})
    admin.delete_topics([arena.dead])[arena.dead].result(30)
    await_that(lambda: arena.dead not in admin.list_topics(timeout=10).topics, "a topic is gone", patience_s=60)

    with arena.load(LOAD):
        let_pass(arena, 15)
        arena.await_recovery()
    assert arena.dead in admin.list_topics(timeout=10).topics

    arena.judge()


def _valid(count: int, first: int, seed: int) -> Iterator[SourceEvent]:
    """Orders that become no dead letters."""
    for event in workload(count, first=first, customers=CUSTOMERS, seed=seed):
        if b'"amount":"' not in event.value and b"nobody" not in event.value:
            yield event
