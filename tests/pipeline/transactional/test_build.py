"""Build: what can be released transaction by transaction, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts.registry import MemoryRegistry
from streams.dsl import stream
from streams.pipeline.grammar import parse_pipeline
from streams.planning.graph import graph_of
from streams.planning.rewind import Mode, obstacles

from ..builders import CRITERION, a_pipeline, a_topology, problems_of
from .builders import ENDS, LINES, ORDERS, both, whole

LOOKUP = {"vat": {"call": "tests.pipeline.lookups.outside:rate", "args": ["code"]}}
FILE = """
pipeline: orders
source: {{topic: cdc.orders.v1, format: debezium-json, contract: "iglu:com.acme/orders/jsonschema/1-*-*"}}
route: [{{to: out.v1}}]
transactional: {}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("false", None),
        ("true", ("cdc.transaction", 10_000)),
        ("{timeout: 1m}", ("cdc.transaction", 60_000)),
        ("{topic: shop.transaction}", ("shop.transaction", 10_000)),
    ],
)
def test_true_is_short_for_what_capture_and_debezium_call_it(written: str, meant: tuple[str, int] | None) -> None:
    spec = parse_pipeline(FILE.format(written), "orders.yaml").transactional

    assert (spec and (spec.topic, spec.timeout_ms)) == meant


def test_it_is_said_in_python_as_in_a_file() -> None:
    begun = stream(ORDERS, pipeline="orders", format="debezium-json", contract=CRITERION).route("out.v1")

    for written, said in (
        ("true", begun.transactional()),
        ("{topic: shop.transaction, timeout: 5s}", begun.transactional(topic="shop.transaction", timeout="5s")),
    ):
        assert said.build() == parse_pipeline(FILE.format(written), "orders.yaml")


def test_pipelines_of_one_source_share_their_tasks_and_others_do_not() -> None:
    other = whole("users", "other.users.v1")
    topology = a_topology(*both(), other)

    assert [sub.source_topics for sub in topology.subtopologies] == [
        (LINES, ORDERS, ENDS),
        ("other.users.v1", "app-other.transaction-ends-repartition"),
        ("cdc.transaction",),
        ("other.transaction",),
    ]


def test_a_format_that_tells_of_no_transactions_is_refused() -> None:
    source = {"topic": ORDERS, "format": "json", "event_time": "at"}

    (problem,) = problems_of(whole(source=source))

    assert "json does not tell of transactions; debezium-avro, debezium-json, debezium-protobuf do" in problem


def test_what_comes_together_in_other_tasks_is_refused_by_name() -> None:
    by_code = {"table": "codes", "by": ["code"], "columns": {"n": "count(*)"}, "to": "codes.v1"}

    (problem,) = problems_of(whole(aggregate=[by_code]))

    assert "table codes comes together in other tasks, which see a transaction in pieces" in problem
    assert problems_of(whole(aggregate=[{**by_code, "by": ["id"]}])) == []


def test_a_join_through_a_stage_is_refused_and_one_in_the_same_tasks_is_not() -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, table={"name": "users"}, route=None)

    def joined(by: str) -> list[str]:
        join = {"type": "table", "table": "users", "by": [by], "columns": {"note": "said"}}
        return problems_of(users, whole(join=[join]))

    assert joined("id") == []
    (problem,) = joined("customer_id")
    assert "the join to users comes together in other tasks" in problem


def test_look_ups_are_refused_also_in_another_pipeline_of_the_topic() -> None:
    assert any("beside lookup it arrives later" in problem for problem in problems_of(whole(lookup=LOOKUP)))

    found = problems_of(whole(), a_pipeline("others", lookup=LOOKUP))
    assert any("would cut the transactions of orders" in problem for problem in found)


def test_pipelines_that_share_transactions_agree_on_them() -> None:
    other_time = whole("lines", LINES, transactional={"timeout": "5s"})
    other_topic = whole("more", transactional={"topic": "shop.transaction"})

    (problem,) = problems_of(whole(), other_time)
    assert "pipeline lines shares these transactions and has another timeout" in problem
    assert any("is told of in two topics of transactions" in problem for problem in problems_of(whole(), other_topic))


def test_avro_is_read_through_the_registry(tmp_path: Path) -> None:
    source = {"topic": ORDERS, "format": "debezium-avro"}

    assert problems_of(whole(source=source), registry=MemoryRegistry()) == []


def test_a_drawing_shows_where_ends_come_from() -> None:
    edges = {(edge.start.title, edge.end.title) for edge in graph_of(a_topology(whole())).edges}

    assert {("cdc.transaction", ENDS), (ENDS, "pipeline orders"), (ORDERS, "pipeline orders")} <= edges


def test_a_pipeline_can_be_filled_again() -> None:
    assert list(obstacles(a_topology(*both()).plans, Mode.BACKFILL)) == []
