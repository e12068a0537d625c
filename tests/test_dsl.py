"""The DSL: what is written in Python is the value that the file gives, and a mistake names the line of the call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.dsl import Stream, hopping, load_modules, session, sliding, stream, tumbling
from streams.errors import ConfigurationError
from streams.pipeline.grammar import grammar_schema, parse_pipeline
from streams.pipeline.spec import Pipeline
from streams.pipeline.windows.read import read_windows
from streams.testing import Driver

FOLDER = Path(__file__).parent.parent / "schemas"
CONTRACT = "iglu:com.acme.shop/{}/jsonschema/1-*-*"


def a_stream(name: str, dataset: str = "", **options: object) -> Stream:
    dataset = dataset or name
    return stream(
        f"cdc.{dataset}.v1", pipeline=name, format="debezium-json", contract=CONTRACT.format(dataset), **options  # type: ignore[arg-type]
    )


ORDERS = (
    a_stream("orders", key=["customer_id"])
    .deduplicate("identity", keep="24h")
    .derive(amount_gross="round(amount * 1.19, 2)")
    .table("orders")
    .route("orders.enriched.v1", key=["customer_id"], contract=CONTRACT.format("orders_enriched"))
    .build()
)
REVENUE = (
    a_stream("revenue", "orders", key=["customer_id"], event_time="created_at")
    .filter("op = 'INSERT'")
    .group_by("customer_id")
    .window(tumbling("10s", grace="10s"))
    .aggregate(
        "revenue_by_customer",
        {"orders": "count(*)", "revenue": "sum(amount)", "biggest": "max(amount)"},
        emit="final",
        idle="5s",
    )
    .to("revenue_by_customer.v1")
    .group_by("customer_id")
    .aggregate(
        "customer_totals",
        {"orders": "count(*)", "revenue": "sum(amount)", "average": "avg(amount)", "last_order": "max(created_at)"},
    )
    .to("customer_totals.v1")
    .build()
)
PRODUCTS = (
    a_stream("products").table("products").route("products.changes.v1", value="envelope", on_delete="event").build()
)
USERS = (
    a_stream("users")
    .mask(email="hash", ssn="redact", credit_card="partial")
    .table("users")
    .route("users.masked.v1")
    .errors(dead_letters="cdc.users.v1-users-dlt")
    .build()
)
TWINS = {held.name: held for held in (ORDERS, REVENUE, PRODUCTS, USERS)}


@pytest.mark.parametrize("file", sorted((FOLDER / "pipelines").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_pipeline_file_has_a_twin_that_is_the_same_value(file: Path) -> None:
    assert TWINS[file.stem] == parse_pipeline(file.read_text("utf-8"), file.name)


EVERYTHING = (
    stream(
        "cdc.orders.v1",
        pipeline="everything",
        format="debezium-json",
        contract=CONTRACT.format("orders"),
        key=["customer_id"],
        identity=["id", "customer_id"],
        event_time="created_at",
        max_future="2h",
    )
    .deduplicate(["id", "status"], keep="1h")
    .filter("op <> 'TRUNCATE'")
    .where("status <> 'draft'")
    .quality(
        {
            "completeness": ["id"],
            "uniqueness": ["id"],
            "validity": {"amount": "range:0,9"},
            "consistency": {"sums": "amount >= 0"},
            "references": {"customer_id": "users.id"},
            "freshness": {"max_delay": "5m", "measurement": "created_at"},
        },
        on_fail="warn",
    )
    .canary("1-1-0")
    .mask(status="redact")
    .lookup("vat", "shop.vat:rate", ["status"], timeout="200ms")
    .join("users", ["customer_id"], columns={"age": "customer_age"}, missing=None, same_keys=True)
    .derive(gross="amount * 2")
    .table("rows", key=["id"])
    .group_by("status")
    .window(tumbling("1m", grace="1s"))
    .aggregate("a", {"n": "count(*)"}, over="changes", emit="final", idle="5s", late="late.v1")
    .to("a.v1")
    .group_by("status")
    .window(hopping("1m", "10s", retain="2d"))
    .aggregate("b", {"n": "count(*)"})
    .group_by("status")
    .window(sliding("1m"))
    .aggregate("c", {"n": "count(*)"})
    .group_by()
    .window(session("30s"))
    .aggregate("d", {"n": "count(*)"})
    .route(
        "out.v1",
        key=["id"],
        contract=CONTRACT.format("orders"),
        format="json",
        value="row",
        on_delete="event",
        attach={"n": "a.n"},
        where="amount > 1",
    )
    .errors(retry={"join_missing": ["5s"], "lookup_unavailable": ["1s"]}, in_order="park", dead_letters="dead.v1")
    .transactional(topic="shop.transaction", timeout="5s")
)


def said(value: object, path: str = "") -> set[str]:
    """Paths of the keys of a pipeline, whatever stands in its lists."""
    if isinstance(value, list):
        return {found for held in value for found in said(held, path)}
    if not isinstance(value, dict):
        return set()
    return {found for name, held in value.items() for found in {f"{path}.{name}", *said(held, f"{path}.{name}")}}


def known(schema: Mapping[str, Any]) -> set[str]:
    """Paths of the keys that the grammar names, as far as calls name them one by one; others take any option."""
    steps: Mapping[str, Any] = schema["properties"]
    parts = {f".{step}.{name}" for step in ("source", "deduplicate", "table") for name in steps[step]["properties"]}
    return {f".{step}" for step in steps} | parts


def test_everything_that_a_file_can_say_can_be_said_in_python() -> None:
    assert known(grammar_schema()) - said(dict(EVERYTHING.value)) == set()


def test_whatever_was_said_stands_where_a_file_has_it_with_the_line_of_its_call() -> None:
    value = EVERYTHING.value

    join = {"table": "users", "by": ["customer_id"], "columns": {"age": "customer_age"}, "missing": None}
    assert value["join"] == [{**join, "same_keys": True}]
    windows = [held["window"] for held in value["aggregate"]]
    assert windows == [
        {"tumbling": "1m", "grace": "1s"}, {"hopping": {"size": "1m", "step": "10s"}, "retain": "2d"},
        {"sliding": "1m"}, {"session": "30s"},
    ]  # fmt: skip
    assert (value["aggregate"][-1]["by"], value["aggregate"][0]["to"]) == ([], "a.v1")
    assert value["lookup"] == {"vat": {"call": "shop.vat:rate", "args": ["status"], "timeout": "200ms"}}
    assert {step for step in value if (step,) not in EVERYTHING.lines and (step, 0) not in EVERYTHING.lines} == set()


def test_a_null_for_a_missing_partner_is_said_as_the_file_says_it() -> None:
    joined = a_stream("orders").join("users", ["customer_id"], columns={"age": "age"}, missing=None).route("a.v1")
    silent = a_stream("orders").join("users", ["customer_id"], columns={"age": "age"}).route("a.v1")

    assert [held.build().joins[0].missing for held in (joined, silent)] == ["keep", "retry"]


def test_a_join_of_two_streams_is_said_as_the_file_says_it() -> None:
    by = {"customer_id": "id"}
    joined = a_stream("orders").join_stream("payments", by, within="1h", columns={"id": "paid"}, missing=None)

    held = {"type": "interval", "with": "payments", "by": by, "within": "1h", "columns": {"id": "paid"}}
    assert joined.value["join"] == [{**held, "missing": None}]
    interval = joined.route("a.v1").build().interval
    assert interval is not None
    assert (interval.partner, interval.by) == ("payments", by)
    assert (interval.before_ms, interval.after_ms, interval.missing) == (3_600_000, 3_600_000, "keep")


def test_a_common_beginning_goes_on_in_two_ways() -> None:
    common = a_stream("orders").table("orders")

    first, second = common.route("a.v1"), common.route("b.v1")

    assert [held.to for held in first.build().routes + second.build().routes] == ["a.v1", "b.v1"]
    assert common.build().routes == ()


def test_a_mistake_names_the_python_file_and_the_line_of_its_call() -> None:
    begun = a_stream("orders").table("orders")
    wrong = begun.group_by("customer_id").window({"tumbling": "soon"}).aggregate("t", {"n": "count(*)"})
    line = wrong.lines["aggregate", 0]

    with pytest.raises(ConfigurationError) as caught:
        wrong.route("a.v1", keys=["id"]).build()

    problems = [(problem.file, problem.line, problem.path) for problem in caught.value.problems]
    assert (__file__, line, "aggregate[0].window.tumbling") in problems
    assert (__file__, line + 4, "route[0].keys") in problems


def test_a_pipeline_in_python_runs_in_the_driver_beside_those_of_files() -> None:
    again: Pipeline = a_stream("again", "products").table("again").route("again.v1").build()
    driver = Driver(FOLDER, pipelines=["products", again])
    value = b'{"before":null,"after":{"id":1},"source":{"ts_ms":1},"op":"c","ts_ms":1}'

    driver.send("cdc.products.v1", key=b'{"id":1}', value=value)

    assert len(driver.records("cdc.products.v1-again-dlt")) == len(driver.records("cdc.products.v1-products-dlt"))
    assert sum(driver.ledger().values()) == 2


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (tumbling("1m", grace="5s", retain="7d"), {"tumbling": "1m", "grace": "5s", "retain": "7d"}),
        (hopping("1m", "10s"), {"hopping": {"size": "1m", "step": "10s"}}),
        (sliding("1m", retain="1h"), {"sliding": "1m", "retain": "1h"}),
        (session("30s", grace="1m"), {"session": "30s", "grace": "1m"}),
    ],
)
def test_windows_of_every_kind_are_those_of_a_file(windows: Mapping[str, object], said: Mapping[str, Any]) -> None:
    grouped = a_stream("orders").group_by("customer_id").window(windows)

    (aggregate,) = grouped.aggregate("t", {"n": "count(*)"}).build().aggregates

    assert aggregate.windows == read_windows(said)


def test_modules_give_the_pipelines_that_have_a_name_there() -> None:
    assert list(load_modules([__name__])) == [ORDERS, REVENUE, PRODUCTS, USERS]


def test_every_module_that_gives_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_pipelines.py").write_text(
        "from streams.dsl import stream\n\nodd = stream('a', pipeline='Odd', format='json', contract='x').build()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ConfigurationError) as caught:
        load_modules(["no.such_module", "json", "broken_pipelines"])

    told = [str(problem) for problem in caught.value.problems]
    assert any("no.such_module cannot be imported" in text for text in told)
    assert any("json holds no pipeline" in text for text in told)
    assert any("broken_pipelines.py:3" in text for text in told)
