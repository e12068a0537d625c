"""AsyncAPI: the topics of pipelines, what is in them and who sends it, as a document of AsyncAPI 3.0.

Channels are topics that others see: sources, outputs, late events and dead letters; those between stages, of retries
and of state are the engine's own. Messages are rows under their contracts.
Source: AsyncAPI 3.0.0 and its Kafka bindings 0.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from streams.contracts.exports.json_schema import bundled
from streams.contracts.exports.names import pascal, unique
from streams.contracts.model import Contract, Contracts
from streams.pipeline.outputs import OnDelete
from streams.pipeline.plan import Aggregation, Plan
from streams.pipeline.published import envelope_shape, group_shape, key_shape, route_shape, row_shape
from streams.pipeline.topology import TopicKind, Topology

from .payloads import AT, AVRO, JSON, PROTOBUF, Shape, name_of, payload_of

_BINDING = "0.5.0"
_SEEN = frozenset({TopicKind.SOURCE, TopicKind.OUTPUT, TopicKind.DEAD_LETTERS})
_NUMBERS = frozenset({"retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes"})
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_LETTER_HEADERS = {
    "code": "The reason", "uri": "The contract that was broken", "rule": "Which rules", "path": "In which columns",
    "message": "The same for people", "attempt": "How often it was tried", "fingerprint": "Equal for the same cause",
    "original_timestamp": "ms since the epoch", "first_failed_at": "ms since the epoch",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the topics are."""

    brokers: str
    """host:port, separated by commas."""
    is_secure: bool = False
    registry: str = ""


@dataclass(slots=True)
class _Document:
    """What has been found so far."""

    contracts: Contracts
    plans: tuple[Plan, ...]
    app: str
    schemas: Shape = field(default_factory=dict)
    messages: Shape = field(default_factory=dict)
    channels: Shape = field(default_factory=dict)
    operations: Shape = field(default_factory=dict)
    by_topic: dict[str, str] = field(default_factory=dict)

    def shape(self, name: str, make: Any) -> Shape:
        """A reference to the schema ``name``, which ``make(at)`` makes once."""
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = make(f"{AT}{name}")
        return {"$ref": f"{AT}{name}"}


def asyncapi_of(topology: Topology, contracts: Contracts, cluster: Cluster) -> dict[str, Any]:
    """The document of everything that ``topology`` reads and writes."""
    document = _Document(contracts=contracts, plans=topology.plans, app=topology.app)
    for spec in topology.topics:
        if spec.kind in _SEEN:
            _channel(document, spec.name, dict(spec.config))
    for plan in topology.plans:
        _source(document, plan)
        _results(document, plan)
        _routes(document, plan)
        _letters(document, plan)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"Pipelines of {topology.app}", "version": "1.0.0",
                 "description": "Topics that the pipelines read and write, under the contracts of their rows."},
        "defaultContentType": JSON,
        "servers": _servers(cluster),
        "channels": document.channels,
        "operations": document.operations,
        "components": {"schemas": document.schemas, "messages": document.messages},
    }  # fmt: skip


def _servers(cluster: Cluster) -> Shape:
    registry = {"schemaRegistryUrl": cluster.registry, "schemaRegistryVendor": "confluent"} if cluster.registry else {}
    server = {"protocol": "kafka-secure" if cluster.is_secure else "kafka",
              "bindings": {"kafka": {**registry, "bindingVersion": _BINDING}}}  # fmt: skip
    hosts = [host.strip() for host in cluster.brokers.split(",")]
    return {f"kafka{number or ''}": {"host": host, **server} for number, host in enumerate(hosts)}


def _channel(document: _Document, topic: str, config: Mapping[str, str]) -> None:
    name = unique(_OTHER.sub("_", topic), document.channels)
    document.by_topic[topic] = name
    told: Shape = {key: int(value) for key, value in config.items() if key in _NUMBERS and value.lstrip("-").isdigit()}
    if "cleanup.policy" in config:
        told["cleanup.policy"] = config["cleanup.policy"].split(",")
    binding = {"topic": topic, "bindingVersion": _BINDING, **({"topicConfiguration": told} if told else {})}
    document.channels[name] = {"address": topic, "messages": {}, "bindings": {"kafka": binding}}


def _source(document: _Document, plan: Plan) -> None:
    contract = plan.contract.newest
    form = plan.codec.name
    row = document.shape(name_of(contract), lambda at: bundled(contract, document.contracts, at=at))
    whole = bundled(contract, document.contracts, at=f"{AT}{name_of(contract)}")
    payload, content = payload_of(form, contract, row, document.contracts)
    key = key_shape(plan.spec["source"].get("key", plan.key), whole)  # type: ignore[attr-defined]  # a mapping
    message = _message(
        f"{name_of(contract)} as {form}", payload, content, key if key["properties"] else None, contract,
        said=f"Rows of {contract.subject}. A record without a value is a tombstone: the row is gone.",
    )  # fmt: skip
    message["x-contracts"] = [one.uri for one in plan.contract.versions]
    _operate(document, plan, "receive", plan.topic, message)


def _rows(document: _Document, plan: Plan) -> Shape:
    name = f"{pascal(plan.name)}Row"
    document.shape(name, lambda at: row_shape(plan, document.plans, document.contracts, at=at))
    held: Shape = document.schemas[name]
    return held


def _results(document: _Document, plan: Plan) -> None:
    for aggregation in plan.judged:
        row = _rows(document, plan)
        if aggregation.to is not None:
            _operate(document, plan, "send", aggregation.to, _result(document, aggregation, row))
        if aggregation.late_to is not None:
            name = f"{pascal(plan.name)}Row"
            late = _message(f"Late for {aggregation.table}", {"$ref": f"{AT}{name}"}, JSON, None, None,
                            said=f"Events that came after their window of {aggregation.table} had closed.")  # fmt: skip
            _operate(document, plan, "send", aggregation.late_to, late)


def _result(document: _Document, aggregation: Aggregation, row: Shape) -> Shape:
    name = f"{pascal(aggregation.table)}Result"
    payload = document.shape(name, lambda _: group_shape(aggregation, row))
    said = "once, when the window has closed" if aggregation.emission.value == "final" else "the last at each commit"
    about = f"Results by {', '.join(aggregation.by) or 'everything'}: {said}."
    return _message(f"Results of {aggregation.table}", payload, JSON, key_shape(aggregation.by, row), None, said=about)


def _routes(document: _Document, plan: Plan) -> None:
    for route in plan.routes:
        row = _rows(document, plan)
        name = name_of(route.contract) if route.contract is not None else f"{pascal(plan.name, 'to', route.to)}"
        make = partial(route_shape, route, row, document.contracts)
        payload = document.shape(name, lambda at, make=make: make(at=at))
        if route.is_envelope:
            payload = envelope_shape(payload, is_partial=False)
        gone = "A DELETE is a tombstone." if route.on_delete is OnDelete.TOMBSTONE else "A DELETE is an event."
        message = _message(f"{name} of {plan.name}", payload, JSON, key_shape(route.key, row), route.contract,
                           said=f"Rows that {plan.name} publishes. {gone}")  # fmt: skip
        _operate(document, plan, "send", route.to, message)


def _letters(document: _Document, plan: Plan) -> None:
    headers = {f"__contract.errors.{name}": {"type": "string", "description": said}
               for name, said in _LETTER_HEADERS.items()}  # fmt: skip
    message = _message(f"Dead letter of {plan.name}", {}, "application/octet-stream", None, None,
                       said="Key, value and headers as they came, and why the record could not go on.")  # fmt: skip
    message["headers"] = {"type": "object", "properties": headers, "required": ["__contract.errors.code"]}
    _operate(document, plan, "send", plan.dead_letters, message)


def _message(
    title: str, payload: Shape, content: str, key: Shape | None, contract: Contract | None, *, said: str
) -> Shape:
    binding: Shape = {"bindingVersion": _BINDING, **({} if key is None else {"key": key})}
    if content in (AVRO, PROTOBUF):
        binding |= {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent"}
    message: Shape = {"title": title, "summary": said, "contentType": content, "payload": payload,
                      "bindings": {"kafka": binding}}  # fmt: skip
    if contract is not None:
        message["x-contract"] = contract.uri
    return message


def _operate(document: _Document, plan: Plan, action: str, topic: str, message: Shape) -> None:
    """``plan`` does ``action`` with ``message`` in ``topic``."""
    if topic not in document.by_topic:
        _channel(document, topic, {})
    channel = document.by_topic[topic]
    name = _named(document, message)
    document.channels[channel]["messages"][name] = {"$ref": f"#/components/messages/{name}"}
    operation = unique(_OTHER.sub("_", f"{plan.name}.{action}.{topic}"), document.operations)
    group = {"groupId": {"type": "string", "enum": [document.app]}} if action == "receive" else {}
    document.operations[operation] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"Pipeline {plan.name}",
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"}],
        "bindings": {"kafka": {**group, "bindingVersion": _BINDING}},
    }


def _named(document: _Document, message: Shape) -> str:
    """The name of ``message`` among the components: the same for the same."""
    name = pascal(message["title"])
    while document.messages.get(name, message) != message:
        name = unique(name, document.messages)
    document.messages[name] = message
    return name
