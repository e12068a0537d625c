"""The grammar: all of it is known, what does not run yet is refused by name, every mistake has its line."""

from __future__ import annotations

import pytest

from streams.errors import ConfigurationError
from streams.pipeline.grammar import grammar_schema, parse_pipeline, parse_pipelines
from streams.pipeline.lookups.plan import BreakerPolicy, CallPolicy
from streams.pipeline.spec import AggregateSpec, Deduplicate, LookupSpec, RouteSpec, Source, TableSpec
from streams.pipeline.windows.kinds import Hopping
from streams.pipeline.windows.read import duration_ms

SMALL = """\
pipeline: orders
source:
  topic: cdc.orders.v1
  format: debezium-json
  contract: iglu:com.acme/orders/jsonschema/1-*-*
"""
ROUTED = SMALL + "route:\n  - {to: out.v1}\n"


def problems_of(text: str) -> list[str]:
    try:
        parse_pipeline(text, "p.yaml")
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_small_file_is_its_values_and_the_defaults() -> None:
    pipeline = parse_pipeline(ROUTED, "p.yaml")

    assert pipeline.source == Source(
        topic="cdc.orders.v1",
        format="debezium-json",
        contract="iglu:com.acme/orders/jsonschema/1-*-*",
        key=None,
        event_time=None,
        max_future_ms=3_600_000,
    )
    assert pipeline.routes == (
        RouteSpec(to="out.v1", key=None, contract=None, value="row", on_delete="tombstone", attach={}, where=None),
    )
    assert (pipeline.deduplicate, pipeline.filter, pipeline.table, pipeline.aggregates) == (None, None, None, ())
    assert (pipeline.mask, pipeline.derive, pipeline.dead_letters) == ({}, {}, None)


def test_a_large_file_is_its_values() -> None:
    text = ROUTED.replace("format: debezium-json", "format: json\n  key: [a]\n  event_time: at\n  max_future: 2d")
    text += """\
deduplicate: {by: [a, b], keep: 90m}
filter: "a > 1"
mask: {b: redact}
derive: {c: "a + 1"}
table: {name: latest, key: [a]}
aggregate:
  - table: sums
    by: [a]
    window: {tumbling: 500ms, grace: 3s}
    columns: {n: "count(*)"}
    emit: final
    idle: 1m
    late: late.v1
    to: sums.v1
errors: {dead_letters: dead.v1}
"""
    pipeline = parse_pipeline(text, "p.yaml")

    assert (pipeline.source.key, pipeline.source.event_time, pipeline.source.max_future_ms) == (
        ("a",),
        "at",
        172_800_000,
    )
    assert pipeline.deduplicate == Deduplicate(by=("a", "b"), keep_ms=5_400_000)
    assert pipeline.table == TableSpec(name="latest", key=("a",))
    assert pipeline.aggregates == (
        AggregateSpec(
            table="sums",
            by=("a",),
            is_of_rows=False,
            windows=Hopping(size_ms=500, step_ms=500, grace_ms=3_000),
            columns={"n": "count(*)"},
            emit="final",
            idle_ms=60_000,
            late="late.v1",
            to="sums.v1",
        ),
    )
    assert (pipeline.filter, pipeline.mask, pipeline.derive) == ("a > 1", {"b": "redact"}, {"c": "a + 1"})
    assert pipeline.dead_letters == "dead.v1"


@pytest.mark.parametrize(
    ("text", "ms"), [("0s", 0), ("7ms", 7), ("7s", 7_000), ("2m", 120_000), ("1h", 3_600_000), ("1d", 86_400_000)]
)
def test_durations_have_units(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["10", "10 s", "-1s", "1.5s", "s", "10sec", "1234567890s", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    (problem,) = problems_of(ROUTED + f"deduplicate: {{by: identity, keep: '{text}'}}\n")

    assert problem.startswith("p.yaml:8: deduplicate.keep: must match ^[0-9]{1,9}(ms|s|m|h|d)$")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("mask: {a: tokenize}", "8: mask.a: tokenize arrives later"),
    ],
)
def test_what_does_not_run_yet_is_refused_by_name(more: str, says: str) -> None:
    (problem,) = problems_of(ROUTED + more + "\n")

    assert problem.startswith("p.yaml:")
    assert says in problem


@pytest.mark.parametrize(("part", "says"), [("format: avro", "avro")])
def test_parts_of_a_route_that_do_not_run_yet_are_refused_by_name(part: str, says: str) -> None:
    (problem,) = problems_of(SMALL + f"route:\n  - to: out.v1\n    {part}\n")

    assert problem.startswith(f"p.yaml:8: route[0].{part.split(':')[0]}: {says} arrives later")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "p.yaml"),
        ("- a", "p.yaml"),
        ("pipeline: [", "no valid YAML"),
        ("pipeline: a\npipeline: b", "p.yaml:2: no valid YAML: found duplicate key"),
        (ROUTED.replace("orders\n", "Orders!\n", 1), "p.yaml:1: pipeline: must match ^[a-z][a-z0-9_]*$"),
        (ROUTED.replace("topic:", "topics:"), "p.yaml:3: source.topics: unknown key 'topics'; did you mean topic?"),
        (ROUTED + "filtre: a\n", "p.yaml:8: filtre: unknown key 'filtre'; did you mean filter?"),
        (ROUTED + "filter: 7\n", "p.yaml:8: filter: must be string"),
        (SMALL, "it publishes nothing: add route, table or aggregate"),
        (ROUTED.replace("out.v1", "out v1"), "route[0].to: must match"),
        (ROUTED + "deduplicate: {keep: 1h}\n", "p.yaml:8: deduplicate.by: is required"),
        (
            ROUTED + "table: {name: t}\naggregate:\n  - {table: t, by: [a], columns: {n: count(*)}}\n",
            "aggregate: two tables are called t",
        ),
    ],
)
def test_a_mistake_has_its_line_and_its_place(text: str, says: str) -> None:
    found = problems_of(text)

    assert [problem for problem in found if says in problem], found


def test_the_mistakes_of_all_files_come_in_one_report() -> None:
    texts = {f"p{number}.yaml": ROUTED + f"filtre{number}: x\n" for number in range(10)}

    with pytest.raises(ConfigurationError) as caught:
        parse_pipelines(texts)

    found = [(problem.file, problem.line, problem.path) for problem in caught.value.problems]
    assert found == [(f"p{number}.yaml", 8, f"filtre{number}") for number in range(10)]


def test_two_pipelines_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"b.yaml:1: pipeline: a.yaml has this name already"):
        parse_pipelines({"a.yaml": ROUTED, "b.yaml": ROUTED})


EVERYTHING = """\
pipeline: orders
source:
  topic: cdc.orders.v1
  format: debezium-json
  contract: iglu:com.acme.shop/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 1h
deduplicate: {by: identity, keep: 24h}
filter: "op <> 'TRUNCATE'"
where: "status <> 'draft'"
quality: {on_fail: dead}
mask: {email: hash, note: redact}
lookup:
  vat: {call: "shop.vat:rate", args: [country_code], timeout: 200ms, missing: retry}
join:
  - {table: users, by: [customer_id], columns: {country: customer_country}, missing: retry}
derive: {amount_gross: "amount * (1 + vat)"}
table: {name: orders, key: [id]}
aggregate:
  - table: revenue_by_customer
    over: changes
    by: [customer_id]
    window: {tumbling: 1m, grace: 10s}
    columns: {orders: "count(*)", revenue: "sum(amount)", biggest: "max(amount)"}
    emit: current
    idle: 30s
    late: orders.late.v1
    to: revenue_by_customer.v1
route:
  - to: orders.enriched.v1
    key: [customer_id]
    contract: iglu:com.acme.shop/orders_enriched/jsonschema/1-*-*
    format: json
    value: row
    on_delete: tombstone
    attach: {running_count: revenue_by_customer.orders}
  - {to: orders.large.v1, where: "amount > 1000"}
errors:
  retry: {join_missing: [5s, 1m], lookup_unavailable: [1s, 10s, 5m]}
  in_order: park
  dead_letters: cdc.orders.v1-orders-dlt
"""


def test_the_whole_grammar_is_known() -> None:
    assert problems_of(EVERYTHING) == []


def test_the_schema_for_editors_has_every_part() -> None:
    steps = "source canary deduplicate filter where quality mask lookup join derive table aggregate route errors"

    assert {"pipeline", "transactional", *steps.split()} == set(grammar_schema()["properties"])


def test_what_is_said_of_a_look_up_stands_over_what_holds_without() -> None:
    said = (
        'lookup: {vat: {call: "a.b:c", args: [id], missing: null, timeout: 200ms, retry: {attempts: 3, pause: 10ms},'
        " concurrency: 4, batch: 50, cache: {size: 7, keep: 1h}, breaker: {failures: 2, open: 1m}}}"
    )
    (spec,) = parse_pipeline(ROUTED + said, "a.yaml").lookups

    policy = CallPolicy(
        timeout_ms=200, attempts=3, pause_ms=10, concurrency=4, batch=50, cached=7, keep_ms=3_600_000,
        breaker=BreakerPolicy(failures=2, open_ms=60_000),
    )  # fmt: skip
    assert spec == LookupSpec(column="vat", call="a.b:c", args=("id",), missing="keep", policy=policy)
